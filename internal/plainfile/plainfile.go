// Package plainfile opens files whose names people give: manifests, configurations, lists of headers.
package plainfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// ErrKind is wrapped by Open for what is no regular file. Opening a pipe would wait until somebody writes into it, and
// no signal ends that wait.
var ErrKind = errors.New("is no regular file")

// Open opens a regular file, or a link to one, for reading. Errors are of type [*fs.PathError].
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: ErrKind}
	}
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// Read returns the contents of a regular file of at most limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("is too large")}
	}
	return text, err
}
