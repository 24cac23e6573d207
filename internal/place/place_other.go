//go:build !windows

package place

func findName(string) (name string, ok bool) { return "", false }

// device returns "": there are no drives.
func device(string) string { return "" }
