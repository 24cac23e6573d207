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

// Proxy carries TCP connections to a target over a simulated line.
type Proxy struct {
	target   string
	link     Link
	listener net.Listener
	clock    *clock
	up, down direction
	buffers  sync.Pool // of *[]byte, each of maxChunk

	stop  context.CancelCauseFunc
	done  sync.WaitGroup
	conns atomic.Int64
	now   atomic.Int64
	most  atomic.Int64
}

// direction is what all connections share one way.
type direction struct {
	bucket *rate.Limiter // nil: no limit
	bytes  atomic.Int64
}

// Stats is what went over the line so far.
type Stats struct {
	Connections int64 // accepted
	Open        int64 // open now
	MostOpen    int64 // the most that were open at once
	Up, Down    int64 // bytes delivered to the target, and back to the clients
}

var errClosed = errors.New("netsim: proxy closed")

// Listen starts a proxy to target ("host:port") on a free port of 127.0.0.1.
// It runs until Close or until ctx ends.
func Listen(ctx context.Context, target string, link Link) (*Proxy, error) {
	if err := link.Validate(); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("netsim: %w", err)
	}
	p := newProxy(link, preciseNap())
	p.target, p.listener = target, listener
	ctx, p.stop = context.WithCancelCause(ctx)
	p.done.Go(func() { p.clock.run(ctx) })
	p.done.Go(func() { p.accept(ctx) })
	return p, nil
}

func newProxy(link Link, nap napper) *Proxy {
	p := &Proxy{link: link, clock: newClock(nap)}
	p.buffers.New = func() any { b := make([]byte, maxChunk); return &b }
	if link.BitsPerSecond > 0 {
		p.up.bucket = rate.NewLimiter(rate.Limit(link.bytesPerSecond()), link.burst())
		p.down.bucket = rate.NewLimiter(rate.Limit(link.bytesPerSecond()), link.burst())
	}
	return p
}

// Addr is where to connect, "127.0.0.1:port".
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Stats may be called at any time.
func (p *Proxy) Stats() Stats {
	return Stats{
		Connections: p.conns.Load(), Open: p.now.Load(), MostOpen: p.most.Load(),
		Up: p.up.bytes.Load(), Down: p.down.bytes.Load(),
	}
}

// Close ends all connections, loses what is under way, and returns when
// everything has stopped.
func (p *Proxy) Close() error {
	p.stop(errClosed)
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
			if ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				time.Sleep(time.Millisecond) // out of file handles, say: a later connection may do
				continue
			}
			return
		}
		p.conns.Add(1)
		open := p.now.Add(1)
		for most := p.most.Load(); open > most && !p.most.CompareAndSwap(most, open); most = p.most.Load() {
		}
		p.done.Go(func() {
			defer p.now.Add(-1)
			p.carry(ctx, conn.(*net.TCPConn))
		})
	}
}

// carry serves one connection to its end.
func (p *Proxy) carry(ctx context.Context, client *net.TCPConn) {
	defer client.Close()
	handshake := time.Now().Add(p.link.RTT)
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.target)
	if err != nil {
		// The refusal takes its time, too.
		_ = p.clock.wait(ctx, handshake)
		_ = client.SetLinger(0)
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Reads and writes do not know contexts: closing wakes them.
	defer context.AfterFunc(ctx, func() { client.Close(); server.Close() })()

	var both sync.WaitGroup
	both.Go(func() { p.pump(ctx, server, client, &p.up, handshake) })
	both.Go(func() { p.pump(ctx, client, server, &p.down, handshake) })
	both.Wait()
}

// stream is what a pump needs of a *net.TCPConn.
type stream interface {
	io.ReadWriteCloser
	CloseWrite() error
	SetLinger(sec int) error
	SetReadDeadline(t time.Time) error
}

// pump carries one direction of a connection until src ends or dst is gone.
//
// How it ended is carried, too, behind the last byte and as late: an end of
// file as an end of file, a reset as a reset. When dst is gone nothing more is
// read; the other direction sees the same and carries it back.
func (p *Proxy) pump(ctx context.Context, dst, src stream, dir *direction, notBefore time.Time) {
	line := newDelayLine(p.link.buffer())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A read that nobody needs any more is ended by its deadline.
	defer context.AfterFunc(ctx, func() { _ = src.SetReadDeadline(time.Unix(1, 0)) })()

	var ends sync.WaitGroup
	ends.Go(func() { _ = p.receive(ctx, line, src, dir, notBefore) })
	ends.Go(func() {
		defer cancel()
		_ = p.deliver(ctx, line, dst, dir)
	})
	ends.Wait() // both errors are of connections, and have been carried to the far end
}

// receive reads src into the line, at the line's rate.
func (p *Proxy) receive(ctx context.Context, line *delayLine, src stream, dir *direction, notBefore time.Time) error {
	for {
		buf := p.buffers.Get().(*[]byte)
		n, err := src.Read((*buf)[:p.link.chunk()])
		data := (*buf)[:n]
		if n < maxChunk/4 { // most messages are small, and a buffer is not
			data = append([]byte(nil), data...)
			p.buffers.Put(buf)
		}
		if n > 0 {
			if dir.bucket != nil {
				if err := dir.bucket.WaitN(ctx, n); err != nil {
					return err
				}
			}
			if err := line.push(ctx, parcel{due: p.arrival(notBefore), data: data}); err != nil {
				return err
			}
		}
		if err != nil {
			end := closed
			if !errors.Is(err, io.EOF) {
				end = broken
			}
			return line.push(ctx, parcel{due: p.arrival(notBefore), end: end})
		}
	}
}

// arrival is when what leaves now is at the far end.
func (p *Proxy) arrival(notBefore time.Time) time.Time {
	leaves := time.Now()
	if leaves.Before(notBefore) {
		leaves = notBefore
	}
	return leaves.Add(p.link.delay())
}

// deliver writes to dst what has arrived.
func (p *Proxy) deliver(ctx context.Context, line *delayLine, dst stream, dir *direction) error {
	for {
		next, err := line.pop(ctx)
		if err != nil {
			return err
		}
		if err := p.clock.wait(ctx, next.due); err != nil {
			return err
		}
		switch next.end {
		case closed:
			return dst.CloseWrite()
		case broken:
			_ = dst.SetLinger(0) // a reset instead of an end of file
			return dst.Close()
		}
		n, err := dst.Write(next.data)
		dir.bytes.Add(int64(n))
		line.delivered(len(next.data))
		if cap(next.data) == maxChunk {
			data := next.data[:maxChunk]
			p.buffers.Put(&data)
		}
		if err != nil {
			return err
		}
	}
}
