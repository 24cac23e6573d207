//go:build unix && !linux && !darwin

package hashcache

import (
	"io/fs"
	"os"
	"syscall"
)

const changeTime = false // each of these systems has its own name for it

func (s *Stamp) addSys(info fs.FileInfo) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Inode, s.Device = uint64(st.Ino), uint64(st.Dev)
	}
}

func advise(*os.File) {}
