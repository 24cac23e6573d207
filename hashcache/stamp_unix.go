//go:build unix

package hashcache

import (
	"io/fs"
	"os"
)

// stampAt returns the stamp of the file at path, of which a walk or os.Stat got info.
func stampAt(_ string, info fs.FileInfo) (Stamp, error) { return StampOf(info), nil }

// stampOfFile returns the stamp of an open file, whose Stat returned info.
func stampOfFile(_ *os.File, info fs.FileInfo) (Stamp, error) { return StampOf(info), nil }
