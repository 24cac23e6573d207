package openfile

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// Same reports whether both describe the same file, by volume and file id. What os.Stat and os.Lstat return
// looks the id up at the first comparison only; call Same(info, info) to have it looked up at once.
func Same(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

// open opens path unless it is a link. FILE_FLAG_OPEN_REPARSE_POINT would not do: files of deduplicated and
// cloud volumes are reparse points, too, and have no contents when they are opened with it.
func open(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, fail(path, errLink)
	}
	if !info.Mode().IsRegular() {
		return nil, fail(path, ErrNotRegular)
	}
	Same(info, info)
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, fail(path, err)
	}
	handle, err := createFile(name)
	if err != nil {
		return nil, fail(path, err)
	}
	f := os.NewFile(uintptr(handle), path)
	if now, err := f.Stat(); err != nil || !Same(now, info) {
		f.Close()
		return nil, fail(path, ErrReplaced)
	}
	return f, nil
}

func create(path string, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
}

func write(path string, perm fs.FileMode, contents []byte) error {
	file, err := create(path, perm)
	if err != nil {
		return err
	}
	_, err = file.Write(contents)
	return errors.Join(err, file.Close())
}

func rename(from, to string) error { return os.Rename(from, to) }

// lockWait is how long open waits for a file that another program keeps to itself: scanners for viruses,
// indexers and backups do so for a moment each time a file was written.
const (
	lockWait  = 3 * time.Second
	lockPause = 50 * time.Millisecond
)

// IsBusy reports whether another program keeps the file of an error to itself.
func IsBusy(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

func createFile(name *uint16) (windows.Handle, error) {
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	for until := time.Now().Add(lockWait); ; time.Sleep(lockPause) {
		handle, err := windows.CreateFile(name, windows.GENERIC_READ, share, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
		if !IsBusy(err) || time.Now().After(until) {
			return handle, err
		}
	}
}
