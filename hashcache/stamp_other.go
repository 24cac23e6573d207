//go:build unix && !linux && !darwin

package hashcache

import (
	"os"
	"syscall"
)

const changeTime = false // each of these systems has its own name for it

func (s *Stamp) addSys(sys any) {
	if st, ok := sys.(*syscall.Stat_t); ok {
		s.Inode, s.Device = uint64(st.Ino), uint64(st.Dev)
	}
}

func advise(*os.File) {}
