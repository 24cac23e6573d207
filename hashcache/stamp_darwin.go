package hashcache

import "syscall"

const changeTime = true // Ctime is when the inode changed

func (s *Stamp) addSys(sys any) {
	if st, ok := sys.(*syscall.Stat_t); ok {
		s.Ctime = st.Ctimespec.Nano()
		s.Inode, s.Device = st.Ino, uint64(st.Dev)
	}
}
