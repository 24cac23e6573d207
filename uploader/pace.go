package uploader

import (
	"math"
	"math/bits"
	"time"
)

// pace decides how much may be in flight, from what the Manager shows.
//
// The number of small uploads follows TCP Vegas (Brakmo and Peterson, 1995): the fastest answer so far is taken as
// that of an idle Manager; how much longer answers take now tells how many requests are waiting in line there, and the
// number is raised while the line is short and lowered while it is long. On a near Manager a handful fills the line; on a
// far one most of the time is spent on the way, and many are needed. It begins with doubling, once a turn, so that a far
// Manager is kept busy within a few round trips.
//
// Bytes in flight follow the rate: as much as goes out in two seconds, so that a cut connection loses no more than that.
//
// All methods are called under the uploader's lock.
type pace struct {
	most     int // config: small uploads at once
	limit    int // now
	doubling bool
	cutAt    time.Time // when the limit was last halved

	fastest [classes]fastest // by size class: larger uploads take longer on any Manager
	nearest time.Duration    // the fastest answer of all, an estimate of the round trip; 0: none yet

	samples int     // of this turn
	speed   float64 // sum over them: fastest / taken, 1 for no line at all

	largeBase int // config: large uploads at once to a near Manager

	mostBytes  int64 // config
	bytes      int64 // budget now
	moved      int64 // bytes that went out since measured
	measuredAt time.Time
}

const (
	fewest     = 4                // small uploads at once, if the configuration allows that many: enough for a near Manager
	firstLimit = 8                // before anything is known
	slack      = 1.5              // answers up to this much slower than the fastest are no line: jitter
	memory     = 30 * time.Second // for how long, at least, a fastest answer is believed; the way may get longer
	perLarge   = 20 * time.Millisecond
	rateEvery  = 500 * time.Millisecond
	fewBytes   = 16 << 20 // least budget, in bytes: two large files
	firstBytes = 64 << 20
	horizon    = 2 // seconds of sending that may be in flight
	classes    = 16
)

func newPace(c Config) pace {
	return pace{
		most: c.Connections, limit: min(firstLimit, c.Connections), doubling: true,
		largeBase: c.LargeConnections,
		mostBytes: c.BytesInFlight, bytes: min(firstBytes, c.BytesInFlight),
	}
}

// fastest is the least of the durations of the last one to two memories.
type fastest struct {
	now, before time.Duration
	since       time.Time
}

func (f *fastest) add(took time.Duration, at time.Time) time.Duration {
	if at.Sub(f.since) >= memory {
		f.before, f.now, f.since = f.now, took, at
	}
	f.now = min(f.now, took)
	if f.before != 0 {
		return min(f.now, f.before)
	}
	return f.now
}

// answered learns from an upload of size bytes that went well and took so long, while inFlight small ones were.
func (p *pace) answered(size int64, took time.Duration, inFlight int, now time.Time) {
	took = max(took, time.Microsecond)
	p.roundTrip(took)
	best := p.fastest[min(bits.Len64(uint64(size)>>12), classes-1)].add(took, now)
	if 2*inFlight < p.limit {
		return // there is not enough to send: this says nothing about the limit
	}
	p.samples++
	p.speed += min(1, slack*float64(best)/float64(took))
	if p.samples < p.limit {
		return
	}
	line := float64(p.limit) * (1 - p.speed/float64(p.samples))
	p.samples, p.speed = 0, 0
	short := 3 * math.Log10(float64(p.limit)+1) // a line that keeps the Manager busy between two of our requests
	switch {
	case p.doubling && line <= 2*short:
		p.limit *= 2
	case line < short:
		p.limit += max(1, p.limit/8)
	case line > 2*short:
		p.doubling = false
		p.limit -= max(1, p.limit/8)
	default:
		p.doubling = false
	}
	p.limit = min(max(p.limit, fewest), p.most)
}

// roundTrip learns from any request that was answered.
func (p *pace) roundTrip(took time.Duration) {
	if p.nearest == 0 || took < p.nearest {
		p.nearest = took
	}
}

// failed learns from a request, begun then, that found the Manager in trouble: half as many from now on, but only once
// for all requests that were in flight together.
func (p *pace) failed(began, now time.Time) {
	if began.Before(p.cutAt) {
		return
	}
	p.cutAt = now
	p.doubling = false
	p.limit = min(max(p.limit/2, fewest), p.most)
}

// large is how many large uploads may be in flight: one connection carries no more than its window in a round trip.
func (p *pace) large() int {
	return min(p.largeBase+int(int64(p.largeBase)*int64(p.nearest)/int64(perLarge)), 4*p.largeBase)
}

// sent counts bytes that went out; inFlight are the bytes in flight now. The budget only follows a rate that it may have
// limited itself.
func (p *pace) sent(n, inFlight int64, now time.Time) {
	p.moved += n
	passed := now.Sub(p.measuredAt)
	if passed < rateEvery {
		return
	}
	if passed < 2*rateEvery && 2*inFlight >= p.bytes {
		budget := int64(horizon * float64(p.moved) / passed.Seconds())
		p.bytes = min(max(budget, fewBytes), p.mostBytes)
	}
	p.moved, p.measuredAt = 0, now
}
