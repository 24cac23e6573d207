package uploader

import (
	"testing"
	"time"
)

// run has a pace see the answers of a Manager that is that far away and works on capacity uploads at once.
func (p *pace) run(t *testing.T, rtt, work time.Duration, capacity, answers int) {
	t.Helper()
	now := time.Unix(0, 0)
	for range answers {
		// With so many in flight, each waits for those before it.
		took := max(rtt+work, work*time.Duration(p.limit)/time.Duration(capacity))
		now = now.Add(took / time.Duration(p.limit))
		p.answered(5000, took, p.limit, now)
	}
}

func TestPaceFollowsTheDistance(t *testing.T) {
	for _, c := range []struct {
		rtt         time.Duration
		least, most int
	}{
		{200 * time.Microsecond, 4, 20},
		{5 * time.Millisecond, 14, 40},
		{40 * time.Millisecond, 96, 128},
		{150 * time.Millisecond, 128, 128},
	} {
		p := newPace(Config{}.withDefaults())
		p.run(t, c.rtt, 800*time.Microsecond, 2, 5000)
		if p.limit < c.least || p.limit > c.most {
			t.Errorf("%v away: %d uploads at once, want %d to %d", c.rtt, p.limit, c.least, c.most)
		}
	}
}

func TestPaceRespectsTheConfiguration(t *testing.T) {
	for _, most := range []int{1, 2, 5} {
		p := newPace(Config{Connections: most}.withDefaults())
		p.run(t, 40*time.Millisecond, time.Millisecond, 2, 1000)
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
		p.answered(5000, 40*time.Millisecond, 2, time.Unix(int64(i), 0))
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

// The way got longer: what was measured before must not count for ever.
func TestPaceForgets(t *testing.T) {
	p := newPace(Config{}.withDefaults())
	p.run(t, 5*time.Millisecond, 100*time.Microsecond, 8, 1000)
	now := time.Unix(1000, 0)
	for range 20_000 {
		now = now.Add(5 * time.Millisecond)
		p.answered(5000, 100*time.Millisecond, p.limit, now)
	}
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
		p.roundTrip(rtt)
		p.roundTrip(10 * rtt)
		if got := p.large(); got != want {
			t.Errorf("%v away: %d large uploads, want %d", rtt, got, want)
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
			p.sent(c.rate/10, c.inFlight, time.Unix(100, 0).Add(time.Duration(i)*100*time.Millisecond))
		}
		if diff := p.bytes - c.want; diff > c.want/10 || diff < -c.want/10 {
			t.Errorf("at %d bytes a second, %d may be in flight, want %d", c.rate, p.bytes, c.want)
		}
	}
}
