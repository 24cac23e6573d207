//go:build !windows

package uploader

import (
	"io/fs"
	"syscall"
)

// sameGroup reports whether two files belong to one group.
func sameGroup(a, b fs.FileInfo) bool {
	one, ok := a.Sys().(*syscall.Stat_t)
	other, also := b.Sys().(*syscall.Stat_t)
	return !ok || !also || one.Gid == other.Gid
}
