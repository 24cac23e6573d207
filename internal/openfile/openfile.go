// Package openfile opens files that are to be read and sent, so that only the file that was decided on is
// read.
//
// Between the moment at which a path is looked at and the moment at which it is opened, anybody who may write
// to the folder can put something else there: a link to a private key, a pipe that never answers. [Open]
// compares what it opened with what was seen before, does not wait for pipes, and accepts regular files only.
//
// A hard link to a file elsewhere is a file like any other; it cannot be recognised.
package openfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

var (
	// ErrReplaced says that another file than the one that was decided on is at the path now. Look at the path
	// again.
	ErrReplaced = errors.New("another file has taken its place")
	// ErrNotRegular says that a link, folder, pipe, socket or device is at the path.
	ErrNotRegular = errors.New("not a regular file")
)

// Open opens the regular file at path for reading. It neither waits for the other end of a pipe nor, on
// Windows, keeps other programs from renaming, replacing or deleting the file.
//
// If want is not nil, the file has to be the one that want describes, by device and inode (on Windows by
// volume and file id), as os.Lstat or os.Stat gave it; otherwise the error is [ErrReplaced]. A link at path
// is followed only when it leads to that file. If want is nil, a link is [ErrNotRegular]. Errors are of type
// [*fs.PathError].
func Open(path string, want fs.FileInfo) (*os.File, error) {
	f, _, err := OpenInfo(path, want)
	return f, err
}

// OpenInfo is [Open], and returns what the file is as well.
func OpenInfo(path string, want fs.FileInfo) (*os.File, fs.FileInfo, error) {
	f, info, err := openFinal(path, want)
	if err == nil || want == nil || !errors.Is(err, errLink) {
		return f, info, err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, nil, err
	}
	// Opening a device can have effects of its own, so look at the target before it is opened.
	if info, err := os.Lstat(real); err != nil {
		return nil, nil, err
	} else if !Same(info, want) {
		return nil, nil, fail(path, ErrReplaced)
	}
	return openFinal(real, want)
}

// Create makes a file, which must not exist, for writing and reading, with permissions perm but for the
// umask. It needs fewer system calls than os.OpenFile.
func Create(path string, perm fs.FileMode) (*os.File, error) { return create(path, perm) }

// Write makes a file, which must not exist, of the contents, with permissions perm but for the umask. After an
// error other than [fs.ErrExist] a part of it may be there.
func Write(path string, perm fs.FileMode, contents []byte) error { return write(path, perm, contents) }

// Rename renames a file, and replaces what is there. Unlike os.Rename it does not look at that first, for a
// better error.
func Rename(from, to string) error { return rename(from, to) }

// Named opens a regular file, or a link to one, whose name a person gave: a manifest, a configuration. A pipe
// is [ErrNotRegular]: to open it would wait until somebody writes into it, and no signal ends that wait.
func Named(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fail(path, ErrNotRegular)
	}
	if err != nil {
		return nil, err
	}
	return Open(path, info)
}

// Read returns the contents of a file as [Named] opens it, of at most limit bytes.
func Read(path string, limit int64) ([]byte, error) {
	file, err := Named(path)
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

// List calls visit for the next n entries, or all that are left with n below 1, of an open folder, whose path
// is for errors; links are not followed. It returns how many there were. At the end of a listing with n above
// 0 the error is [io.EOF]; in a folder whose entries nobody may look at it is that of the first.
func List(dir *os.File, path string, n int, visit func(name string, info fs.FileInfo, err error)) (int, error) {
	return list(dir, path, n, visit)
}

// infos returns what to ask for the FileInfo of each entry in a listing of dir, one goroutine at a time, so
// that [Open] and [Same] can compare it with the file. The listings of Windows have no file ids on volumes
// such as FAT, exFAT and ReFS and on some servers (FILE_SUPPORTS_OBJECT_IDS, which Go asks for): each file of
// a listing would pass for replaced. It looks at the first entry itself, and at all others if the listing
// does not give the first one's id.
func infos(dir string, lstat func(string) (fs.FileInfo, error), same func(a, b fs.FileInfo) bool) func(fs.DirEntry) (fs.FileInfo, error) {
	known, trusted := false, false
	return func(e fs.DirEntry) (fs.FileInfo, error) {
		info, err := e.Info()
		if err != nil || trusted {
			return info, err
		}
		found, err := lstat(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		same(found, found) // looks the id up now
		if !known {
			known, trusted = true, same(info, found)
		}
		return found, nil
	}
}

// errLink is the ErrNotRegular of a link.
var errLink = linkError{}

type linkError struct{}

func (linkError) Error() string        { return "it is a link, not a regular file" }
func (linkError) Is(target error) bool { return target == ErrNotRegular }

// openFinal opens path, which must not be a link itself, and checks what it opened.
func openFinal(path string, want fs.FileInfo) (*os.File, fs.FileInfo, error) {
	f, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fail(path, ErrNotRegular)
	case want != nil && !Same(info, want):
		err = fail(path, ErrReplaced)
	default:
		return f, info, nil
	}
	f.Close()
	return nil, nil, err
}

func fail(path string, err error) error { return &fs.PathError{Op: "open", Path: path, Err: err} }
