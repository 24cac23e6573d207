package uploader

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// Shaman is what an Uploader needs of a Manager; a *flamenco.Client has it.
type Shaman interface {
	ShamanRequirements(context.Context, api.ShamanRequirementsRequest) (api.ShamanRequirementsResponse, error)
	ShamanUpload(context.Context, flamenco.Upload) (flamenco.UploadOutcome, error)
	ShamanCheckout(context.Context, api.ShamanCheckout) (path string, err error)
}

// Uploader brings blobs to a Manager, each one once for the whole run, and makes checkouts of them. Its methods can be
// called from any goroutine.
type Uploader struct {
	shaman  Shaman
	config  Config
	limiter *rate.Limiter
	began   time.Time

	ctx    context.Context // ends with the caller's, or when the run is given up; its cause says why
	giveUp context.CancelCauseFunc
	group  *errgroup.Group

	wake      chan struct{} // holds one token when run has something new to look at
	backlog   chan struct{} // one token for each job
	checkouts chan struct{} // one token for each checkout

	mu    sync.Mutex
	known map[key]record // everything given to Ensure, but for what failed

	unchecked []*job    // wait for a requirements request
	oldest    time.Time // when the first of them came
	flush     bool      // do not wait for more of them
	batch     int       // the most in one request; smaller than configured if a proxy limits bodies
	checks    int       // requests in flight
	checkGate gate

	queue      queue // wait for an upload
	inFlight   map[*job]struct{}
	small      int   // of these
	bytes      int64 // of these, large files counted as LargeFile
	uploadGate gate
	pace       pace

	jobs   int // between Ensure and their end
	closed bool
	idle   chan struct{} // closed when jobs gets to 0; nil when nobody waits
	stats  Stats
	there  Pending // of every blob that the Manager has

	news  []Event  // to tell when the lock is given back
	freed []func() // to call then
}

// unlock gives the lock back, and then tells those outside what happened while it was held.
func (u *Uploader) unlock() {
	news, freed := u.news, u.freed
	u.news, u.freed = nil, nil
	u.mu.Unlock()
	for _, release := range freed {
		release()
	}
	for _, e := range news {
		u.config.Observer.Observe(e)
	}
}

// tell is called under the lock.
func (u *Uploader) tell(e Event) { u.news = append(u.news, e) }

// record is what is known of a blob.
type record struct {
	job *job // on its way; nil: the Manager has it
	// seen is when a requirements reply last left it out, as it does with stored files: seconds since the run
	// began, plus one. 0: never.
	seen uint32
}

// New starts an uploader, which runs until Close, or until ctx ends.
func New(ctx context.Context, shaman Shaman, config Config) (*Uploader, error) {
	config = config.withDefaults()
	if err := config.Validate(); err != nil {
		return nil, err
	}
	u := &Uploader{
		shaman: shaman, config: config, limiter: newLimiter(config.LimitUpload), began: time.Now(),
		wake: make(chan struct{}, 1), backlog: make(chan struct{}, config.Backlog), checkouts: make(chan struct{}, config.Checkouts),
		known: make(map[key]record), batch: config.CheckBatch, inFlight: make(map[*job]struct{}),
		queue: queue{largeFile: config.LargeFile}, pace: newPace(config), checkGate: newGate(), uploadGate: newGate(),
	}
	ctx, u.giveUp = context.WithCancelCause(ctx)
	u.group, u.ctx = errgroup.WithContext(ctx)
	u.group.Go(u.run)
	return u, nil
}

// run is the whole worker pool: it starts every check and every upload, each as a member of the group, whenever
// something new has come, something has ended, or a wait is over.
//
// The order of ending: nothing more comes → the last, partial batch is checked → what is missing is uploaded → what was
// put off is uploaded → checkouts, which wait for these of their own files → Close finds no job left, and run returns.
func (u *Uploader) run() error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		u.mu.Lock()
		now := time.Now()
		for batch := u.nextBatch(now); batch != nil; batch = u.nextBatch(now) {
			probe := u.startCheck()
			u.group.Go(func() error { u.check(batch, probe); return nil })
		}
		u.queue.ripen(now)
		for j := u.nextUpload(now); j != nil; j = u.nextUpload(now) {
			probe := u.startUpload(j)
			u.group.Go(func() error { u.upload(j, probe); return nil })
		}
		u.measure(now)
		wait := u.nextLook(now)
		over := u.closed && u.jobs == 0
		u.unlock()
		if over {
			return nil
		}
		timer.Reset(wait)
		select {
		case <-u.wake:
		case <-timer.C:
		case <-u.ctx.Done():
			u.abandon()
			return context.Cause(u.ctx)
		}
	}
}

// look makes run look again.
func (u *Uploader) look() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// lookAgain is how often bytes in flight are measured and told.
const lookAgain = 200 * time.Millisecond

// nextLook is how long run may sleep if nothing happens.
func (u *Uploader) nextLook(now time.Time) time.Duration {
	wait := time.Duration(math.MaxInt64)
	at := func(t time.Time) {
		if t.After(now) {
			wait = min(wait, t.Sub(now))
		}
	}
	if len(u.unchecked) > 0 {
		at(u.oldest.Add(linger))
		at(u.checkGate.until)
	}
	if len(u.queue.later) > 0 {
		at(u.queue.later[0].due)
	}
	if u.queue.waiting > 0 {
		at(u.uploadGate.until)
	}
	if len(u.inFlight) > u.small {
		wait = min(wait, lookAgain)
	}
	return wait
}

// Ensure sees to it that the Manager has the blob. It returns at once, unless Config.Backlog blobs are under way;
// Pending.Wait tells the outcome. A blob that was given before, by whatever name, is neither checked nor sent again,
// unless that failed.
func (u *Uploader) Ensure(ctx context.Context, b Blob) *Pending {
	k, err := parseKey(b.SHA256, b.Size)
	if err != nil {
		b.release()
		return &Pending{err: &BlobError{Name: b.Name, SHA256: b.SHA256, Size: b.Size, Err: err}}
	}
	if p := u.lookUp(k); p != nil {
		b.release()
		return p
	}
	if err := u.admit(ctx); err != nil {
		b.release()
		return &Pending{err: err}
	}
	p, added := u.add(&job{blob: b, key: k, pending: &Pending{u: u}})
	if !added {
		<-u.backlog
		b.release()
	}
	return p
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
	case !ok:
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

// enqueue has the Manager asked about a job. It is called under the lock.
func (u *Uploader) enqueue(j *job) {
	u.jobs++
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
	switch r := u.known[j.key]; {
	case j.asks && err == errNotStored && r.job == nil:
		delete(u.known, j.key) // the Manager lost it
	case j.asks:
	case err == nil:
		u.known[j.key] = record{seen: r.seen}
		u.stats.LeftBytes -= j.blob.Size
	case u.ctx.Err() != nil: // whatever it was, the run is over
		err = context.Cause(u.ctx)
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

// abandon ends all jobs that nobody works on, after the run's end.
func (u *Uploader) abandon() {
	u.mu.Lock()
	defer u.unlock()
	for _, j := range append(u.queue.drain(), u.unchecked...) {
		u.end(j, u.ctx.Err())
	}
	u.unchecked = nil
}

// troubled tells the gate of a request that failed, and gives the run up when that has gone on for too long. It is called
// under the lock.
func (u *Uploader) troubled(g *gate, err error, began, now time.Time) (closed bool) {
	closed = g.failed(err, began, now)
	if closed && now.Sub(g.failing) >= u.config.Patience {
		u.giveUp(u.gaveUp(err, now.Sub(g.failing)))
	}
	return closed
}

// refusedOnce tells the gate of a request that was refused for good, and gives the run up when all of them are. It is
// called under the lock.
func (u *Uploader) refusedOnce(g *gate, err error) {
	g.refusals++
	if g.refusals >= refusals {
		u.giveUp(u.gaveUp(fmt.Errorf("it refused %d requests in a row: %w", g.refusals, err), 0))
	}
}

func (u *Uploader) gaveUp(err error, failing time.Duration) error {
	s := u.stats
	return &GaveUpError{
		Done: s.Stored + s.Uploaded, DoneBytes: s.StoredBytes + s.UploadedBytes,
		Left: int64(u.jobs), LeftBytes: s.LeftBytes, Failing: failing, Err: err,
	}
}

// Flush has the Manager asked about everything that was given to Ensure, without waiting for more, and returns when
// all of it is settled, well or not: each Pending knows. The error is that of the run's end, or of ctx.
func (u *Uploader) Flush(ctx context.Context) error {
	u.mu.Lock()
	if u.jobs == 0 {
		u.mu.Unlock()
		return context.Cause(u.ctx)
	}
	if u.idle == nil {
		u.idle = make(chan struct{})
	}
	idle := u.idle
	u.mu.Unlock()
	u.hurry()
	select {
	case <-idle:
		return context.Cause(u.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hurry has the Manager asked at once about whatever is unchecked.
func (u *Uploader) hurry() {
	u.mu.Lock()
	u.flush = len(u.unchecked) > 0
	u.mu.Unlock()
	u.look()
}

// Close waits until everything that was given to Ensure is settled, and ends the uploader. Ensure and Checkout must not be
// called after it. The error is a [*GaveUpError] or the cause of the end of New's context; that single blobs failed is no
// error here.
func (u *Uploader) Close() error {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.look()
	err := u.group.Wait()
	u.giveUp(ErrClosed)
	return err
}

// Stats are the counts up to now.
func (u *Uploader) Stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.stats
	s.Left += int64(u.jobs)
	s.InFlight = len(u.inFlight)
	s.Connections = u.pace.limit
	return s
}
