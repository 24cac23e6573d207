//go:build unix

package openfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Same reports whether both describe the same file, by device and inode. Unlike os.SameFile it accepts any FileInfo
// whose Sys is a *syscall.Stat_t.
func Same(a, b fs.FileInfo) bool {
	x, ok := a.Sys().(*syscall.Stat_t)
	y, also := b.Sys().(*syscall.Stat_t)
	return ok && also && x.Dev == y.Dev && x.Ino == y.Ino
}

// IsBusy reports whether another program keeps the file of an error to itself: none can.
func IsBusy(error) bool { return false }

func open(path string) (*os.File, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
		switch {
		case err == nil:
			// O_NONBLOCK is for opening alone: os.NewFile would hand a non-blocking file to the poller.
			if err := syscall.SetNonblock(fd, false); err != nil {
				_ = syscall.Close(fd)
				return nil, fail(path, err)
			}
			return os.NewFile(uintptr(fd), path), nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ELOOP):
			if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
				return nil, fail(path, errLink)
			}
			return nil, fail(path, err)
		case errors.Is(err, syscall.ENXIO): // a socket, or a device without a driver
			return nil, fail(path, ErrNotRegular)
		default:
			return nil, fail(path, err)
		}
	}
}
