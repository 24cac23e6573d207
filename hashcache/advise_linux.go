package hashcache

import (
	"os"

	"golang.org/x/sys/unix"
)

// advise lets the kernel read further ahead, so that disk and digests work at the same time. It is a hint; errors do not matter.
func advise(file *os.File) { _ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_SEQUENTIAL) }
