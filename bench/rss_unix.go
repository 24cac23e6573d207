//go:build linux || darwin

package bench

import (
	"os"
	"runtime"
	"syscall"
)

// maxRSS returns the most memory that was resident, in bytes.
func maxRSS(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	switch {
	case !ok:
		return 0
	case runtime.GOOS == "darwin":
		return usage.Maxrss // in bytes there
	}
	return usage.Maxrss * 1024
}
