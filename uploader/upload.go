package uploader

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

func (u *Uploader) isLarge(j *job) bool { return u.queue.isLarge(j) }

// nextUpload takes the job that should be sent now; nil for none. It is called under the lock.
func (u *Uploader) nextUpload(now time.Time) *job {
	if u.queue.waiting == 0 || !u.uploadGate.open(now) || u.ctx.Err() != nil {
		return nil
	}
	if large := len(u.inFlight) - u.small; large < u.pace.large() {
		if j := u.queue.popLarge(); j != nil {
			return j
		}
	}
	if u.small < u.pace.limit {
		room := u.pace.smallBytes() - u.bytes
		if u.small == 0 {
			room = math.MaxInt64 // whatever the budget, something has to go
		}
		return u.queue.popSmall(room)
	}
	return nil
}

// startUpload is called under the lock.
func (u *Uploader) startUpload(j *job) (probe bool) {
	u.inFlight[j] = struct{}{}
	if !u.isLarge(j) {
		u.small++
		u.bytes += j.blob.Size
	}
	return u.uploadGate.begin()
}

// uploads sends a job, and then others while there are any: a goroutine that lives on has grown its stack already.
func (u *Uploader) uploads(j *job, probe bool) {
	for j != nil {
		j, probe = u.upload(j, probe)
	}
}

// upload makes one attempt to send a job. It returns the next one to send, which it has started.
func (u *Uploader) upload(j *job, probe bool) (next *job, nextProbe bool) {
	began := time.Now()
	canDefer := j.deferrals < u.config.Deferrals
	outcome, err := u.shaman.ShamanUpload(u.ctx, flamenco.Upload{
		SHA256: j.blob.SHA256, Size: j.blob.Size, Name: j.blob.Name,
		Body:     func() (io.ReadCloser, error) { return u.open(j) },
		Paced:    u.limiter != nil,
		CanDefer: canDefer,
		Expect:   u.isLarge(j) || j.uploading,
	})
	opened := j.sent.opened()
	j.sent.end()
	if opened && j.blob.Verify != nil && u.ctx.Err() == nil {
		// Also after a success: the Manager then has what was hashed, but that is no longer what is on disk.
		if changed := j.blob.Verify(); changed != nil {
			err = fmt.Errorf("%w: %w", ErrChanged, changed)
		}
	}
	now := time.Now()

	u.mu.Lock()
	defer u.unlock()
	inFlight := u.small
	u.endUpload(j, probe)
	switch {
	case err != nil:
		u.uploadFailed(j, err, began, now)
	case outcome == flamenco.Deferred:
		u.uploadGate.succeeded()
		u.deferred(j, canDefer, now)
	case outcome == flamenco.AlreadyStored:
		u.uploadGate.succeeded()
		u.claimed(j)
	default:
		u.uploadGate.succeeded()
		if !u.isLarge(j) {
			u.pace.roundTrip(now.Sub(began), now)
			u.pace.answered(j.blob.Size, inFlight, now)
		}
		u.finish(j, true, now)
	}
	if next = u.nextUpload(now); next != nil {
		nextProbe = u.startUpload(next)
	}
	if next == nil || u.isLarge(next) || u.queue.waiting > 0 && (u.small < u.pace.limit || len(u.queue.large) > 0) {
		u.look() // for more than this one, or other work than this
	}
	return next, nextProbe
}

// endUpload undoes startUpload.
func (u *Uploader) endUpload(j *job, probe bool) {
	delete(u.inFlight, j)
	u.queue.release(j)
	if !u.isLarge(j) {
		u.small--
		u.bytes -= j.blob.Size
	}
	if probe {
		u.uploadGate.probing = false
	}
	u.stats.Uploads++
}

// open opens the source of a job for one attempt.
func (u *Uploader) open(j *job) (io.ReadCloser, error) {
	if j.blob.Open == nil {
		return nil, errors.New("uploader: the blob has no Open")
	}
	source, err := j.blob.Open()
	if err != nil {
		return nil, err
	}
	if file, ok := source.(*os.File); ok && u.limiter == nil {
		j.sent.file.Store(file)
		return file, nil // as it is, so that the kernel copies it
	}
	b := &body{ctx: u.ctx, limiter: u.limiter, source: source}
	j.sent.body.Store(b)
	return b, nil
}

// finish ends a job that the Manager has now, from us or from somebody else. It is called under the lock.
func (u *Uploader) finish(j *job, ours bool, now time.Time) {
	e := Event{Kind: Stored, Blobs: 1, Bytes: j.blob.Size, Name: j.blob.Name}
	if ours {
		e.Kind = Uploaded
		u.stats.Uploaded++
		u.stats.UploadedBytes += j.blob.Size
		r := u.known[j.key]
		r.seen = u.seconds(now)
		u.known[j.key] = r
		rest := j.blob.Size - j.moved
		u.pace.sent(rest, u.bytes, len(u.inFlight)-u.small, now)
		u.moved(j, rest)
	} else {
		u.stats.Stored++
		u.stats.StoredBytes += j.blob.Size
		u.markStored(j.key)
	}
	u.tell(e)
	u.end(j, nil)
}

// claimed has the Manager asked once more about a job of which it says that it has it already: it says so to all who
// upload a file when one of them ends, and that one may have failed. It is called under the lock.
func (u *Uploader) claimed(j *job) {
	u.moved(j, -j.moved)
	j.claimed = true
	u.askAbout(j)
}

// claimedFalsely is the answer that it does not have it. After an attempt of ours that got no answer, it was about
// that one. It is called under the lock.
func (u *Uploader) claimedFalsely(j *job, now time.Time) {
	j.claimed, j.unclear = false, false
	u.again(j, errors.New("the Manager answers to each upload that it has the file, and then that it does not"), true, now)
}

// again has a job tried again, unless this counts against its attempts and was the last of them. It is called under
// the lock.
func (u *Uploader) again(j *job, err error, counts bool, now time.Time) {
	if counts {
		j.attempts++
		if j.attempts >= u.config.Attempts {
			u.end(j, err)
			return
		}
	}
	u.stats.Retried++
	u.delay(j, now.Add(nth(newWaits(), max(j.attempts, 1))))
	u.tell(Event{Kind: Retried, Blobs: 1, Bytes: j.blob.Size, Name: j.blob.Name, Err: err})
}

// delay puts a job to the back of the queue at its due time. It is called under the lock.
func (u *Uploader) delay(j *job, due time.Time) {
	u.queue.delay(j, due)
	u.look() // to wake up then
}

// deferred puts a job off because somebody else is sending the same. It is called under the lock.
func (u *Uploader) deferred(j *job, asked bool, now time.Time) {
	u.moved(j, -j.moved)
	j.uploading = true
	if !asked { // the Manager was not given this choice, so that this was somebody else
		u.again(j, errors.New("the upload is put off again and again (425)"), true, now)
		return
	}
	j.deferrals++
	u.stats.Deferred++
	u.delay(j, now.Add(nth(newDeferWaits(u.isLarge(j)), j.deferrals)))
	u.tell(Event{Kind: Deferred, Blobs: 1, Bytes: j.blob.Size, Name: j.blob.Name})
}

// uploadFailed has a job tried again, or ends it. It is called under the lock.
func (u *Uploader) uploadFailed(j *job, err error, began, now time.Time) {
	u.moved(j, -j.moved)
	switch what := judge(err); {
	case u.ctx.Err() != nil, what == local:
		// The run is over, or it is the file's fault and not the Manager's.
		u.end(j, err)
	case what == changed:
		if !errors.Is(err, ErrChanged) {
			err = fmt.Errorf("%w: %w", ErrChanged, err)
		}
		u.end(j, err)
	case what == refused:
		u.refusedOnce(&u.uploadGate, err)
		u.end(j, err)
	default:
		closed := u.troubled(&u.uploadGate, err, len(u.inFlight), began, now)
		if closed || overloaded(err) {
			u.pace.failed(began, now)
		}
		j.unclear = j.unclear || what == away
		if hidesAnswer(err) {
			j.hidden = &hidden{err: err, counts: !closed}
			u.askAbout(j)
			return
		}
		u.again(j, err, what == again || !closed, now)
	}
}

// hidden is what a proxy answered to an upload, perhaps in place of the Manager's answer.
type hidden struct {
	err    error
	counts bool // against the job's attempts
}

// hidesAnswer recognises a proxy that did not get an answer from the Manager. One that reads requests to their end before
// it passes them on loses what the Manager says while it still sends: that it has the file, or that somebody else is
// sending it. To send it again would end in the same way, so the Manager is asked first.
func hidesAnswer(err error) bool {
	var reply *flamenco.Error
	return errors.As(err, &reply) && !reply.FromManager && (reply.Status == http.StatusBadGateway || reply.Status == http.StatusGatewayTimeout)
}

// revealed is the Manager's word on a job whose answer was hidden: it lacks the blob. It is called under the lock.
func (u *Uploader) revealed(j *job, status api.ShamanFileStatus, now time.Time) {
	lost := j.hidden
	j.hidden = nil
	if status == api.ShamanFileStatusUploading && j.deferrals < u.config.Deferrals {
		u.deferred(j, true, now)
		return
	}
	u.again(j, lost.err, lost.counts, now)
}

// moved tells the observer that more, or less, of a job has gone out.
func (u *Uploader) moved(j *job, bytes int64) {
	if bytes != 0 {
		j.moved += bytes
		u.tell(Event{Kind: Moved, Bytes: bytes})
	}
}

// measure asks the large uploads how far they have come. It is called under the lock.
func (u *Uploader) measure(now time.Time) {
	if len(u.inFlight) == u.small {
		return
	}
	var moved int64
	for j := range u.inFlight {
		if more := min(j.sent.bytes(), j.blob.Size) - j.moved; u.isLarge(j) && more > 0 {
			moved += more
			u.moved(j, more)
		}
	}
	u.pace.sent(moved, u.bytes, len(u.inFlight)-u.small, now)
}
