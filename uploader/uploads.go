package uploader

import (
	"context"
	"time"
)

// upload is a blob between Ensure and its end. Whoever holds it owns it: the list of unchecked uploads, a
// check, the queue or a request.
type upload struct {
	blob    Blob
	key     key
	pending *Pending
	asks    bool // ends with the Manager's answer, is not in Uploader.known, and never sent

	attempts  int       // failures that count against Config.Attempts
	deferrals int       // how often it was put off
	due       time.Time // when it may be tried again
	uploading bool      // somebody else is, or was, sending the same: ask before sending
	unclear   bool      // an attempt ended without an answer: if the Manager has it, it may be from us
	claimed   bool      // the Manager answered to an upload that it has it already
	hidden    *hidden   // a proxy's answer to an upload, until the Manager has been asked

	failing time.Time // when it was first put off or failed
	waiting bool      // the observer knows that it is waited for

	sent  progress // of the attempt in flight
	moved int64    // of that, told to the observer
}

// record is what is known of a blob: a few bytes, because a run may have millions.
type record struct {
	// seen is when the Manager last said that it has it, by leaving it out of a requirements reply or in
	// answer to its upload: seconds since the run began, plus one. 0: never.
	seen uint32
	// assumed: an earlier run has seen it there, this one has not asked.
	assumed bool
	// stored: it counts among Stats.Stored.
	stored bool
}

// admit waits until there is room for one more upload.
func (u *Uploader) admit(ctx context.Context) error {
	select {
	case u.backlog <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-u.ctx.Done():
		return context.Cause(u.ctx)
	}
}

// lookUp returns the Pending of a blob that is known, nil for others.
func (u *Uploader) lookUp(k key) *Pending {
	u.mu.Lock()
	defer u.mu.Unlock()
	if p := u.pending(k); p != nil || !u.assume(k) {
		return p
	}
	return &u.there
}

// Has reports whether the Manager has a blob as far as is known of this run, or of an earlier one, see Config.Seen.
// Nobody need make a [Blob] of it then: it counts as if [Uploader.Ensure] had got it.
func (u *Uploader) Has(sha256 [32]byte, size int64) bool {
	p := u.lookUp(key{[16]byte(sha256[:]), size})
	return p != nil && p.Stored()
}

// pending returns the Pending of a blob that is known in this run, nil for others. It is called under the lock.
func (u *Uploader) pending(k key) *Pending {
	if up := u.underWay[k]; up != nil {
		return up.pending
	}
	if _, known := u.known[k]; known {
		return &u.there
	}
	return nil
}

// add adds an upload, unless its blob became known meanwhile.
func (u *Uploader) add(up *upload) (p *Pending, added bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch p := u.pending(up.key); {
	case p != nil:
		return p, false
	case u.ctx.Err() != nil:
		return &Pending{err: context.Cause(u.ctx)}, false
	case u.closed:
		return &Pending{err: ErrClosed}, false
	}
	u.known[up.key], u.underWay[up.key] = record{}, up
	u.stats.Unique++
	u.stats.UniqueBytes += up.blob.Size
	u.stats.LeftBytes += up.blob.Size
	u.enqueue(up)
	return up.pending, true
}

// enqueue counts an upload and has the Manager asked about it. A [Direct] whose Manager has had nothing so far
// writes it without that question: it finds what is there, too. It is called under the lock.
func (u *Uploader) enqueue(up *upload) {
	u.unfinished++
	if direct, ok := u.shaman.(*Direct); !ok || !u.allNew || up.asks || !direct.proven.Load() {
		u.askAbout(up)
		return
	}
	u.lacks(tally{1, up.blob.Size})
	u.queue.push(up)
	u.look()
}

// askAbout has the Manager asked, in the next requirements request, whether it has a upload's blob. It is
// called under the lock.
func (u *Uploader) askAbout(up *upload) {
	if len(u.unchecked) == 0 {
		u.oldest = time.Now()
	}
	u.unchecked = append(u.unchecked, up)
	if n := len(u.unchecked); n == 1 || n == u.fullBatch() {
		u.look()
	}
}

// end ends an upload with err, or without one. It is called under the lock.
func (u *Uploader) end(up *upload, err error) {
	over := u.ctx.Err() != nil
	if over && err != nil {
		err = context.Cause(u.ctx) // whatever it was
	}
	r := u.known[up.key]
	if !up.asks {
		delete(u.underWay, up.key)
	}
	switch {
	case up.asks && err == errNotStored && u.underWay[up.key] == nil:
		u.lost(up.key, r)
	case up.asks:
	case err == nil:
		u.known[up.key] = record{seen: r.seen, stored: r.stored}
		u.stats.LeftBytes -= up.blob.Size
	case over:
		u.stats.Left++
		delete(u.known, up.key)
	default:
		err = &BlobError{Name: up.blob.Name, SHA256: up.blob.SHA256, Size: up.blob.Size, Attempts: up.attempts, Err: err}
		u.stats.Failed++
		u.stats.LeftBytes -= up.blob.Size
		delete(u.known, up.key) // whoever wants it again may have better luck
		u.report(Event{Kind: Failed, Blobs: 1, Bytes: up.blob.Size, Name: up.blob.Name, Err: err})
	}
	up.pending.end(err)
	if up.blob.Release != nil {
		u.freed = append(u.freed, up.blob.Release)
	}
	<-u.backlog
	u.unfinished--
	if u.unfinished == 0 {
		if u.idle != nil {
			close(u.idle)
			u.idle = nil
		}
		u.look()
	}
}

// markStored remembers that a blob counts among Stats.Stored.
func (u *Uploader) markStored(k key) {
	r := u.known[k]
	r.stored = true
	u.known[k] = r
}

// lost forgets a blob that the Manager had and has no more; who gives it to Ensure again has it counted anew.
func (u *Uploader) lost(k key, r record) {
	if _, known := u.known[k]; !known {
		return // never given to Ensure, or told already
	}
	delete(u.known, k)
	u.stats.Unique--
	u.stats.UniqueBytes -= k.size
	if r.stored {
		u.stats.Stored--
		u.stats.StoredBytes -= k.size
	}
}

// abandon waits for requests in flight to return, then fails all remaining uploads with the run's error.
func (u *Uploader) abandon() {
	for !u.abandoned() {
		<-u.wake // each of them sees to that
	}
}

func (u *Uploader) abandoned() bool {
	u.mu.Lock()
	defer u.unlock()
	if u.checks+len(u.inFlight) > 0 {
		return false
	}
	for _, up := range append(u.queue.drain(), u.unchecked...) {
		u.end(up, u.ctx.Err())
	}
	u.unchecked = nil
	return true
}
