package uploader

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// cloneFile gives an empty file the contents of another, up to most bytes, by sharing its blocks or by a copy
// in the kernel, which takes a tenth of the time of a read and a write. It leaves to at its beginning.
func cloneFile(ctx context.Context, to, from *os.File, most int64) error {
	if unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil {
		return nil
	}
	const portion = 64 << 20 // between two looks at ctx
	for n := int64(1); n > 0 && most > 0 && ctx.Err() == nil; most -= n {
		var err error
		if n, err = to.ReadFrom(io.LimitReader(from, min(portion, most))); err != nil {
			return err
		}
	}
	_, err := to.Seek(0, io.SeekStart)
	return err
}

// renameNew renames a file and overwrites none: there the error is [os.ErrExist], and [errors.ErrUnsupported]
// where the file system has no such operation.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		err = errors.ErrUnsupported
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
