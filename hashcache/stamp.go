package hashcache

import (
	"io/fs"
	"time"
)

// Stamp is what a file system says about a file without its contents being read. Two equal stamps of one path mean the same
// contents, as far as the file system's clock can tell them apart.
type Stamp struct {
	Size int64 // bytes
	// Mtime and Ctime are nanoseconds since 1970: when the contents were changed, and when contents or inode were. No
	// program can set the Ctime. On Windows, where asking for it takes an open of each file, Ctime is the time of
	// creation, which tells a file from another one that has replaced it.
	Mtime, Ctime int64
	// Inode and Device name the file. On Windows they are 0, for the same reason.
	Inode, Device uint64
}

// StampOf reads the stamp from what os.Stat, os.Lstat or a walk returned. If info comes from elsewhere and
// does not carry the system's own data, only Size and Mtime are set.
func StampOf(info fs.FileInfo) Stamp {
	s := Stamp{Size: info.Size(), Mtime: info.ModTime().UnixNano()}
	s.addSys(info.Sys())
	return s
}

// changed is the time of the last change, in nanoseconds since 1970, as far as the file system knows.
func (s Stamp) changed() int64 {
	if changeTime && s.Ctime != 0 {
		return s.Ctime
	}
	return s.Mtime
}

const (
	// fineGrain is above what any system's clock for time stamps ticks at, when it stores fractions of a second: a kernel
	// takes the time of its last timer interrupt, at least 100 a second.
	fineGrain = 20 * time.Millisecond
	// coarseGrain is that of FAT, 2 s, which is above that of HFS+ and ext3, 1 s.
	coarseGrain = 2 * time.Second
)

// settledBy reports whether a change of the file after the time t (nanoseconds since 1970) would show in its stamp.
// If it would not, t lies within one tick of the file system's clock after the last change, or before it (a clock was
// set back, or a server's clock goes ahead of ours).
func (s Stamp) settledBy(t int64) bool {
	grain := fineGrain
	if s.changed()%int64(time.Second) == 0 { // whole seconds: the file system has no finer ones, or one time in 10^9
		grain = coarseGrain
	}
	return s.changed()+int64(grain) < t
}
