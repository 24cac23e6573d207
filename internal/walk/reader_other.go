//go:build !linux

package walk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

type entry struct {
	item
	file fs.DirEntry
}

type reader struct {
	shared
	path string
	file *os.File
}

func openReader(path, real string) (*reader, error) {
	file, err := os.Open(real)
	if err != nil {
		return nil, err
	}
	r := &reader{path: path, file: file}
	r.close = func() { _ = file.Close() }
	return r, nil
}

func newBatch() *batch { return &batch{} }

// next fills b with the next entries and reports whether they are the last.
func (r *reader) next(b *batch) (end bool, err error) {
	b.entries = b.entries[:0]
	const most = 1024
	list, err := r.file.ReadDir(most)
	for _, file := range list {
		b.entries = append(b.entries, entry{
			item{path: filepath.Join(r.path, file.Name()), name: file.Name(), mode: file.Type()}, file,
		})
	}
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return err != nil || len(list) < most, err
}

func (r *reader) lstat(e entry) (fs.FileInfo, error) { return e.file.Info() }
