//go:build unix

package kv

import (
	"os"

	"golang.org/x/sys/unix"
)

// tryLock reports whether it got the lock; not getting it is no error.
func tryLock(file *os.File, exclusive bool) (bool, error) {
	how := unix.LOCK_SH | unix.LOCK_NB
	if exclusive {
		how = unix.LOCK_EX | unix.LOCK_NB
	}
	for {
		switch err := unix.Flock(int(file.Fd()), how); err {
		case nil:
			return true, nil
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return false, nil
		default:
			return false, &os.PathError{Op: "flock", Path: file.Name(), Err: err}
		}
	}
}
