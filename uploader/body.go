package uploader

import (
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// progress is how much of the body of one attempt has gone out. The zero value is a body that was not opened.
type progress struct {
	file atomic.Pointer[os.File] // the kernel copies it and moves its position
	body atomic.Pointer[body]
}

// bytes is read while the body is being sent.
func (p *progress) bytes() int64 {
	if f := p.file.Load(); f != nil {
		if at, err := f.Seek(0, io.SeekCurrent); err == nil {
			return at
		}
		return 0 // closed: the attempt is over, and its outcome tells
	}
	if b := p.body.Load(); b != nil {
		return b.read.Load()
	}
	return 0
}

// opened reports whether the body was asked for.
func (p *progress) opened() bool { return p.file.Load() != nil || p.body.Load() != nil }

// end makes sure that nothing is read from the source any more: a transport may go on reading after the
// Manager's early answer was returned.
func (p *progress) end() {
	if b := p.body.Load(); b != nil {
		b.Close()
	}
	p.file.Store(nil)
	p.body.Store(nil)
}

// body counts what is read through it, and holds it to the rate limit if there is one.
type body struct {
	ctx     context.Context // ends waits for the limiter
	limiter *rate.Limiter   // nil: no limit
	content []byte          // see Blob.Content
	read    atomic.Int64

	mu     sync.Mutex // held while the source is read
	source io.ReadCloser
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.limiter != nil && len(p) > b.limiter.Burst() {
		p = p[:b.limiter.Burst()]
	}
	n, err := b.readSource(p)
	b.read.Add(int64(n))
	if b.limiter != nil && n > 0 {
		if err := b.limiter.WaitN(b.ctx, n); err != nil {
			return n, err
		}
	}
	return n, err
}

func (b *body) readSource(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, os.ErrClosed
	}
	return b.source.Read(p)
}

func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	return b.source.Close()
}

// newLimiter spreads bytesPerSecond evenly: no tenth of a second has more than its share. nil: no limit.
func newLimiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), int(min(max(bytesPerSecond/10, 1), 1<<20)))
}
