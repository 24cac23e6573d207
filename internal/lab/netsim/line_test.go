package netsim

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeNap is for bubbles of synctest, where only Go's own timers exist.
func fakeNap() napper { return napper{prepare: func() {}, sleep: time.Sleep} }

func TestDelayLineIsBoundedByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newDelayLine(10)
		push := func(n int) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return line.push(ctx, parcel{data: make([]byte, n)})
		}
		steps := []struct {
			name string
			do   func() error
			want error
		}{
			{"a parcel larger than the empty line goes in", func() error { return push(11) }, nil},
			{"then nothing does", func() error { return push(1) }, context.DeadlineExceeded},
			{"popped is not delivered", func() error { _, err := line.pop(t.Context()); return errors.Join(err, push(1)) }, context.DeadlineExceeded},
			{"delivered makes room", func() error { line.delivered(11); return push(4) }, nil},
			{"up to the limit", func() error { return push(6) }, nil},
			{"and no further", func() error { return push(1) }, context.DeadlineExceeded},
		}
		for _, s := range steps {
			if err := s.do(); !errors.Is(err, s.want) {
				t.Fatalf("%s: got %v, want %v", s.name, err, s.want)
			}
		}
	})
}

func TestDelayLineWakesBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newDelayLine(3)
		const parcels = 100
		go func() {
			for i := range parcels {
				if err := line.push(t.Context(), parcel{data: []byte{byte(i), 0}}); err != nil {
					t.Error(err)
				}
			}
		}()
		for i := range parcels {
			p, err := line.pop(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if p.data[0] != byte(i) {
				t.Fatalf("parcel %d came as number %d", p.data[0], i)
			}
			line.delivered(len(p.data))
		}
	})
}

func TestClockRingsInOrderAndOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := newClock(fakeNap())
		ran := make(chan struct{})
		go func() { c.run(ctx); close(ran) }()

		start := time.Now()
		rung := make(chan time.Duration, 10)
		waits := []time.Duration{90 * time.Millisecond, 3 * time.Millisecond, 100 * time.Microsecond, 90 * time.Millisecond, 0}
		for _, d := range waits {
			go func() {
				if err := c.wait(ctx, start.Add(d)); err != nil {
					t.Error(err)
				}
				rung <- time.Since(start)
			}()
		}
		var got []time.Duration
		for range waits {
			got = append(got, (<-rung).Round(100*time.Microsecond))
		}
		want := []time.Duration{0, 100 * time.Microsecond, 3 * time.Millisecond, 90 * time.Millisecond, 90 * time.Millisecond}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}

		cancel()
		<-ran
		if err := c.wait(ctx, time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// fakeStream is an endless or bounded source, or a sink that notes when its
// bytes came.
type fakeStream struct {
	left   int // to be read
	read   int
	first  time.Time
	last   time.Time
	got    int
	ended  chan ending
	ending ending
}

func (s *fakeStream) Read(b []byte) (int, error) {
	if s.left == 0 {
		if s.ending == broken {
			return 0, errors.New("connection reset")
		}
		return 0, io.EOF
	}
	n := min(len(b), s.left)
	s.left -= n
	s.read += n
	return n, nil
}

func (s *fakeStream) Write(b []byte) (int, error) {
	if s.got == 0 {
		s.first = time.Now()
	}
	s.got += len(b)
	s.last = time.Now()
	return len(b), nil
}
func (s *fakeStream) CloseWrite() error               { s.ended <- closed; return nil }
func (s *fakeStream) Close() error                    { s.ended <- broken; return nil }
func (s *fakeStream) SetLinger(int) error             { return nil }
func (s *fakeStream) SetReadDeadline(time.Time) error { return nil }

// The delay must add to the time of a transfer once, and not limit its rate.
func TestPumpDelaysAndPaces(t *testing.T) {
	tests := []struct {
		name  string
		link  Link
		bytes int
		want  time.Duration // from start to last byte, without the handshake
		slack time.Duration
	}{
		{"near and narrow", Link{RTT: 200 * time.Microsecond, BitsPerSecond: 10e6}, 1_250_000, time.Second, 20 * time.Millisecond},
		{"far and narrow", Link{RTT: 150 * time.Millisecond, BitsPerSecond: 10e6}, 1_250_000, time.Second + 75*time.Millisecond, 20 * time.Millisecond},
		{"far and wide", Link{RTT: 150 * time.Millisecond, BitsPerSecond: 10e9}, 1_250_000_000, time.Second + 75*time.Millisecond, 20 * time.Millisecond},
		{"far without limit", Link{RTT: 40 * time.Millisecond}, 100_000_000, 20 * time.Millisecond, time.Millisecond},
		{"one byte", Link{RTT: 40 * time.Millisecond, BitsPerSecond: 10e6}, 1, 20 * time.Millisecond, time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				p := newProxy(tt.link, fakeNap())
				go p.clock.run(ctx)

				start := time.Now()
				src := &fakeStream{left: tt.bytes}
				dst := &fakeStream{ended: make(chan ending, 1)}
				p.pump(ctx, dst, src, &p.up, start.Add(tt.link.RTT))

				if dst.got != tt.bytes || p.up.bytes.Load() != int64(tt.bytes) {
					t.Errorf("delivered %d, counted %d, of %d bytes", dst.got, p.up.bytes.Load(), tt.bytes)
				}
				if end := <-dst.ended; end != closed {
					t.Errorf("ended with %v, want an end of file", end)
				}
				// The handshake overlaps with the first RTT's worth of bytes.
				if first := dst.first.Sub(start); first < tt.link.RTT+tt.link.delay() {
					t.Errorf("first byte after %v, before a handshake and half a round trip", first)
				}
				least := tt.want
				if got := dst.last.Sub(start); got < least-tt.slack || got > least+tt.link.RTT+tt.slack {
					t.Errorf("took %v, want about %v", got, least)
				}
			})
		})
	}
}

func TestPumpCarriesResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := newProxy(Link{RTT: 10 * time.Millisecond}, fakeNap())
		go p.clock.run(ctx)
		src := &fakeStream{left: 100, ending: broken}
		dst := &fakeStream{ended: make(chan ending, 1)}
		p.pump(ctx, dst, src, &p.up, time.Now())
		if end := <-dst.ended; end != broken || dst.got != 100 {
			t.Errorf("end %v after %d bytes, want a reset after 100", end, dst.got)
		}
	})
}

// stuckStream takes nothing.
type stuckStream struct {
	fakeStream
	ctx context.Context
}

func (s *stuckStream) Write([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }

func TestPumpIsBoundedWhenTheReceiverStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		link := Link{RTT: 40 * time.Millisecond, BitsPerSecond: 1e9}
		p := newProxy(link, fakeNap())
		go p.clock.run(ctx)
		src := &fakeStream{left: 1 << 40}
		p.pump(ctx, &stuckStream{ctx: ctx}, src, &p.up, time.Now())
		if limit := link.buffer() + 2*link.chunk(); src.read > limit {
			t.Errorf("%d bytes were read for a receiver that takes none; the limit is %d", src.read, limit)
		}
	})
}

func TestLinkValidate(t *testing.T) {
	tests := []struct {
		link Link
		ok   bool
		name string
	}{
		{Link{}, true, "0s, no limit"},
		{Link{RTT: 200 * time.Microsecond, BitsPerSecond: 10e9}, true, "200µs, 10 Gbit/s"},
		{Link{RTT: 150 * time.Millisecond, BitsPerSecond: 10e6}, true, "150ms, 10 Mbit/s"},
		{Link{BitsPerSecond: 64e3}, true, "0s, 64 kbit/s"},
		{Link{RTT: -1}, false, "-1ns, no limit"},
		{Link{RTT: time.Minute}, false, "1m0s, no limit"},
		{Link{BitsPerSecond: 10}, false, "0s, 0.01 kbit/s"},
		{Link{BitsPerSecond: -1}, false, "0s, no limit"},
	}
	for _, tt := range tests {
		if err := tt.link.Validate(); (err == nil) != tt.ok {
			t.Errorf("%v: %v", tt.link, err)
		}
		if got := tt.link.String(); got != tt.name {
			t.Errorf("String() = %q, want %q", got, tt.name)
		}
	}
}
