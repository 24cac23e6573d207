package netsim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// echo is a TCP server that sends back what it gets, until the end of file.
func echo(t testing.TB) (addr string) {
	t.Helper()
	return serveTCP(t, func(c *net.TCPConn) { _, _ = io.Copy(c, c); _ = c.CloseWrite() })
}

func serveTCP(t testing.TB, handle func(*net.TCPConn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { defer c.Close(); handle(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return l.Addr().String()
}

func listen(t testing.TB, target string, link Link) *Proxy {
	t.Helper()
	p, err := Listen(t.Context(), target, link)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func dial(t testing.TB, p *Proxy) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", p.Addr(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c.(*net.TCPConn)
}

func TestEveryByteArrives(t *testing.T) {
	for _, link := range []Link{{}, {RTT: 200 * time.Microsecond}, {RTT: 20 * time.Millisecond, BitsPerSecond: 800e6}} {
		t.Run(link.String(), func(t *testing.T) {
			p := listen(t, echo(t), link)
			const conns, size = 8, 1 << 20
			var all sync.WaitGroup
			for i := range conns {
				all.Go(func() {
					c := dial(t, p)
					sent := bytes.Repeat([]byte(fmt.Sprintf("connection %d.", i)), size/13+1)[:size]
					go func() { _, _ = c.Write(sent); _ = c.CloseWrite() }()
					got, err := io.ReadAll(c)
					if err != nil || sha256.Sum256(got) != sha256.Sum256(sent) {
						t.Errorf("connection %d: %d of %d bytes came back, or others: %v", i, len(got), size, err)
					}
				})
			}
			all.Wait()
		})
	}
}

// Only least times are asserted: a busy machine may take longer, never less.
func TestRoundTripsTakeTheirTime(t *testing.T) {
	const rtt = 30 * time.Millisecond
	p := listen(t, echo(t), Link{RTT: rtt})
	start := time.Now()
	c := dial(t, p)
	buf := make([]byte, 1)
	for trip := range 3 {
		if _, err := c.Write(buf); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			t.Fatal(err)
		}
		// One round trip for the handshake and one for each byte.
		if got, least := time.Since(start), time.Duration(trip+2)*rtt-time.Millisecond; got < least {
			t.Errorf("round trip %d was over after %v, before %v", trip+1, got, least)
		}
	}
}

func TestRateIsSharedByAllConnections(t *testing.T) {
	p := listen(t, echo(t), Link{BitsPerSecond: 80e6}) // 10 MB/s
	const conns, size = 4, 500_000
	start := time.Now()
	var all sync.WaitGroup
	for range conns {
		all.Go(func() {
			c := dial(t, p)
			go func() { _, _ = c.Write(make([]byte, size)); _ = c.CloseWrite() }()
			if n, err := io.Copy(io.Discard, c); n != size || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	all.Wait()
	if got, least := time.Since(start), 195*time.Millisecond; got < least {
		t.Errorf("%d bytes took %v at 10 MB/s, which is less than %v", conns*size, got, least)
	}
}

func TestResetsAreCarried(t *testing.T) {
	p := listen(t, serveTCP(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 1))
		_, _ = c.Write([]byte("answer"))
		_ = c.SetLinger(0)
	}), Link{RTT: 5 * time.Millisecond})
	c := dial(t, p)
	if _, err := c.Write([]byte("?")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if string(got) != "answer" && len(got) != 0 { // a reset may overtake what was not read yet
		t.Errorf("got %q", got)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset", err)
	}
}

func TestRefusalsAreCarried(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	p := listen(t, l.Addr().String(), Link{RTT: 5 * time.Millisecond})
	if n, err := dial(t, p).Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes from nobody", n)
	}
}

// A server may answer and close while the client is still sending, as the
// Manager does for a file that it has.
func TestAnEarlyAnswerArrives(t *testing.T) {
	p := listen(t, serveTCP(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 10))
		_, _ = c.Write([]byte("208"))
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, io.LimitReader(c, 1<<20))
	}), Link{RTT: 5 * time.Millisecond})
	c := dial(t, p)
	stopped := make(chan error, 1)
	go func() {
		block := make([]byte, 64<<10)
		for {
			if _, err := c.Write(block); err != nil {
				stopped <- err
				return
			}
		}
	}()
	got := make([]byte, 3)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "208" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := <-stopped; errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("sending went on: %v", err)
	}
}

func TestCloseEndsConnections(t *testing.T) {
	p, err := Listen(t.Context(), echo(t), Link{RTT: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, p)
	if _, err := c.Write([]byte("under way")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection outlived its proxy")
	}
	if _, err := Listen(t.Context(), "127.0.0.1:1", Link{RTT: -1}); err == nil {
		t.Error("an impossible line was made")
	}
}

// BenchmarkRoundTrip shows what a round trip really is: ns/op against the name.
func BenchmarkRoundTrip(b *testing.B) {
	for _, rtt := range []time.Duration{0, 200 * time.Microsecond, 5 * time.Millisecond} {
		b.Run(rtt.String(), func(b *testing.B) {
			c := dial(b, listen(b, echo(b), Link{RTT: rtt}))
			buf := make([]byte, 1)
			for b.Loop() {
				_, _ = c.Write(buf)
				if _, err := io.ReadFull(c, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkThroughput shows what the proxy itself can carry.
func BenchmarkThroughput(b *testing.B) {
	for _, link := range []Link{{}, {RTT: 40 * time.Millisecond, BitsPerSecond: 10e9}} {
		b.Run(link.String(), func(b *testing.B) {
			sink := serveTCP(b, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) })
			c := dial(b, listen(b, sink, link))
			block := make([]byte, 1<<20)
			b.SetBytes(int64(len(block)))
			for b.Loop() {
				if _, err := c.Write(block); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// watchedDial calls gone when the far side has closed a connection.
func watchedDial(gone func()) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return watchedConn{c, gone}, err
	}
}

type watchedConn struct {
	net.Conn
	gone func()
}

func (c watchedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.gone()
	}
	return n, err
}

func TestLinkValidate(t *testing.T) {
	tests := []struct {
		link Link
		ok   bool
		name string
	}{
		{Link{}, true, "0s"},
		{Link{RTT: 200 * time.Microsecond, BitsPerSecond: 10e9}, true, "200µs, 10 Gbit/s"},
		{Link{RTT: 150 * time.Millisecond, BitsPerSecond: 10e6}, true, "150ms, 10 Mbit/s"},
		{Link{BitsPerSecond: 64e3}, true, "0s, 64 kbit/s"},
		{Link{RTT: -1}, false, "-1ns"},
		{Link{RTT: time.Minute}, false, "1m0s"},
		{Link{BitsPerSecond: 10}, false, "0s, 0.01 kbit/s"},
		{Link{BitsPerSecond: -1}, false, "0s"},
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

// TestFlightIsAsFastAsTCP compares the rate of a long transfer with the formula of Mathis et al., "The
// macroscopic behavior of the TCP congestion avoidance algorithm" (1997): segment/RTT × √(3/2)/√loss.
func TestFlightIsAsFastAsTCP(t *testing.T) {
	for _, loss := range []float64{0.001, 0.01, 0.05} {
		const rtt, pieces = 150 * time.Millisecond, 50_000
		f := newFlight(rtt, loss, 1)
		start := time.Unix(0, 0)
		now, arrived := start, start
		for range pieces {
			leaves, arrives := f.send(now, segment)
			if leaves.Before(now) || arrives.Before(arrived) || arrives.Sub(leaves) < rtt/2 {
				t.Fatalf("a piece ready at %v leaves at %v and arrives at %v after one at %v", now, leaves, arrives, arrived)
			}
			now, arrived = leaves, arrives
		}
		rate := pieces * segment / arrived.Sub(start).Seconds()
		formula := segment / rtt.Seconds() * math.Sqrt(1.5/loss)
		t.Logf("loss %g: %.0f bytes a second, by the formula %.0f", loss, rate, formula)
		if rate < formula*0.6 || rate > formula*1.25 {
			t.Errorf("loss %g: %.0f bytes a second, by the formula %.0f", loss, rate, formula)
		}
	}
}

func TestFlightStartsSlowly(t *testing.T) {
	f := newFlight(100*time.Millisecond, 0, 1)
	start := time.Unix(0, 0)
	now := start
	var leaves []int // how many leave in each round trip
	for range 70 {
		now, _ = f.send(now, segment)
		round := int(now.Sub(start) / f.rtt)
		for len(leaves) <= round {
			leaves = append(leaves, 0)
		}
		leaves[round]++
	}
	if want := []int{10, 20, 40}; !slices.Equal(leaves, want) {
		t.Errorf("%v segments leave in the first round trips, want %v", leaves, want)
	}
}

// Connections have a rate of their own, so that two are twice as fast as one.
func TestRateOfEachConnection(t *testing.T) {
	p := listen(t, echo(t), Link{BitsPerConnection: 8 * 500_000})
	start := time.Now()
	var all sync.WaitGroup
	for range 4 {
		c := dial(t, p)
		all.Go(func() {
			go func() { _, _ = c.Write(make([]byte, 100_000)); _ = c.CloseWrite() }()
			if n, err := io.Copy(io.Discard, c); n != 100_000 || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		})
	}
	all.Wait()
	if took := time.Since(start); took < 180*time.Millisecond || took > 750*time.Millisecond {
		t.Errorf("4 connections of 500 kB/s took %v for 100 kB each", took)
	}
}
