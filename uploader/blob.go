package uploader

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Blob is content that goes to the Manager.
type Blob struct {
	SHA256 string // 64 lower-case hex digits; the Manager compares them as text
	Size   int64  // bytes
	Name   string // for messages and the Manager's log, such as the path of the file; any text

	// Open returns the content from its beginning. The kernel copies an *os.File without passing it through
	// this process; content that is in memory anyway is better returned as such. Open is called once for each
	// attempt, from any goroutine, never after Release. Not needed with Config.CheckOnly.
	Open func() (io.ReadCloser, error)

	// Content is what Open returns, where it is in memory and SHA256 was taken of this very memory, which
	// stays as it is until Release: [Direct] then takes no second digest. Else nil.
	Content []byte

	// Verify returns an error if the source is, after an attempt to upload, no longer the one that was
	// hashed, by its size and times. Without it, only the Manager's own comparison of digests notices a
	// change.
	Verify func() error

	// Release is called once, when neither Open nor Verify will be called any more. It may be nil.
	Release func()
}

// release releases a blob that never became an upload.
func (b *Blob) release() {
	if b.Release != nil {
		b.Release()
	}
}

// key names a blob in an Uploader, by half of its SHA-256: 128 bits are enough for no two to agree, and a run
// may have millions. Requests have the whole.
type key struct {
	sha  [16]byte
	size int64
}

func (k key) shard() byte { return k.sha[0] }

// parseKey reads a digest. A malformed one must not reach the Manager, whose requirements handler crashes on
// it.
func parseKey(sha string, size int64) (key, error) {
	if size < 0 {
		return key{}, fmt.Errorf("negative size %d", size)
	}
	var whole [32]byte
	if len(sha) != hex.EncodedLen(len(whole)) {
		return key{}, fmt.Errorf("digest %.80q is not 64 hex digits", sha)
	}
	if _, err := hex.Decode(whole[:], []byte(sha)); err != nil || sha != strings.ToLower(sha) {
		return key{}, fmt.Errorf("digest %q has other than lower-case hex digits", sha)
	}
	return key{[16]byte(whole[:]), size}, nil
}

// Pending is a blob on its way to the Manager.
type Pending struct {
	u     *Uploader     // nil for one that had ended from the beginning
	done  chan struct{} // made by the first that waits, closed when ended
	ended bool
	err   error
}

// Wait returns nil when the Manager has the blob. Otherwise the error is, or wraps,
//
//   - [ErrChanged]: the source is no longer the one that was hashed. Hash it again and call Ensure for what it is now.
//   - a [*BlobError]: this blob could not be sent; others may have been. Ensure may be called for it again.
//   - an [*GaveUpError]: the whole run was given up.
//   - the cause of the end of ctx, or of the run's own context.
//
// With Config.CheckOnly, Wait returns nil when the Manager was asked.
func (p *Pending) Wait(ctx context.Context) error {
	if p.u == nil {
		return p.err
	}
	p.u.mu.Lock()
	if p.ended {
		p.u.mu.Unlock()
		return p.err
	}
	if p.done == nil {
		p.done = make(chan struct{})
	}
	p.u.mu.Unlock()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Failed reports whether Wait would return an error at once.
func (p *Pending) Failed() bool {
	ended, err := p.now()
	return ended && err != nil
}

// Stored reports whether Wait would return nil at once.
func (p *Pending) Stored() bool {
	ended, err := p.now()
	return ended && err == nil
}

func (p *Pending) now() (ended bool, err error) {
	if p.u == nil {
		return true, p.err
	}
	p.u.mu.Lock()
	defer p.u.mu.Unlock()
	return p.ended, p.err
}

// end is called once, under the uploader's lock.
func (p *Pending) end(err error) {
	p.err, p.ended = err, true
	if p.done != nil {
		close(p.done)
	}
}
