//go:build unix

package openfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Same reports whether both describe the same file, by device and inode. Unlike os.SameFile it accepts any
// FileInfo whose Sys is a *syscall.Stat_t.
func Same(a, b fs.FileInfo) bool {
	x, ok := a.Sys().(*syscall.Stat_t)
	y, also := b.Sys().(*syscall.Stat_t)
	return ok && also && x.Dev == y.Dev && x.Ino == y.Ino
}

// IsBusy reports whether another program keeps the file of an error to itself: none can.
func IsBusy(error) bool { return false }

func open(path string) (*os.File, error) {
	fd, err := openRaw(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err == nil { // O_NONBLOCK is for opening alone: os.NewFile would hand a non-blocking file to the poller
		if _, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, 0); err != nil {
			_ = syscall.Close(fd)
		}
	}
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), path), nil
	case errors.Is(err, syscall.ELOOP):
		if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, fail(path, errLink)
		}
	case errors.Is(err, syscall.ENXIO): // a socket, or a device without a driver
		err = ErrNotRegular
	}
	return nil, fail(path, err)
}

// openRaw opens a path without the five system calls with which os.OpenFile finds that a file is not for the
// poller.
func openRaw(path string, flags int, perm fs.FileMode) (fd int, err error) {
	for {
		if fd, err = syscall.Open(path, flags|syscall.O_CLOEXEC, uint32(perm.Perm())); !errors.Is(err, syscall.EINTR) {
			return fd, err
		}
	}
}

func create(path string, perm fs.FileMode) (*os.File, error) {
	fd, err := openRaw(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL, perm)
	if err != nil {
		return nil, fail(path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// write does without an os.File, which costs two system calls more.
func write(path string, perm fs.FileMode, contents []byte) error {
	fd, err := openRaw(path, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL, perm)
	if err != nil {
		return fail(path, err)
	}
	for len(contents) > 0 && err == nil {
		var n int
		if n, err = syscall.Write(fd, contents); errors.Is(err, syscall.EINTR) {
			err = nil
		}
		contents = contents[max(n, 0):]
	}
	if cerr := syscall.Close(fd); err == nil && !errors.Is(cerr, syscall.EINTR) {
		err = cerr // network file systems write here
	}
	if err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

func rename(from, to string) error {
	if err := syscall.Rename(from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
