package hashcache

import "syscall"

const changeTime = true // Ctime is when the inode changed

func stampOfStat(st *syscall.Stat_t) Stamp {
	return Stamp{
		Size: st.Size, Mtime: st.Mtimespec.Nano(), Ctime: st.Ctimespec.Nano(),
		Inode: st.Ino, Device: uint64(st.Dev),
	}
}

func (*file) advise() {}
