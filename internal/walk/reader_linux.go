package walk

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// On Linux folders are read with getdents64 and files looked at with fstatat, relative to the open folder. Against os.ReadDir
// and Info that saves a quarter of the time, since the kernel need not walk the whole path for each file.

// maxPath is the longest path that can be opened, in bytes: PATH_MAX less the NUL.
const maxPath = 4095

// openFlags keep the opening of a pipe from waiting for a writer.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

type entry struct{ item }

type reader struct {
	shared
	path string
	fd   int
}

func openReader(path, real string) (*reader, error) {
	for {
		fd, err := unix.Open(real, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		r := &reader{path: path, fd: fd}
		r.close = func() { _ = unix.Close(fd) }
		return r, nil
	}
}

func newBatch() *batch { return &batch{raw: make([]byte, 64<<10)} }

// maxEntry is the longest record of getdents64: 19 bytes, a name of 255, a NUL, rounded up.
const maxEntry = 280

// next fills b with the next entries, some 1,500, and reports whether they are the last.
func (r *reader) next(b *batch) (end bool, err error) {
	b.entries = b.entries[:0]
	n := 0
	for len(b.raw)-n > maxEntry {
		got, err := unix.Getdents(r.fd, b.raw[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			r.parse(b, b.raw[:n])
			return true, &os.PathError{Op: "readdir", Path: r.path, Err: err}
		}
		if got == 0 {
			end = true
			break
		}
		n += got
	}
	r.parse(b, b.raw[:n])
	return end, nil
}

// parse reads records of struct linux_dirent64: inode (8), offset (8), length (2), type (1), name.
func (r *reader) parse(b *batch, raw []byte) {
	prefix := r.path
	if prefix[len(prefix)-1] != '/' {
		prefix += "/"
	}
	for len(raw) > 0 {
		length := binary.NativeEndian.Uint16(raw[16:])
		name := raw[19:length]
		name = name[:bytes.IndexByte(name, 0)]
		mode := modeOfType(raw[18])
		raw = raw[length:]
		if string(name) == "." || string(name) == ".." {
			continue
		}
		path := prefix + string(name)
		b.entries = append(b.entries, entry{item{path: path, name: path[len(prefix):], mode: mode}})
	}
}

func modeOfType(t byte) fs.FileMode {
	switch t {
	case unix.DT_REG:
		return 0
	case unix.DT_DIR:
		return fs.ModeDir
	case unix.DT_LNK:
		return fs.ModeSymlink
	case unix.DT_FIFO:
		return fs.ModeNamedPipe
	case unix.DT_SOCK:
		return fs.ModeSocket
	case unix.DT_CHR, unix.DT_BLK:
		return fs.ModeDevice
	}
	return fs.ModeIrregular // the file system does not say
}

func (r *reader) lstat(e entry) (fs.FileInfo, error) {
	info := &fileInfo{name: e.name}
	// Both packages spell out the kernel's struct stat; only syscall's is what callers expect from Sys.
	stat := (*unix.Stat_t)(unsafe.Pointer(&info.stat))
	for {
		err := unix.Fstatat(r.fd, e.name, stat, unix.AT_SYMLINK_NOFOLLOW)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "lstat", Path: e.path, Err: err}
		}
		return info, nil
	}
}

// fileInfo is what fstatat says of a file.
type fileInfo struct {
	name string
	stat syscall.Stat_t
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.stat.Size }
func (i *fileInfo) ModTime() time.Time { return time.Unix(i.stat.Mtim.Unix()) }
func (i *fileInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i *fileInfo) Sys() any           { return &i.stat }

func (i *fileInfo) Mode() fs.FileMode {
	mode := fs.FileMode(i.stat.Mode & 0o777)
	switch i.stat.Mode & syscall.S_IFMT {
	case syscall.S_IFREG:
	case syscall.S_IFDIR:
		mode |= fs.ModeDir
	case syscall.S_IFLNK:
		mode |= fs.ModeSymlink
	case syscall.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case syscall.S_IFSOCK:
		mode |= fs.ModeSocket
	case syscall.S_IFBLK:
		mode |= fs.ModeDevice
	case syscall.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	default:
		mode |= fs.ModeIrregular
	}
	for bit, flag := range map[uint32]fs.FileMode{
		syscall.S_ISUID: fs.ModeSetuid, syscall.S_ISGID: fs.ModeSetgid, syscall.S_ISVTX: fs.ModeSticky,
	} {
		if uint32(i.stat.Mode)&bit != 0 {
			mode |= flag
		}
	}
	return mode
}
