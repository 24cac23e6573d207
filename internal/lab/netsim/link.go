package netsim

import (
	"errors"
	"fmt"
	"time"
)

// Link describes a line between two machines.
type Link struct {
	// RTT is the time for a byte to the far end and an answer back. Half of it
	// is added in each direction, and a new connection costs one whole RTT
	// before its first byte leaves, as TCP's handshake does.
	RTT time.Duration

	// BitsPerSecond is the rate of each direction, shared by all connections.
	// 0 means as fast as the machine copies.
	BitsPerSecond float64
}

// The limits keep a mistyped unit from looking like a broken client.
const (
	maxRTT  = 10 * time.Second
	minRate = 8 * 1024 // bits per second: one KiB a second
)

// Validate says what is wrong with the numbers.
func (l Link) Validate() error {
	switch {
	case l.RTT < 0 || l.RTT > maxRTT:
		return fmt.Errorf("netsim: round trip %v is outside 0 to %v", l.RTT, maxRTT)
	case l.BitsPerSecond < 0:
		return errors.New("netsim: the rate is negative")
	case l.BitsPerSecond > 0 && l.BitsPerSecond < minRate:
		return fmt.Errorf("netsim: %g bit/s is below the least rate of %d bit/s", l.BitsPerSecond, minRate)
	}
	return nil
}

// String is how a line is named in tables: "40ms, 1 Gbit/s".
func (l Link) String() string {
	rate := "no limit"
	switch b := l.BitsPerSecond; {
	case b >= 1e9:
		rate = fmt.Sprintf("%g Gbit/s", b/1e9)
	case b >= 1e6:
		rate = fmt.Sprintf("%g Mbit/s", b/1e6)
	case b > 0:
		rate = fmt.Sprintf("%g kbit/s", b/1e3)
	}
	return fmt.Sprintf("%v, %s", l.RTT, rate)
}

// delay is how long a byte is under way in one direction.
func (l Link) delay() time.Duration { return l.RTT / 2 }

func (l Link) bytesPerSecond() float64 { return l.BitsPerSecond / 8 }

const (
	// paceStep is how far ahead of its rate a direction may get after a pause.
	// It has to be longer than the Go timers' grain of about 1 ms, or the rate
	// is never reached.
	paceStep = 2 * time.Millisecond

	maxChunk = 64 << 10 // a read of this size keeps the cost of a copy small
	minChunk = 1500     // one Ethernet frame: no line sends less at a time
)

// burst is the size of the token bucket, in bytes.
func (l Link) burst() int {
	return max(minChunk, int(l.bytesPerSecond()*paceStep.Seconds()))
}

// chunk is the most that is read, paced and sent as one piece, in bytes.
func (l Link) chunk() int {
	if l.BitsPerSecond == 0 {
		return maxChunk
	}
	return min(maxChunk, l.burst())
}

// Buffers of one direction of one connection, in bytes.
const (
	slackBuffer     = 1 << 20   // so that a receiver that pauses does not stop the line
	unlimitedBuffer = 256 << 20 // a line without a rate has no bandwidth-delay product to size it by
)

// buffer is how many bytes one direction of one connection may hold: what is
// under way on a full line, and some slack. With less, the delay would limit
// the throughput; with no bound, a receiver that stops would fill the memory.
func (l Link) buffer() int {
	if l.BitsPerSecond == 0 {
		return unlimitedBuffer
	}
	return slackBuffer + int(l.bytesPerSecond()*(l.delay()+paceStep).Seconds())
}
