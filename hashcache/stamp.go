package hashcache

import (
	"cmp"
	"io/fs"
	"os"
	"time"
)

// Stamp is what a file system says about a file without its contents being read. Two equal stamps of one path
// mean the same contents, as far as the file system's clock can tell them apart.
type Stamp struct {
	Size int64 // bytes
	// Mtime and Ctime are nanoseconds since 1970: when the contents changed, and when contents or inode did.
	// No program sets the Ctime (on Windows: no ordinary one). 0: it is not known.
	Mtime, Ctime int64
	// Inode and Device name the file; on Windows these are the file id and the volume's serial number.
	Inode, Device uint64
}

// StampOf reads the stamp from what os.Stat, os.Lstat or a walk returned. If info does not carry the system's
// own data, and always on Windows, only Size and Mtime are set; see [StampAt].
func StampOf(info fs.FileInfo) Stamp {
	s := Stamp{Size: info.Size(), Mtime: info.ModTime().UnixNano()}
	s.addSys(info)
	return s
}

// StampAt returns the whole stamp of the file that path leads to, for comparing it with [Sum].Stamp. The
// errors are those of os.Stat.
func StampAt(path string) (Stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Stamp{}, err
	}
	return stampAt(path, info)
}

// changed returns the time of the last change, in nanoseconds since 1970, as far as the file system knows it.
func (s Stamp) changed() int64 { return cmp.Or(s.Ctime, s.Mtime) }

const (
	// fineGrain is longer than one tick of any system's clock for time stamps, where fractions of a second
	// are stored: a kernel takes the time of its last timer interrupt, of which there are at least 100 a
	// second.
	fineGrain = 20 * time.Millisecond
	// coarseGrain is the grain of FAT, 2 s; HFS+ and ext3 have 1 s.
	coarseGrain = 2 * time.Second
)

// changeShows reports whether a change of the file after the time t (nanoseconds since 1970) would show in
// its stamp. It would not if t lies within one tick of the file system's clock after the last change, or
// before it (a clock was set back, or a server's clock is ahead of ours). Git calls such an entry racy.
func (s Stamp) changeShows(t int64) bool {
	grain := fineGrain
	if s.changed()%int64(time.Second) == 0 { // whole seconds: the file system has no finer ones, or one time in 10^9
		grain = coarseGrain
	}
	return s.changed()+int64(grain) < t
}
