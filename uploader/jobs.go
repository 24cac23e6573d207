package uploader

import (
	"context"
	"time"
)

// job is a blob between Ensure and its end. It is owned by whoever holds it: the list of unchecked jobs, a check, the
// queue or an upload.
type job struct {
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

	sent  progress // of the attempt in flight
	moved int64    // of that, told to the observer
}

// record is what is known of a blob.
type record struct {
	job *job // on its way; nil: the Manager has it
	// seen is when the Manager last said that it has it, by leaving it out of a requirements reply or in answer to its
	// upload: seconds since the run began, plus one. 0: never.
	seen uint32
	// assumed: an earlier run has seen it there, this one has not asked.
	assumed bool
	// stored: it counts among Stats.Stored.
	stored bool
}

// admit waits until there is room for one more job.
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

// lookUp returns the pending of a blob that is known, nil for others.
func (u *Uploader) lookUp(k key) *Pending {
	u.mu.Lock()
	defer u.mu.Unlock()
	r, ok := u.known[k]
	switch {
	case !ok && !u.assume(k):
		return nil
	case r.job == nil:
		return &u.there
	}
	return r.job.pending
}

// add takes a job in, unless its blob became known meanwhile.
func (u *Uploader) add(j *job) (p *Pending, added bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch r, ok := u.known[j.key]; {
	case ok && r.job == nil:
		return &u.there, false
	case ok:
		return r.job.pending, false
	case u.ctx.Err() != nil:
		return &Pending{err: context.Cause(u.ctx)}, false
	case u.closed:
		return &Pending{err: ErrClosed}, false
	}
	u.known[j.key] = record{job: j}
	u.stats.Unique++
	u.stats.UniqueBytes += j.blob.Size
	u.stats.LeftBytes += j.blob.Size
	u.enqueue(j)
	return j.pending, true
}

// enqueue takes a job in. It is called under the lock.
func (u *Uploader) enqueue(j *job) {
	u.jobs++
	u.askAbout(j)
}

// askAbout has the Manager asked, in the next requirements request, whether it has a job's blob. It is called under the lock.
func (u *Uploader) askAbout(j *job) {
	if len(u.unchecked) == 0 {
		u.oldest = time.Now()
	}
	u.unchecked = append(u.unchecked, j)
	if n := len(u.unchecked); n == 1 || n == u.fullBatch() {
		u.look()
	}
}

// end settles a job, under the lock.
func (u *Uploader) end(j *job, err error) {
	over := u.ctx.Err() != nil
	if over && err != nil {
		err = context.Cause(u.ctx) // whatever it was
	}
	switch r := u.known[j.key]; {
	case j.asks && err == errNotStored && r.job == nil:
		u.lost(j.key, r)
	case j.asks:
	case err == nil:
		u.known[j.key] = record{seen: r.seen, stored: r.stored}
		u.stats.LeftBytes -= j.blob.Size
	case over:
		u.stats.Left++
		delete(u.known, j.key)
	default:
		err = &BlobError{Name: j.blob.Name, SHA256: j.blob.SHA256, Size: j.blob.Size, Attempts: j.attempts, Err: err}
		u.stats.Failed++
		u.stats.LeftBytes -= j.blob.Size
		delete(u.known, j.key) // whoever wants it again may have better luck
		u.tell(Event{Kind: Failed, Blobs: 1, Bytes: j.blob.Size, Name: j.blob.Name, Err: err})
	}
	j.pending.settle(err)
	if j.blob.Release != nil {
		u.freed = append(u.freed, j.blob.Release)
	}
	<-u.backlog
	u.jobs--
	if u.jobs == 0 {
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

// abandon ends all jobs after the run's end: first those that are on their way, which come to their end by themselves.
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
	for _, j := range append(u.queue.drain(), u.unchecked...) {
		u.end(j, u.ctx.Err())
	}
	u.unchecked = nil
	return true
}
