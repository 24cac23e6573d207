package flamenco

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// writeBuffer holds the headers and the whole of a small file, which then leave in one packet train and
	// one system call.
	writeBuffer = 20 << 10
	// sendChunk is how much of a file the kernel copies before the bytes are counted. Within the default
	// Silence it lets a line of 4 KB/s pass for alive.
	sendChunk = 256 << 10
	// sendPiece is the same for what is sent from memory: a checkout of 500 files is one piece.
	sendPiece = 64 << 10
	// leastRate is the same for what comes, in bytes a second: less of it for Silence is as good as nothing,
	// or whoever sends a byte a minute would be waited for until the night is over.
	leastRate = 4 << 10
	// lastWords is how long a failed write waits for the reply that explains it.
	lastWords = 5 * time.Second
	// keepIdle: connections are closed by us before common proxies close them (75 s in nginx), so that a
	// request seldom meets one that is about to go.
	keepIdle = 60 * time.Second
)

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// newTransport returns a transport whose connections count their bytes. HTTP/2 is off, see the package's
// caveats.
func newTransport(c Config, dial dialFunc) (*http.Transport, error) {
	tlsConfig, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	if dial == nil {
		dial = (&net.Dialer{Timeout: c.DialTimeout}).DialContext
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			raw, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: raw, closed: make(chan struct{})}, nil
		},
		TLSClientConfig:       tlsConfig,
		TLSHandshakeTimeout:   c.DialTimeout,
		TLSNextProto:          map[string]func(string, *tls.Conn) http.RoundTripper{},
		ExpectContinueTimeout: c.ExpectTimeout,
		MaxIdleConns:          c.IdleConns,
		MaxIdleConnsPerHost:   c.IdleConns,
		IdleConnTimeout:       keepIdle,
		WriteBufferSize:       writeBuffer,
		DisableCompression:    true,
		// A Manager's headers are a few hundred bytes.
		MaxResponseHeaderBytes: 256 << 10,
	}, nil
}

// conn counts the bytes that it moves, hands files to the kernel, and keeps a failed write from hiding the
// reply.
type conn struct {
	net.Conn
	sent    atomic.Int64 // bytes that went
	heard   atomic.Int64 // bytes that came
	foreign atomic.Bool  // the first of them are not those of HTTP; means nothing under TLS
	once    sync.Once
	closed  chan struct{}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.heard.Add(int64(n)) == int64(n) {
		const greeting = "HTTP/"
		start := min(n, len(greeting))
		c.foreign.Store(string(p[:start]) != greeting[:start])
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	if err != nil {
		c.awaitReply()
	}
	return n, err
}

// ReadFrom is what net/http sends the rest of a body with that does not fit into its buffer. A file goes from
// kernel to kernel and memory goes without a copy, both in pieces, so that progress is seen.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	tcp, isTCP := c.Conn.(*net.TCPConn)
	limited, isLimited := r.(*io.LimitedReader)
	if !isTCP || !isLimited {
		return io.Copy(writerOnly{c}, r)
	}
	if memory, ok := limited.R.(*bytes.Reader); ok && int64(memory.Len()) <= limited.N {
		n, err := memory.WriteTo(inPieces{c})
		limited.N -= n
		return n, err
	}
	body, isBody := limited.R.(*fileBody)
	if !isBody || body.file == nil {
		return io.Copy(writerOnly{c}, r)
	}

	var sent int64
	for limited.N > 0 && body.left > 0 {
		n, err := tcp.ReadFrom(&io.LimitedReader{R: body.file, N: min(limited.N, body.left, sendChunk)})
		c.sent.Add(n)
		sent += n
		limited.N -= n
		body.left -= n
		if err == nil && n == 0 {
			err = body.fail(io.ErrUnexpectedEOF)
			return sent, err
		}
		if err != nil {
			if body.unreadable() {
				return sent, err
			}
			c.awaitReply()
			return sent, err
		}
	}
	return sent, nil
}

// awaitReply holds a failed write back until the connection is closed, which net/http does as soon as it has
// read the reply or has learnt that there is none. A Manager that has no use for the rest of an upload
// replies and closes; were the write error reported first, net/http would report it instead of the reply.
func (c *conn) awaitReply() {
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-c.closed:
	case <-timer.C:
	}
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// writerOnly hides ReadFrom, so that io.Copy does not come back to it.
type writerOnly struct{ io.Writer }

// inPieces writes sendPiece at once.
type inPieces struct{ io.Writer }

func (w inPieces) Write(p []byte) (written int, err error) {
	for piece := range slices.Chunk(p, sendPiece) {
		n, err := w.Writer.Write(piece)
		if written += n; err != nil {
			return written, err
		}
	}
	return written, nil
}

// slowError is ErrSilent for an answer that comes in drops.
type slowError struct{}

func (slowError) Error() string        { return fmt.Sprintf("fewer than %d bytes a second came", leastRate) }
func (slowError) Is(target error) bool { return target == ErrSilent }

// watch ends a request when its connection has not moved enough for too long.
type watch struct {
	silence time.Duration
	caller  context.Context
	ctx     context.Context // caller's, ended by the watch
	cancel  context.CancelCauseFunc

	mu       sync.Mutex
	conn     *conn
	seen     progress
	since    time.Time
	timer    *time.Timer
	tls      bool // conn lies below TLS
	reused   bool // it had been used before
	answered bool // a byte of an answer came
	stopped  bool
}

// progress is what changes while anything moves. The queue shrinks while the kernel still sends what it took
// long ago.
type progress struct {
	conn     *conn
	sent     int64
	queued   int
	answered bool  // a byte of the answer came
	heard    int64 // bytes that came
}

// counts reports whether now is worth waiting on: anything that went out, the first of an answer, or enough
// of the rest.
func (p progress) counts(now progress, silence time.Duration) bool {
	enough := int64(silence.Seconds() * leastRate)
	came := now.heard - p.heard
	p.heard = now.heard
	return p != now || came >= enough
}

// watchOver returns a context that is cancelled with ErrSilent, and the watch, which the caller has to stop.
func watchOver(ctx context.Context, silence time.Duration) (context.Context, *watch) {
	w := &watch{silence: silence, caller: ctx, since: time.Now()}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	ctx = httptrace.WithClientTrace(w.ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reused = info.Reused
			// The counting connection lies below TLS, if there is any.
			over, isTLS := info.Conn.(*tls.Conn)
			if w.tls = isTLS; isTLS {
				info.Conn = over.NetConn()
			}
			w.conn, _ = info.Conn.(*conn)
		},
		GotFirstResponseByte: func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.answered = true
		},
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(silence/4, w.look)
	return ctx, w
}

// look runs four times in each span of silence that is allowed.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	now := progress{conn: w.conn, answered: w.answered}
	if w.conn != nil {
		now.sent, now.heard = w.conn.sent.Load(), w.conn.heard.Load()
		now.queued = queued(w.conn.Conn)
	}
	if w.seen.counts(now, w.silence) {
		w.seen, w.since = now, time.Now()
	}
	if time.Since(w.since) >= w.silence {
		if now != w.seen {
			w.cancel(slowError{})
		} else {
			w.cancel(ErrSilent)
		}
		return
	}
	w.timer.Reset(w.silence / 4)
}

// stop ends the watch and releases its context. What is still being received for it is cut off.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
	w.cancel(nil)
}

// sent reports whether a connection was had for the request, so that it may have arrived.
func (w *watch) sent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conn != nil
}

// stale reports whether the request went out on a connection from before and nothing came back, although
// nobody gave up.
func (w *watch) stale() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reused && !w.answered && w.ctx.Err() == nil
}

// explain puts the errors of net/http into words for people.
func (w *watch) explain(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var (
		notTLS tls.RecordHeaderError
		netErr net.Error
	)
	switch {
	case errors.Is(context.Cause(w.ctx), ErrSilent):
		return fmt.Errorf("%w for %v", context.Cause(w.ctx), w.silence)
	case errors.As(err, &notTLS):
		return fmt.Errorf("the other side does not speak https; try http:// (%w)", err)
	case w.conn != nil && !w.tls && w.conn.foreign.Load(): // such servers may even speak first
		return fmt.Errorf("%w: the answer is not HTTP (%w)", ErrNotAManager, err)
	case errors.Is(err, io.EOF) && !w.answered:
		return fmt.Errorf("the connection was closed before an answer came: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the answer breaks off: %w", io.ErrUnexpectedEOF)
	case !w.answered || errors.As(err, &netErr):
		return err
	}
	return fmt.Errorf("the answer cannot be understood, or breaks off (%w)", err)
}
