//go:build unix && !linux && !darwin

package hashcache

import (
	"io/fs"
	"os"
	"syscall"
)

// addSys leaves out Ctime, for which each of these systems has its own name.
func (s *Stamp) addSys(info fs.FileInfo) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Inode, s.Device = uint64(st.Ino), uint64(st.Dev)
	}
}

func advise(*os.File) {}
