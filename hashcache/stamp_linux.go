package hashcache

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/flsync/flsync/internal/openfile"
)

func (s *Stamp) addSys(info fs.FileInfo) {
	if i, ok := info.(*openfile.Info); ok {
		s.Ctime, s.Inode, s.Device = i.Ctime, i.Inode, i.Device
	} else if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Ctime, s.Inode, s.Device = st.Ctim.Nano(), st.Ino, uint64(st.Dev)
	}
}

// advise lets the kernel read further ahead, so that disk and digests work at the same time. It is a hint:
// errors do not matter.
func advise(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL) }
