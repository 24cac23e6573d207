package uploader

import "time"

// pace decides how much may be in flight, from what the Manager shows.
//
// The number of small uploads follows the round trip: a near Manager is busy with 16, and with a far one most
// of the time is spent on the way. The fastest answer of all is the measure, because hashing on all cores
// delays the others. When the Manager is in trouble, the number is halved and then grows by one each time
// that as many uploads went well.
//
// Bytes in flight follow the rate: as much as goes out in two seconds, so that a cut connection loses no more
// than that.
//
// All methods are called under the uploader's lock.
type pace struct {
	most    int       // config: small uploads at once
	limit   int       // now
	nearest fastest   // answer of all, an estimate of the round trip
	trouble int       // the most since the Manager was in trouble; 0: it was not, or has recovered
	good    int       // answers since trouble grew
	cutAt   time.Time // when trouble was last set

	largeFile int64 // config: its size, of which no more is on its way
	largeBase int   // config: large uploads at once to a near Manager

	mostBytes  int64 // config
	bytes      int64 // budget now
	moved      int64 // bytes that went out since measuredAt
	measuredAt time.Time
}

const (
	// near and perConnection give the number of small uploads: 16, and one more for each 350 µs of round
	// trip, which makes 128 at 40 ms. To a Manager 3.9 on the same two busy cores 1,500 files of 5 KB took
	// 1.4 s with 16, 4.5 s with 64 and 3.8 s with 128 (the best of three); 40 ms away, on an idle machine,
	// 2,000 took 5.5 s with 16 and 1.8 s with 64.
	near          = 16
	perConnection = 350 * time.Microsecond
	fewest        = 4 // in trouble, if the configuration allows that many

	memory   = 30 * time.Second
	perLarge = 20 * time.Millisecond // of round trip: one more time LargeConnections

	rateEvery  = 500 * time.Millisecond
	fewBytes   = 16 << 20 // least budget: one large file, and as much of small ones
	firstBytes = 64 << 20 // before anything is known: four large files
	horizon    = 2        // seconds of sending that may be in flight
)

func newPace(c Config) pace {
	p := pace{
		most: c.Connections, largeFile: c.LargeFile, largeBase: c.LargeConnections,
		mostBytes: c.BytesInFlight, bytes: min(firstBytes, c.BytesInFlight),
	}
	p.adapt()
	return p
}

// adapt sets the limit from what is known.
func (p *pace) adapt() {
	p.limit = near + int(p.nearest.duration()/perConnection)
	if p.trouble >= p.limit {
		p.trouble = 0
	} else if p.trouble > 0 {
		p.limit = p.trouble
	}
	p.limit = min(p.limit, p.most)
}

// answered learns from an upload that went well.
func (p *pace) answered() {
	if p.good++; p.trouble > 0 && p.good >= p.trouble {
		p.trouble, p.good = p.trouble+1, 0
	}
	p.adapt()
}

// failed learns from a request, begun then, that found the Manager in trouble: half as many from now on, but
// only once for all requests that were in flight together.
func (p *pace) failed(began, now time.Time) {
	if began.Before(p.cutAt) {
		return
	}
	p.cutAt, p.trouble, p.good = now, max(p.limit/2, fewest), 0
	p.adapt()
}

// roundTrip learns from how long any request took that was answered.
func (p *pace) roundTrip(took time.Duration, now time.Time) {
	p.nearest.add(max(took, 1), now)
	p.adapt()
}

// fastest is the least of the durations of the last one to two memories: the way may get longer.
type fastest struct {
	now, before time.Duration
	since       time.Time
}

func (f *fastest) add(took time.Duration, at time.Time) {
	if at.Sub(f.since) >= memory {
		f.before, f.now, f.since = f.now, took, at
	}
	f.now = min(f.now, took)
}

// duration returns the least, 0 if there was none.
func (f *fastest) duration() time.Duration {
	if f.before == 0 {
		return f.now
	}
	return min(f.now, f.before)
}

// large returns how many large uploads may be in flight: one connection carries no more than its window in a
// round trip, so that a far Manager gets more of them. They have one half of the budget.
func (p *pace) large() int {
	most := min(p.largeBase+int(time.Duration(p.largeBase)*p.nearest.duration()/perLarge), 4*p.largeBase)
	return min(most, max(1, int(p.bytes/2/p.largeFile)))
}

// smallBytes returns how many bytes of small uploads may be in flight: the other half, so that neither kind
// starves the other.
func (p *pace) smallBytes() int64 { return p.bytes / 2 }

// sent counts bytes that went out, while so many bytes of small uploads and so many large ones were in
// flight. The budget only follows a rate that it may have limited itself.
func (p *pace) sent(n, smallBytes int64, large int, now time.Time) {
	p.moved += n
	passed := now.Sub(p.measuredAt)
	if passed < rateEvery {
		return
	}
	if passed < 2*rateEvery && 2*(smallBytes+int64(large)*p.largeFile) >= p.bytes {
		budget := int64(horizon * float64(p.moved) / passed.Seconds())
		p.bytes = min(max(budget, fewBytes), p.mostBytes)
	}
	p.moved, p.measuredAt = 0, now
}
