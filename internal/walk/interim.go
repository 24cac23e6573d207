// Package walk finds the files of a tree. (Interim, for joining the stages: to be replaced by its owner; delete this file.)
package walk

import (
	"context"
	"io/fs"
	"path/filepath"
)

// Options say what to walk.
type Options struct {
	Root    string
	Exclude []string
	Warn    func(Warning)
}

// File is one found.
type File struct {
	Path, Rel string
	Info      fs.FileInfo
}

// Warning is something met.
type Warning struct{ Code, Path, Message string }

// Error is about one path.
type Error struct {
	Code, Path string
	Err        error
}

func (e *Error) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Walk walks.
func Walk(ctx context.Context, opt Options, found func(File) error) error {
	return filepath.WalkDir(opt.Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(opt.Root, path)
		if err != nil {
			return err
		}
		return found(File{Path: path, Rel: filepath.ToSlash(rel), Info: info})
	})
}
