package hashcache

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const changeTime = true // Ctime is when the inode changed

func stampOfStat(st *syscall.Stat_t) Stamp {
	return Stamp{
		Size: st.Size, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano(),
		Inode: st.Ino, Device: uint64(st.Dev),
	}
}

// advise lets the kernel read further ahead, so that disk and digests work at the same time. It is a hint; errors do not matter.
func (f *file) advise() { _ = unix.Fadvise(f.fd, 0, 0, unix.FADV_SEQUENTIAL) }
