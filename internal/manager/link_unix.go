//go:build !windows

package manager

import "os"

// makeLink makes a link to a stored file.
func makeLink(target, name string) error { return os.Symlink(target, name) }
