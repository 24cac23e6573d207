package netsim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Link describes a line between two machines. The zero value adds nothing.
type Link struct {
	// RTT is the time for a byte to the far end and an answer back. Each direction gets half of it, and a new
	// connection costs one whole RTT before its first byte leaves, as TCP's handshake does.
	RTT time.Duration

	// BitsPerSecond is the rate of each direction, shared by all connections. 0: no limit.
	BitsPerSecond float64

	// BitsPerConnection is the rate of each direction of each connection by itself, as of a proxy that shares
	// out a line evenly. 0: no limit.
	BitsPerConnection float64

	// Loss is the share of packets that are lost in each direction, 0 to 0.2. Above 0, each connection is
	// paced as TCP's congestion control would pace it; the handshake is never lost.
	Loss float64
}

// The limits keep a mistyped unit from looking like a broken client.
const (
	maxRTT  = 10 * time.Second
	minRate = 8 * 1024 // bits per second
)

// Validate reports an error for numbers that no line has.
func (l Link) Validate() error {
	switch {
	case l.RTT < 0 || l.RTT > maxRTT:
		return fmt.Errorf("netsim: round trip %v is outside 0 to %v", l.RTT, maxRTT)
	case l.Loss < 0 || l.Loss > maxLoss:
		return fmt.Errorf("netsim: a loss of %g is outside 0 to %g", l.Loss, maxLoss)
	}
	for _, rate := range []float64{l.BitsPerSecond, l.BitsPerConnection} {
		if rate != 0 && rate < minRate {
			return fmt.Errorf("netsim: %g bit/s is below the least rate of %d bit/s", rate, minRate)
		}
	}
	return nil
}

// String names the line as tables do: "40ms, 1 Gbit/s, 1 % loss".
func (l Link) String() string {
	rate := func(b float64) string {
		switch {
		case b >= 1e9:
			return fmt.Sprintf("%g Gbit/s", b/1e9)
		case b >= 1e6:
			return fmt.Sprintf("%g Mbit/s", b/1e6)
		}
		return fmt.Sprintf("%g kbit/s", b/1e3)
	}
	text := l.RTT.String()
	if l.BitsPerSecond > 0 {
		text += ", " + rate(l.BitsPerSecond)
	}
	if l.BitsPerConnection > 0 {
		text += ", " + rate(l.BitsPerConnection) + " a connection"
	}
	if l.Loss > 0 {
		text += fmt.Sprintf(", %g %% loss", l.Loss*100)
	}
	return text
}

const (
	maxChunk = 64 << 10             // bytes read, paced and sent as one piece
	minChunk = 1500                 // one Ethernet frame
	paceStep = 2 * time.Millisecond // by how much a direction may run ahead of its rate; Go's timers need 1 ms
	maxQueue = 4096                 // pieces under way in one direction of a connection; a full queue stops the sender
)

// bucket returns a token bucket of that many bits a second; without a rate one that never waits.
func bucket(bits float64) *rate.Limiter {
	if bits == 0 {
		return rate.NewLimiter(rate.Inf, maxChunk)
	}
	bytes := bits / 8
	return rate.NewLimiter(rate.Limit(bytes), min(maxChunk, max(minChunk, int(bytes*paceStep.Seconds()))))
}

// Proxy carries TCP connections to a target over a simulated line.
type Proxy struct {
	target   string
	link     Link
	listener net.Listener
	up, down *rate.Limiter
	streams  atomic.Uint64 // directions of connections so far: seeds of losses

	stop context.CancelFunc
	done sync.WaitGroup
}

// Listen starts a proxy to target ("host:port") on a free port of 127.0.0.1. It runs until Close or until ctx
// ends.
func Listen(ctx context.Context, target string, link Link) (*Proxy, error) {
	if err := link.Validate(); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("netsim: %w", err)
	}
	p := &Proxy{target: target, link: link, listener: listener, up: bucket(link.BitsPerSecond), down: bucket(link.BitsPerSecond)}
	ctx, p.stop = context.WithCancel(ctx)
	p.done.Go(func() { p.accept(ctx) })
	return p, nil
}

// Addr is where to connect, "127.0.0.1:port".
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close ends all connections, loses what is under way, and returns when everything has stopped.
func (p *Proxy) Close() error {
	p.stop()
	err := p.listener.Close()
	p.done.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) accept(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { p.listener.Close() })()
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) && pause(ctx, time.Millisecond) {
				continue // no file handles, for example: a later connection may succeed
			}
			return
		}
		p.done.Go(func() { p.carry(ctx, conn.(*net.TCPConn)) })
	}
}

// carry serves one connection to its end.
func (p *Proxy) carry(ctx context.Context, client *net.TCPConn) {
	defer client.Close()
	handshake := time.Now().Add(p.link.RTT)
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.target)
	if err != nil {
		pause(ctx, time.Until(handshake)) // a refusal takes its time, too
		_ = client.SetLinger(0)
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	// Reads and writes do not know contexts: closing wakes them.
	defer context.AfterFunc(ctx, func() { client.Close(); server.Close() })()

	var both sync.WaitGroup
	both.Go(func() { p.pump(ctx, server, client, p.up, handshake) })
	both.Go(func() { p.pump(ctx, client, server, p.down, handshake) })
	both.Wait()
}

// parcel is a piece of a stream that is under way. The last one has no data but the reader's error.
type parcel struct {
	due  time.Time // when it arrives at the far end
	data []byte
	err  error
}

// pump carries one direction of a connection until src ends or dst is gone. It carries how src ended, too,
// behind the last byte and as late: an end of file as an end of file, anything else as a reset.
func (p *Proxy) pump(ctx context.Context, dst, src *net.TCPConn, shared *rate.Limiter, handshake time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	// A read that nobody needs any more is ended by its deadline.
	defer context.AfterFunc(ctx, func() { _ = src.SetReadDeadline(time.Unix(1, 0)) })()
	line := make(chan parcel, maxQueue)
	var reading sync.WaitGroup
	reading.Go(func() { p.receive(ctx, line, src, shared, handshake) })
	deliver(ctx, line, dst)
	cancel()
	reading.Wait()
}

// receive reads src into the line, at the line's rate and the connection's.
func (p *Proxy) receive(ctx context.Context, line chan<- parcel, src *net.TCPConn, shared *rate.Limiter, handshake time.Time) {
	own := bucket(p.link.BitsPerConnection)
	chunk := min(shared.Burst(), own.Burst())
	var flight *flight
	if p.link.Loss > 0 {
		flight = newFlight(p.link.RTT, p.link.Loss, p.streams.Add(1))
		chunk = min(chunk, lossyChunk)
	}
	buf := make([]byte, chunk)
	for {
		n, err := src.Read(buf)
		if shared.WaitN(ctx, n) != nil || own.WaitN(ctx, n) != nil {
			return
		}
		leaves := time.Now()
		if leaves.Before(handshake) {
			leaves = handshake
		}
		arrives := leaves.Add(p.link.RTT / 2)
		if flight != nil {
			if leaves, arrives = flight.send(leaves, n); !pause(ctx, time.Until(leaves)) {
				return
			}
		}
		select {
		case line <- parcel{arrives, append([]byte(nil), buf[:n]...), err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// deliver writes to dst what has arrived.
func deliver(ctx context.Context, line <-chan parcel, dst *net.TCPConn) {
	for {
		var next parcel
		select {
		case next = <-line:
		case <-ctx.Done():
			return
		}
		if !pause(ctx, time.Until(next.due)) {
			return
		}
		if _, err := dst.Write(next.data); err != nil {
			return
		}
		switch {
		case errors.Is(next.err, io.EOF):
			_ = dst.CloseWrite()
			return
		case next.err != nil:
			_ = dst.SetLinger(0) // a reset instead of an end of file
			_ = dst.Close()
			return
		}
	}
}

// pause sleeps for d, and reports whether ctx lasted as long.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
