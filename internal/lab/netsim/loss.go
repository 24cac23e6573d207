package netsim

import (
	"math/rand/v2"
	"time"
)

const (
	segment        = 1448 // bytes of a stream in one packet of 1,500
	firstWindow    = 10   // segments that a new connection may have under way (RFC 6928)
	leastTimeout   = 200 * time.Millisecond
	maxLoss        = 0.2
	lossyChunk     = 4 * segment // bytes that are lost and sent again as one piece
	fastRetransmit = 4           // segments under way from which the receiver's duplicate answers show a loss
)

// flight paces one direction of a connection over a line that loses packets, as TCP's congestion control does
// (RFC 5681, with selective acknowledgements). It starts slowly, halves its window at a loss and then grows
// by one segment a round trip. What follows a lost segment waits at the far end until that has been sent
// again: one round trip later, or after a timeout where too little was under way to show the loss.
type flight struct {
	rtt    time.Duration
	loss   float64
	random *rand.Rand

	window, threshold float64 // in segments
	underWay          []acknowledgement
	segments          float64   // those under way
	arrived           time.Time // when all that was sent so far is at the far end
	recovery          time.Time // until then another loss belongs to the same halving
	sent              time.Time // the last piece
}

type acknowledgement struct {
	at       time.Time
	segments float64
}

func newFlight(rtt time.Duration, loss float64, seed uint64) *flight {
	return &flight{rtt: rtt, loss: loss, random: rand.New(rand.NewPCG(seed, 0)), window: firstWindow, threshold: 1 << 20}
}

// send returns when a piece of n bytes that is ready now leaves, and when it arrives.
func (f *flight) send(now time.Time, n int) (leaves, arrives time.Time) {
	timeout := f.rtt + leastTimeout
	if now.Sub(f.sent) > timeout {
		f.window = min(f.window, firstWindow) // a connection that was idle starts slowly again
	}
	need := float64((n + segment - 1) / segment)
	for len(f.underWay) > 0 && (f.segments+need > f.window || !f.underWay[0].at.After(now)) {
		first := f.underWay[0]
		f.underWay = f.underWay[1:]
		f.segments -= first.segments
		if first.at.After(now) {
			now = first.at
		}
		if f.window < f.threshold {
			f.window += first.segments
		} else {
			f.window += first.segments / f.window
		}
	}
	arrives = now.Add(f.rtt / 2)
	answer := now.Add(f.rtt)
	lost := false
	for range int(need) {
		lost = lost || f.random.Float64() < f.loss
	}
	if lost {
		late := f.rtt
		if timedOut := f.segments+need < fastRetransmit; timedOut || now.After(f.recovery) {
			f.threshold = max(f.window/2, 2)
			f.window = f.threshold
			if timedOut {
				late, f.window = timeout, 1
			}
			f.recovery = now.Add(f.rtt)
		}
		arrives = arrives.Add(late)
		answer = answer.Add(late - f.rtt)
	}
	if arrives.Before(f.arrived) {
		arrives = f.arrived
	}
	f.arrived, f.sent = arrives, now
	f.segments += need
	f.underWay = append(f.underWay, acknowledgement{answer, need})
	return now, arrives
}
