package netsim

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// preciseNap sleeps in the kernel, on a thread of its own whose timers may not
// be put off to be merged with others (the default is up to 50 µs).
func preciseNap() napper {
	return napper{
		prepare: func() {
			runtime.LockOSThread() // never unlocked: the thread ends with its goroutine
			// Without it naps are only a little longer.
			_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		},
		sleep: func(d time.Duration) {
			ts := unix.NsecToTimespec(d.Nanoseconds())
			_ = unix.Nanosleep(&ts, nil) // a signal ends it early; the caller looks again
		},
	}
}
