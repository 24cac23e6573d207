package uploader

import (
	"testing"
	"time"
)

func TestPaceFollowsTheDistance(t *testing.T) {
	for rtt, want := range map[time.Duration]int{
		200 * time.Microsecond: 16, 2 * time.Millisecond: 21, 40 * time.Millisecond: 128, 150 * time.Millisecond: 128,
	} {
		p := newPace(Config{}.withDefaults())
		if p.limit != near {
			t.Errorf("%d uploads at once before anything is known", p.limit)
		}
		p.roundTrip(rtt, time.Unix(1, 0))
		p.roundTrip(10*rtt, time.Unix(2, 0)) // a busy machine
		if p.limit != want {
			t.Errorf("%v away: %d uploads at once, want %d", rtt, p.limit, want)
		}
		// The way got longer: what was learned before must not count for ever.
		p.roundTrip(40*time.Millisecond, time.Unix(40, 0))
		p.roundTrip(40*time.Millisecond, time.Unix(80, 0))
		if p.limit != 128 && rtt < 40*time.Millisecond {
			t.Errorf("%d uploads at once after the way got longer", p.limit)
		}
	}
}

func TestPaceRespectsTheConfiguration(t *testing.T) {
	for _, most := range []int{1, 2, 5} {
		p := newPace(Config{Connections: most}.withDefaults())
		p.roundTrip(40*time.Millisecond, time.Unix(1, 0))
		if p.limit != most {
			t.Errorf("%d uploads at once, want %d", p.limit, most)
		}
		p.failed(time.Unix(1, 0), time.Unix(2, 0))
		if p.limit > most || p.limit < 1 {
			t.Errorf("%d uploads at once after a failure", p.limit)
		}
	}
}

func TestPaceInTrouble(t *testing.T) {
	p := newPace(Config{}.withDefaults())
	at := func(ms int) time.Time { return time.Unix(100, int64(ms)*1e6) }
	p.roundTrip(40*time.Millisecond, at(0))
	for i := range 20 {
		p.failed(at(0), at(10+i)) // all in flight together
	}
	if p.limit != 64 {
		t.Errorf("limit %d after one round", p.limit)
	}
	for i := range 10 {
		p.failed(at(100*i+100), at(100*i+110))
	}
	if p.limit != fewest {
		t.Errorf("limit %d in the end", p.limit)
	}
	for range fewest + fewest + 1 {
		p.answered()
	}
	if p.limit != fewest+2 {
		t.Errorf("limit %d after two rounds went well", p.limit)
	}
	for range 10_000 {
		p.answered()
	}
	if p.limit != 128 || p.trouble != 0 {
		t.Errorf("limit %d after it has recovered", p.limit)
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
