package uploader

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

const (
	// batchDelay is how long a batch waits for more to come, when no request is on its way: short enough not to
	// be noticed, long enough for a walk to find a thousand files.
	batchDelay = 5 * time.Millisecond

	// secondBatch is how many files make a second request worthwhile while one is on its way. Each further
	// one takes twice as many, or twice as long, so that a near Manager, which answers before that, gets one
	// request at a time, and a far one gets several.
	secondBatch = 1000

	// maxChecks is the most requests on their way. With batches that double, four hold 15,000 files.
	maxChecks = 4

	// plenty is how many uploads for each connection make a batch wait for more to come: the Manager has work,
	// and each request costs it as much as an upload.
	plenty = 4

	// checkPath stands for the path in a requirements request, where the Manager needs one but uses only the
	// digest and the size: leaving the real one out halves the request.
	checkPath = "-"
)

// fullBatch returns how many unchecked uploads make a request of their own while another is on its way.
func (u *Uploader) fullBatch() int { return min(secondBatch<<u.checks, u.batch) }

// batchDelay returns how long unchecked uploads wait for more of them.
func (u *Uploader) batchDelay() time.Duration { return batchDelay << u.checks }

// nextBatch takes the uploads of a requirements request that should be sent now; nil for none. The first goes
// out with whatever is there, so that uploads start early. It is called under the lock.
func (u *Uploader) nextBatch(now time.Time) []*upload {
	n := len(u.unchecked)
	if n == 0 || u.checks >= maxChecks || !u.checkGate.open(now) || u.ctx.Err() != nil {
		return nil
	}
	hurried := u.checks == 0 && (u.stats.Checks == 0 || u.flush || u.closed)
	waited := now.Sub(u.oldest) >= u.batchDelay() && !u.hasPlenty()
	if n < u.fullBatch() && !hurried && !waited {
		return nil
	}
	batch := slices.Clone(u.unchecked[:min(n, u.batch)])
	rest := copy(u.unchecked, u.unchecked[len(batch):])
	clear(u.unchecked[rest:])
	u.unchecked = u.unchecked[:rest]
	if rest == 0 {
		u.flush = false
	}
	return batch
}

// hasPlenty reports whether the connections have work for several round trips. It is called under the lock.
func (u *Uploader) hasPlenty() bool { return u.queue.waiting >= plenty*u.pace.limit }

// startCheck is called under the lock.
func (u *Uploader) startCheck() (probe bool) {
	u.checks++
	return u.checkGate.begin()
}

// check asks the Manager which blobs of a batch it lacks, and queues these.
func (u *Uploader) check(batch []*upload, probe bool) {
	specs := make([]api.ShamanFileSpec, len(batch))
	for i, up := range batch {
		specs[i] = api.ShamanFileSpec{Sha: up.blob.SHA256, Size: up.blob.Size, Path: checkPath}
	}
	began := time.Now()
	reply, err := u.shaman.ShamanRequirements(u.ctx, api.ShamanRequirementsRequest{Files: specs})
	now := time.Now()

	u.mu.Lock()
	defer u.unlock()
	u.checks--
	if probe {
		u.checkGate.probing = false
	}
	if err != nil {
		u.checkFailed(batch, err, began, now)
	} else {
		u.checkGate.succeeded()
		u.pace.roundTrip(now.Sub(began), now)
		u.checked(batch, reply, now)
	}
	u.look()
}

// checked sorts a batch by what the Manager answered: it has those that the reply leaves out. The reply lists
// each of the others once, whatever number of paths has it, and is read by digest. It is called under the
// lock.
func (u *Uploader) checked(batch []*upload, reply api.ShamanRequirementsResponse, now time.Time) {
	missing := make(map[key]api.ShamanFileStatus, len(reply.Files))
	for _, f := range reply.Files {
		if k, err := parseKey(f.Sha, f.Size); err == nil && f.Status != api.ShamanFileStatusStored {
			missing[k] = f.Status
		}
	}
	var stored, lacking tally
	for _, up := range batch {
		status, lacks := missing[up.key]
		if !lacks {
			r := u.known[up.key]
			r.seen, r.assumed = u.seconds(now), false
			u.known[up.key] = r
		}
		switch {
		case up.asks && lacks:
			u.end(up, errNotStored)
		case up.asks:
			u.end(up, nil)
		case up.hidden != nil && lacks:
			u.afterProxyError(up, status, now)
		case up.hidden != nil:
			u.finish(up, up.unclear, now)
		case up.claimed && lacks:
			u.stale208(up, now)
		case up.claimed:
			u.finish(up, up.unclear, now)
		case !lacks:
			stored.add(up)
			u.markStored(up.key)
			u.end(up, nil)
		case u.config.CheckOnly:
			lacking.add(up)
			u.end(up, nil)
		default:
			lacking.add(up)
			up.uploading = status == api.ShamanFileStatusUploading
			u.queue.push(up)
		}
	}
	u.stats.Checks++
	u.stats.Stored += stored.blobs
	u.stats.StoredBytes += stored.bytes
	u.reportTally(Checked, stored)
	u.reportTally(Stored, stored)
	u.lacks(lacking)
	u.allNew = stored.blobs == 0 && (u.allNew || lacking.blobs > 0)
}

// lacks counts blobs that the Manager lacks. It is called under the lock.
func (u *Uploader) lacks(t tally) {
	u.stats.Missing += t.blobs
	u.stats.MissingBytes += t.bytes
	u.reportTally(Checked, t)
	u.reportTally(Missing, t)
}

// tally counts uploads.
type tally struct{ blobs, bytes int64 }

func (t *tally) add(up *upload) {
	t.blobs++
	t.bytes += up.blob.Size
}

func (u *Uploader) reportTally(kind Kind, t tally) {
	if t.blobs > 0 {
		u.report(Event{Kind: kind, Blobs: t.blobs, Bytes: t.bytes})
	}
}

// seconds since the run began, plus one.
func (u *Uploader) seconds(now time.Time) uint32 { return uint32(now.Sub(u.began)/time.Second) + 1 }

// checkFailed puts the uploads of a batch back, or ends them. It is called under the lock.
func (u *Uploader) checkFailed(batch []*upload, err error, began, now time.Time) {
	retry, counts := false, false
	switch what := judge(err); {
	case u.ctx.Err() != nil:
		// The run is over.
	case tooLarge(err) && len(batch) > 1:
		u.batch = len(batch) / 2 // a proxy limits bodies; smaller ones may pass
		retry = true
	case what == again || what == away:
		closed := u.troubled(&u.checkGate, err, u.checks, began, now)
		retry, counts = true, what == again || !closed
	default:
		u.refusedOnce(&u.checkGate, err)
	}
	if retry {
		u.stats.Retried++
		u.report(Event{Kind: Retried, Err: err})
	}
	var back []*upload
	for _, up := range batch {
		if counts {
			up.attempts++
		}
		if retry && up.attempts < u.config.Attempts {
			back = append(back, up)
		} else {
			u.end(up, err)
		}
	}
	u.unchecked = append(back, u.unchecked...)
}

// tooLarge reports whether err is the answer of a proxy, never of the Manager itself, that limits the size of
// requests.
func tooLarge(err error) bool {
	var reply *flamenco.Error
	return errors.As(err, &reply) && reply.Status == http.StatusRequestEntityTooLarge
}
