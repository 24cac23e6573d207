//go:build !windows

package uploader

import (
	"io/fs"
	"syscall"
)

// mayUse reports whether the Manager and its workers can use a file that was written here as they use one of
// the Manager's own, once both have the same mode.
func mayUse(ours, theirs fs.FileInfo) bool {
	one, ok := ours.Sys().(*syscall.Stat_t)
	other, also := theirs.Sys().(*syscall.Stat_t)
	if !ok || !also {
		return true
	}
	mode := theirs.Mode()
	group := one.Gid == other.Gid
	write := one.Uid == other.Uid || other.Uid == 0 || group && mode&0o020 != 0 || mode&0o002 != 0
	return write && (group || mode&0o004 != 0)
}
