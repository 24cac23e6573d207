package uploader

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"
)

// run has a pace see the answers of a Manager that is that far away and works on capacity uploads at once. jitter is what
// a busy machine of ours adds to each.
func (p *pace) run(begin, rtt, work, jitter time.Duration, capacity int, during time.Duration) {
	random := rand.New(rand.NewPCG(1, 2))
	now, end := begin, begin+during
	free := make([]time.Duration, capacity) // when each of the Manager's hands is free
	var answers timeline
	inFlight := 0
	for now < end {
		for inFlight < p.limit {
			inFlight++
			hand := 0
			for i := range free {
				if free[i] < free[hand] {
					hand = i
				}
			}
			free[hand] = max(free[hand], now+rtt/2) + work
			answer := free[hand] + rtt/2
			if jitter > 0 {
				answer += time.Duration(random.Int64N(int64(jitter)))
			}
			heap.Push(&answers, reply{began: now, at: answer})
		}
		r := heap.Pop(&answers).(reply)
		now = r.at
		p.roundTrip(r.at-r.began, time.Unix(0, 0).Add(now))
		p.answered(5000, inFlight, time.Unix(0, 0).Add(now))
		inFlight--
	}
}

type reply struct{ began, at time.Duration }

type timeline []reply

func (l timeline) Len() int           { return len(l) }
func (l timeline) Less(a, b int) bool { return l[a].at < l[b].at }
func (l timeline) Swap(a, b int)      { l[a], l[b] = l[b], l[a] }
func (l *timeline) Push(x any)        { *l = append(*l, x.(reply)) }
func (l *timeline) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

func TestPaceFollowsTheDistance(t *testing.T) {
	for _, c := range []struct {
		rtt, jitter, during time.Duration
		least, most         int
	}{
		{200 * time.Microsecond, 0, 20 * time.Second, 4, 16},
		{200 * time.Microsecond, time.Millisecond, 20 * time.Second, 4, 24},
		{5 * time.Millisecond, 0, 20 * time.Second, 11, 32},   // 14 would do; it may be trying fewer at the end
		{40 * time.Millisecond, 0, 20 * time.Second, 75, 128}, // 97 would do
		{40 * time.Millisecond, 0, 600 * time.Millisecond, 64, 128},
		{40 * time.Millisecond, 60 * time.Millisecond, 10 * time.Second, 90, 128},
		{150 * time.Millisecond, 0, 3 * time.Second, 128, 128},
		{150 * time.Millisecond, 100 * time.Millisecond, 5 * time.Second, 128, 128},
	} {
		p := newPace(Config{}.withDefaults())
		p.run(0, c.rtt, 800*time.Microsecond, c.jitter, 2, c.during)
		if p.limit < c.least || p.limit > c.most {
			t.Errorf("%v away, jitter %v: %d uploads at once after %v, want %d to %d", c.rtt, c.jitter, p.limit, c.during, c.least, c.most)
		}
	}
}

func TestPaceRespectsTheConfiguration(t *testing.T) {
	for _, most := range []int{1, 2, 5} {
		p := newPace(Config{Connections: most}.withDefaults())
		p.run(0, 40*time.Millisecond, time.Millisecond, 0, 2, 5*time.Second)
		if p.limit != most {
			t.Errorf("%d uploads at once, want %d", p.limit, most)
		}
		p.failed(time.Unix(1, 0), time.Unix(2, 0))
		if p.limit > most || p.limit < 1 {
			t.Errorf("%d uploads at once after a failure", p.limit)
		}
	}
}

func TestPaceDoesNotGrowUnused(t *testing.T) {
	p := newPace(Config{}.withDefaults())
	for i := range 1000 {
		p.answered(5000, 2, time.Unix(int64(i), 0))
	}
	if p.limit != firstLimit {
		t.Errorf("%d uploads at once, though no more than 2 ever were", p.limit)
	}
}

func TestPaceHalvesOnceForEachRoundOfFailures(t *testing.T) {
	p := newPace(Config{}.withDefaults())
	p.limit = 64
	at := func(ms int) time.Time { return time.Unix(100, int64(ms)*1e6) }
	for i := range 20 {
		p.failed(at(0), at(10+i)) // all in flight together
	}
	if p.limit != 32 {
		t.Errorf("limit %d after one round", p.limit)
	}
	p.failed(at(50), at(60))
	if p.limit != 16 {
		t.Errorf("limit %d after two rounds", p.limit)
	}
	for i := range 10 {
		p.failed(at(100*i+100), at(100*i+110))
	}
	if p.limit != fewest {
		t.Errorf("limit %d in the end", p.limit)
	}
}

// The way got longer: what was learned before must not count for ever.
func TestPaceFollowsChanges(t *testing.T) {
	p := newPace(Config{}.withDefaults())
	p.run(0, 200*time.Microsecond, 800*time.Microsecond, 0, 2, 10*time.Second)
	if p.limit > 16 {
		t.Errorf("%d uploads at once to a near Manager", p.limit)
	}
	p.run(10*time.Second, 100*time.Millisecond, 800*time.Microsecond, 0, 2, 90*time.Second)
	if p.limit < 64 {
		t.Errorf("%d uploads at once after the way got longer", p.limit)
	}
}

func TestPaceLargeUploads(t *testing.T) {
	for rtt, want := range map[time.Duration]int{
		200 * time.Microsecond: 4, 5 * time.Millisecond: 5, 40 * time.Millisecond: 12, 150 * time.Millisecond: 16,
	} {
		p := newPace(Config{}.withDefaults())
		if p.large() != 4 {
			t.Errorf("%d large uploads before anything is known", p.large())
		}
		p.roundTrip(rtt, time.Unix(1, 0))
		p.roundTrip(10*rtt, time.Unix(2, 0))
		p.bytes = p.mostBytes // a fast line
		if got := p.large(); got != want {
			t.Errorf("%v away: %d large uploads, want %d", rtt, got, want)
		}
		p.bytes = fewBytes // a slow one
		if got := p.large(); got != 1 {
			t.Errorf("%v away on a slow line: %d large uploads, want 1", rtt, got)
		}
	}
}

func TestPaceBudgetFollowsTheRate(t *testing.T) {
	for _, c := range []struct {
		rate, inFlight, want int64
	}{
		{1 << 20, firstBytes, fewBytes},         // 8 Mbit/s
		{40 << 20, firstBytes, 80 << 20},        // 335 Mbit/s
		{1 << 30, firstBytes, 256 << 20},        // more than may be
		{1 << 20, firstBytes/2 - 1, firstBytes}, // there was not more to send
	} {
		p := newPace(Config{}.withDefaults())
		for i := range 20 {
			p.sent(c.rate/10, c.inFlight, 0, time.Unix(100, 0).Add(time.Duration(i)*100*time.Millisecond))
		}
		if diff := p.bytes - c.want; diff > c.want/10 || diff < -c.want/10 {
			t.Errorf("at %d bytes a second, %d may be in flight, want %d", c.rate, p.bytes, c.want)
		}
	}
}
