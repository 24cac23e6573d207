//go:build !unix

package hashcache

import (
	"io"
	"io/fs"
	"os"
)

// file is a file open for reading.
type file struct{ *os.File }

func openFile(path string) (*file, error) {
	f, err := os.Open(path)
	return &file{f}, err
}

func (f *file) rewind() error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// stamp returns the stamp of the open file, or ErrNotRegular.
func (f *file) stamp() (Stamp, error) { return f.judge(f.Stat()) }

// stampNow returns the stamp of what the path leads to now.
func (f *file) stampNow() (Stamp, error) { return f.judge(os.Stat(f.Name())) }

func (f *file) judge(info fs.FileInfo, err error) (Stamp, error) {
	if err != nil {
		return Stamp{}, err
	}
	if !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "hash", Path: f.Name(), Err: ErrNotRegular}
	}
	return StampOf(info), err
}

func (*file) advise() {}
