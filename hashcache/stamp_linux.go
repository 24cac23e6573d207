package hashcache

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const changeTime = true // Ctime is when the inode changed

func (s *Stamp) addSys(sys any) {
	if st, ok := sys.(*syscall.Stat_t); ok {
		s.Ctime, s.Inode, s.Device = st.Ctim.Nano(), st.Ino, uint64(st.Dev)
	}
}

// advise lets the kernel read further ahead, so that disk and digests work at the same time. It is a hint:
// errors do not matter.
func advise(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL) }
