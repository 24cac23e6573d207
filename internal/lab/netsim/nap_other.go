//go:build !linux

package netsim

import "time"

// preciseNap is as precise as Go's timers are on this system.
func preciseNap() napper {
	return napper{prepare: func() {}, sleep: time.Sleep}
}
