//go:build !linux

package openfile

import (
	"io/fs"
	"os"
	"runtime"
)

// Compact returns what to remember of a FileInfo.
func Compact(_ string, of fs.FileInfo) fs.FileInfo { return of }

func list(dir *os.File, path string, n int, visit func(name string, info fs.FileInfo, err error)) (int, error) {
	entries, err := dir.ReadDir(n)
	infoOf := fs.DirEntry.Info
	if runtime.GOOS == "windows" {
		infoOf = infos(path, os.Lstat, Same)
	}
	for _, e := range entries {
		info, err := infoOf(e)
		visit(e.Name(), info, err)
	}
	return len(entries), err
}
