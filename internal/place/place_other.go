//go:build !windows

package place

func findName(string) (name string, ok bool) { return "", false }
