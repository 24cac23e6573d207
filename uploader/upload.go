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

func (u *Uploader) isLarge(up *upload) bool { return u.queue.isLarge(up) }

// nextUpload takes the upload to send now from the queue, nil if there is none. It is called under the lock.
func (u *Uploader) nextUpload(now time.Time) *upload {
	if u.queue.waiting == 0 || !u.uploadGate.open(now) || u.ctx.Err() != nil {
		return nil
	}
	if large := len(u.inFlight) - u.small; large < u.pace.large() {
		if up := u.queue.popLarge(); up != nil {
			return up
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
func (u *Uploader) startUpload(up *upload) (probe bool) {
	u.inFlight[up] = struct{}{}
	if !u.isLarge(up) {
		u.small++
		u.bytes += up.blob.Size
	}
	return u.uploadGate.begin()
}

// uploads sends up, and then others while there are any: a goroutine that lives on has grown its stack
// already.
func (u *Uploader) uploads(up *upload, probe bool) {
	for up != nil {
		up, probe = u.upload(up, probe)
	}
}

// upload makes one attempt to send an upload. It returns the next one to send, which it has started.
func (u *Uploader) upload(up *upload, probe bool) (next *upload, nextProbe bool) {
	var err error
	if u.config.GiveWay != nil {
		err = u.config.GiveWay(u.ctx)
	}
	began := time.Now()
	canDefer := up.deferrals < u.config.Deferrals
	var outcome flamenco.UploadOutcome
	if err == nil {
		outcome, err = u.send(up, canDefer)
	}
	opened := up.sent.opened()
	up.sent.end()
	if opened && up.blob.Verify != nil && u.ctx.Err() == nil {
		// Also after a success: the Manager then has what was hashed, but that is no longer what is on disk.
		if changed := up.blob.Verify(); changed != nil {
			err = fmt.Errorf("%w: %w", ErrChanged, changed)
		}
	}
	now := time.Now()

	u.mu.Lock()
	defer u.unlock()
	u.endUpload(up, probe)
	switch {
	case err != nil:
		u.uploadFailed(up, err, began, now)
	case outcome == flamenco.Deferred:
		u.uploadGate.succeeded()
		u.deferred(up, canDefer, now)
	case outcome == flamenco.AlreadyStored:
		u.uploadGate.succeeded()
		u.reported208(up)
	default:
		u.uploadGate.succeeded()
		if !u.isLarge(up) {
			u.pace.roundTrip(now.Sub(began), now)
			u.pace.answered()
		}
		u.finish(up, true, now)
	}
	if next = u.nextUpload(now); next != nil {
		nextProbe = u.startUpload(next)
	}
	if next == nil || u.isLarge(next) || u.queue.waiting > 0 && (u.small < u.pace.limit || len(u.queue.large) > 0) ||
		len(u.unchecked) > 0 && u.checks == 0 && !u.hasPlenty() {
		u.look() // for more than this one, or other work than this
	}
	return next, nextProbe
}

func (u *Uploader) send(up *upload, canDefer bool) (flamenco.UploadOutcome, error) {
	return u.shaman.ShamanUpload(u.ctx, flamenco.Upload{
		SHA256: up.blob.SHA256, Size: up.blob.Size, Name: up.blob.Name,
		Body:     func() (io.ReadCloser, error) { return u.open(up) },
		Paced:    u.limiter != nil,
		CanDefer: canDefer,
		Expect:   u.isLarge(up) || up.uploading,
	})
}

// endUpload undoes startUpload.
func (u *Uploader) endUpload(up *upload, probe bool) {
	delete(u.inFlight, up)
	u.queue.release(up)
	if !u.isLarge(up) {
		u.small--
		u.bytes -= up.blob.Size
	}
	if probe {
		u.uploadGate.probing = false
	}
	u.stats.Uploads++
}

// open opens the source of an upload for one attempt.
func (u *Uploader) open(up *upload) (io.ReadCloser, error) {
	if up.blob.Open == nil {
		return nil, errors.New("uploader: the blob has no Open")
	}
	source, err := up.blob.Open()
	if err != nil {
		return nil, err
	}
	if file, ok := source.(*os.File); ok && u.limiter == nil {
		up.sent.file.Store(file)
		return file, nil // as it is, so that the kernel copies it
	}
	b := &body{ctx: u.ctx, limiter: u.limiter, source: source, content: up.blob.Content}
	up.sent.body.Store(b)
	return b, nil
}

// finish ends an upload that the Manager has now, from us or from somebody else. It is called under the lock.
func (u *Uploader) finish(up *upload, ours bool, now time.Time) {
	e := Event{Kind: Stored, Blobs: 1, Bytes: up.blob.Size, Name: up.blob.Name}
	if ours {
		e.Kind = Uploaded
		u.stats.Uploaded++
		u.stats.UploadedBytes += up.blob.Size
		r := u.known[up.key]
		r.seen = u.seconds(now)
		u.known[up.key] = r
		rest := up.blob.Size - up.moved
		u.pace.sent(rest, u.bytes, len(u.inFlight)-u.small, now)
		u.moved(up, rest)
	} else {
		u.stats.Stored++
		u.stats.StoredBytes += up.blob.Size
		u.markStored(up.key)
	}
	u.report(e)
	u.end(up, nil)
}

// reported208 asks the Manager once more about a blob of which it said that it has it already: it says so to
// all who upload a file when one of them ends, and that one may have failed. It is called under the lock.
func (u *Uploader) reported208(up *upload) {
	u.moved(up, -up.moved)
	up.claimed, u.allNew = true, false
	u.askAbout(up)
}

// stale208 handles the answer that the Manager does not have it after all. It is called under the lock.
func (u *Uploader) stale208(up *upload, now time.Time) {
	up.claimed, up.unclear = false, false
	u.again(up, errors.New("the Manager answers to each upload that it has the file, and then that it does not"), true, now)
}

// again has an upload tried again, unless this counts against its attempts and was the last of them. It is
// called under the lock.
func (u *Uploader) again(up *upload, err error, counts bool, now time.Time) {
	if counts {
		up.attempts++
		if up.attempts >= u.config.Attempts {
			u.end(up, err)
			return
		}
	}
	u.stats.Retried++
	u.delay(up, now.Add(nth(newWaits(), max(up.attempts, 1))), err, now)
	u.report(Event{Kind: Retried, Blobs: 1, Bytes: up.blob.Size, Name: up.blob.Name, Err: err})
}

// delay puts an upload to the back of the queue at its due time, because of err. It is called under the lock.
func (u *Uploader) delay(up *upload, due time.Time, err error, now time.Time) {
	if up.failing.IsZero() {
		up.failing = now
	}
	if !up.waiting && due.Sub(up.failing) >= waitingAfter {
		up.waiting = true
		u.report(Event{Kind: Waiting, Name: up.blob.Name, Since: up.failing, Err: err})
	}
	u.queue.delay(up, due)
	u.look() // to wake up then
}

// deferred puts an upload off because somebody else is sending the same. It is called under the lock.
func (u *Uploader) deferred(up *upload, asked bool, now time.Time) {
	u.moved(up, -up.moved)
	up.uploading = true
	putOff := errors.New("the upload is put off again and again (425)")
	if !asked { // the Manager was not given this choice, so that this was somebody else
		u.again(up, putOff, true, now)
		return
	}
	up.deferrals++
	u.stats.Deferred++
	u.delay(up, now.Add(nth(newDeferWaits(u.isLarge(up)), up.deferrals)), putOff, now)
	u.report(Event{Kind: Deferred, Blobs: 1, Bytes: up.blob.Size, Name: up.blob.Name})
}

// uploadFailed has an upload tried again, or ends it. It is called under the lock.
func (u *Uploader) uploadFailed(up *upload, err error, began, now time.Time) {
	u.moved(up, -up.moved)
	switch what := judge(err); {
	case u.ctx.Err() != nil, what == local:
		// The run is over, or it is the file's fault and not the Manager's.
		u.end(up, err)
	case what == changed:
		if !errors.Is(err, ErrChanged) {
			err = fmt.Errorf("%w: %w", ErrChanged, err)
		}
		u.end(up, err)
	case what == refused:
		u.refusedOnce(&u.uploadGate, err)
		u.end(up, err)
	default:
		closed := u.troubled(&u.uploadGate, err, len(u.inFlight), began, now)
		if closed || overloaded(err) {
			u.pace.failed(began, now)
		}
		up.unclear = up.unclear || what == away
		if hidesAnswer(err) {
			up.hidden = &hidden{err: err, counts: !closed}
			u.askAbout(up)
			return
		}
		u.again(up, err, what == again || !closed, now)
	}
}

// hidden is what a proxy answered to an upload, perhaps in place of the Manager's answer.
type hidden struct {
	err    error
	counts bool // against the upload's attempts
}

// hidesAnswer reports whether err is a 502 or 504 of a buffering proxy. Such a proxy can swallow an early 208
// or 425, so the Manager is asked before the file is sent again.
func hidesAnswer(err error) bool {
	var reply *flamenco.Error
	return errors.As(err, &reply) && !reply.FromManager && (reply.Status == http.StatusBadGateway || reply.Status == http.StatusGatewayTimeout)
}

// afterProxyError handles the Manager's answer that it lacks the blob of an upload whose answer a proxy
// swallowed. It is called under the lock.
func (u *Uploader) afterProxyError(up *upload, status api.ShamanFileStatus, now time.Time) {
	lost := up.hidden
	up.hidden = nil
	if status == api.ShamanFileStatusUploading && up.deferrals < u.config.Deferrals {
		u.deferred(up, true, now)
		return
	}
	u.again(up, lost.err, lost.counts, now)
}

// moved reports to the observer that more, or less, of an upload has gone out.
func (u *Uploader) moved(up *upload, bytes int64) {
	if bytes != 0 {
		up.moved += bytes
		u.report(Event{Kind: Moved, Bytes: bytes})
	}
}

// measure reports how far the large uploads have come. It is called under the lock.
func (u *Uploader) measure(now time.Time) {
	if len(u.inFlight) == u.small {
		return
	}
	var moved int64
	for up := range u.inFlight {
		if more := min(up.sent.bytes(), up.blob.Size) - up.moved; u.isLarge(up) && more > 0 {
			moved += more
			u.moved(up, more)
		}
	}
	u.pace.sent(moved, u.bytes, len(u.inFlight)-u.small, now)
}
