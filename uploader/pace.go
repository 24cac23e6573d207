package uploader

import "time"

// pace decides how much may be in flight, from what the Manager shows.
//
// The number of small uploads is found by trying. Two turns are compared, one before and one after a change: more
// uploads are kept when they pay, measured in files and bytes a second, and fewer when they do as well. A near Manager is
// busy with a handful; with a far one most of the time is spent on the way, and many are needed. How long answers take
// does not tell the number: hashing on all cores delays them by more than a near Manager needs. But the fastest answer
// of all bounds it, as nothing makes that one faster.
//
// Bytes in flight follow the rate: as much as goes out in two seconds, so that a cut connection loses no more than that.
//
// All methods are called under the uploader's lock.
type pace struct {
	most  int // config: small uploads at once
	limit int // now

	turn   turn    // being measured
	base   turn    // what it is compared with
	skip   int     // answers still to come to uploads that began under another limit
	up     bool    // the next trial is one of more
	factor float64 // by which a trial changes the limit
	rest   int     // turns until the next trial
	fails  int     // trials that failed
	cutAt  time.Time

	largeFile int64   // config: its size, of which no more is on its way
	largeBase int     // config: large uploads at once to a near Manager
	nearest   fastest // answer of all, an estimate of the round trip

	mostBytes  int64 // config
	bytes      int64 // budget now
	moved      int64 // bytes that went out since measured
	measuredAt time.Time
}

// turn is a measurement: what was answered while a limit held.
type turn struct {
	limit   int
	began   time.Time
	answers int
	work    float64
	rate    float64 // work a second
}

const (
	fewest      = 4                      // small uploads at once, if the configuration allows that many
	firstLimit  = 2 * fewest             // to begin with: at least
	firstMost   = 64                     // and at most, for a Manager that is far away; see roundTrip
	spare       = 2 * fewest             // in line at the Manager, so that it does not wait for us
	fastestWork = 100 * time.Microsecond // for one upload, by a Manager four times as fast as any that was measured
	bigSteps    = 2                      // factor of trials at first: a far Manager is busy within a few round trips
	smallSteps  = 1.25                   // and after some of those failed
	bigFails    = 3                      // that many, because a short turn on a busy machine shows anything
	worthIt     = 1. / 3                 // so much of a raise has to arrive as a higher rate
	asGood      = 0.995                  // so much of the rate must be left with fewer uploads
	shortTurn   = 40 * time.Millisecond  // while steps are big; always at least a round trip
	longTurn    = 300 * time.Millisecond // later: long enough to see a difference of a few percent
	restTurns   = 8                      // after a trial that failed, because that costs something
	perFile     = 128 << 10              // bytes that take a Manager as long as a file as such does

	memory   = 30 * time.Second
	perLarge = 20 * time.Millisecond // of round trip: one more time LargeConnections

	rateEvery  = 500 * time.Millisecond
	fewBytes   = 16 << 20 // least budget: one large file, and as much of small ones
	firstBytes = 64 << 20 // before anything is known: four large files
	horizon    = 2        // seconds of sending that may be in flight
)

func newPace(c Config) pace {
	p := pace{
		most: c.Connections, up: true, factor: bigSteps,
		largeFile: c.LargeFile, largeBase: c.LargeConnections,
		mostBytes: c.BytesInFlight, bytes: min(firstBytes, c.BytesInFlight),
	}
	p.set(firstLimit)
	return p
}

// set begins a turn with that limit, as far as the configuration allows it.
func (p *pace) set(limit int) {
	limit = min(max(limit, fewest), p.most, p.enough())
	if limit != p.limit && !p.turn.began.IsZero() {
		p.skip = p.limit
	}
	p.limit = limit
	p.turn = turn{limit: limit, began: p.turn.began}
}

// enough is how many uploads at once keep a Manager busy that is four times as fast as any that was measured, from how
// many of its answers fit into the fastest one.
func (p *pace) enough() int {
	nearest := p.nearest.duration()
	if nearest == 0 {
		return p.most
	}
	return int(min(spare+nearest/fastestWork, 1<<20))
}

// answered learns from an upload of size bytes that went well, while inFlight small ones were on their way.
func (p *pace) answered(size int64, inFlight int, now time.Time) {
	t := &p.turn
	if p.skip > 0 {
		p.skip--
		t.began = now
		return
	}
	if t.began.IsZero() || 2*inFlight < p.limit {
		*t = turn{limit: p.limit, began: now} // there is not enough to send: this says nothing about the limit
		return
	}
	t.answers++
	t.work += 1 + float64(size)/perFile
	length := now.Sub(t.began)
	if t.answers < p.limit || length < shortTurn || length < longTurn && p.factor != bigSteps {
		return
	}
	t.rate = t.work / length.Seconds()
	t.began = now // of the next
	p.judge(*t)
}

// judge ends a turn and decides about the next.
func (p *pace) judge(done turn) {
	change := float64(done.limit)/float64(max(p.base.limit, 1)) - 1
	switch {
	case p.base.limit == 0 || change == 0: // no trial
		p.base = done
		p.rest--
	case change > 0 && done.rate >= p.base.rate*(1+change*worthIt), change < 0 && done.rate >= p.base.rate*asGood:
		p.base = done
		p.rest = 0 // further on this way
	default:
		p.turnBack()
		p.set(p.base.limit)
		return
	}
	if p.rest > 0 {
		p.set(p.limit)
		return
	}
	if p.up {
		p.set(max(p.limit+1, int(float64(p.limit)*p.factor)))
	} else {
		p.set(min(p.limit-1, int(float64(p.limit)/p.factor)))
	}
	if p.limit == done.limit { // it cannot be changed any further
		p.turnBack()
	}
}

// turnBack has the next trial go the other way, later.
func (p *pace) turnBack() {
	p.fails++
	if p.fails < bigFails {
		p.rest = 1 // to measure anew what it is compared with
		return
	}
	p.up = !p.up
	p.factor = smallSteps
	p.rest = restTurns
}

// failed learns from a request, begun then, that found the Manager in trouble: half as many from now on, but only once
// for all requests that were in flight together.
func (p *pace) failed(began, now time.Time) {
	if began.Before(p.cutAt) {
		return
	}
	p.cutAt = now
	p.set(p.limit / 2)
	p.base = turn{}
	p.up, p.factor, p.rest, p.fails = true, bigSteps, 1, 0
}

// roundTrip learns from how long any request took that was answered. Before the first upload that was a requirements
// request: it tells roughly how far away the Manager is, and so where to begin.
func (p *pace) roundTrip(took time.Duration, now time.Time) {
	p.nearest.add(max(took, 1), now)
	if p.turn.began.IsZero() {
		p.set(min(max(p.enough()/4, firstLimit), firstMost))
	}
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

// duration is 0 when there was none.
func (f *fastest) duration() time.Duration {
	if f.before == 0 {
		return f.now
	}
	return min(f.now, f.before)
}

// large is how many large uploads may be in flight: one connection carries no more than its window in a round trip, so
// that a far Manager gets more of them. They have one half of the budget.
func (p *pace) large() int {
	most := min(p.largeBase+int(time.Duration(p.largeBase)*p.nearest.duration()/perLarge), 4*p.largeBase)
	return min(most, max(1, int(p.bytes/2/p.largeFile)))
}

// smallBytes is how many bytes of small uploads may be in flight: the other half, so that neither kind starves the other.
func (p *pace) smallBytes() int64 { return p.bytes / 2 }

// sent counts bytes that went out, while so many bytes of small uploads and so many large ones were in flight. The budget
// only follows a rate that it may have limited itself.
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
