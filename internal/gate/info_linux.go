package gate

import (
	"io/fs"
	"path/filepath"
	"syscall"
	"time"
)

// info is what is asked of a remembered FileInfo: a third of its memory, which a run has once for each file.
type info struct {
	name               string
	size, mtime, ctime int64 // bytes, nanoseconds since 1970
	inode, device      uint64
	mode               fs.FileMode
}

// compact returns what to remember of the FileInfo of the file at path.
func compact(path string, of fs.FileInfo) fs.FileInfo {
	sys, ok := of.Sys().(*syscall.Stat_t)
	if !ok {
		return of
	}
	return &info{filepath.Base(path), of.Size(), of.ModTime().UnixNano(), sys.Ctim.Nano(), sys.Ino, sys.Dev, of.Mode()}
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) ModTime() time.Time { return time.Unix(0, i.mtime) }
func (i *info) IsDir() bool        { return i.mode.IsDir() }
func (i *info) Sys() any {
	return &syscall.Stat_t{Ino: i.inode, Dev: i.device, Ctim: syscall.NsecToTimespec(i.ctime)}
}
