package bench

import (
	"os"
	"syscall"
)

func maxRSS(p *os.ProcessState) int64 {
	if usage, ok := p.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss // bytes here, not kilobytes
	}
	return 0
}

// flushDisk writes out what earlier samples left behind, so that the next one
// does not pay for it.
func flushDisk() { _ = syscall.Sync() }
