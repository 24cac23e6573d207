package uploader

import (
	"context"
	"math"
	"math/rand/v2"
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

// Uploader sends blobs to a Manager, each one once for the whole run, and makes checkouts of them. Its
// methods can be called from any goroutine.
type Uploader struct {
	shaman  Shaman
	config  Config
	limiter *rate.Limiter
	began   time.Time

	ctx    context.Context // ends with the caller's, or when the run is given up; its cause says why
	giveUp context.CancelCauseFunc
	group  *errgroup.Group

	wake      chan struct{} // holds one token when run has something new to look at
	backlog   chan struct{} // one token for each upload
	checkouts chan struct{} // one token for each checkout

	mu       sync.Mutex
	known    map[key]record  // everything given to Ensure, but for what failed
	underWay map[key]*upload // of these, what the Manager is not known to have

	unchecked []*upload // wait for a requirements request
	oldest    time.Time // when the first of them came
	flush     bool      // do not wait for more of them
	batch     int       // the most in one request; smaller than configured if a proxy limits bodies
	checks    int       // requests in flight
	allNew    bool      // the Manager has had nothing of what it was last asked about
	checkGate gate

	queue      queue // wait for an upload
	inFlight   map[*upload]struct{}
	small      int   // of these
	bytes      int64 // of the small ones
	uploadGate gate
	pace       pace

	unfinished int // uploads between Ensure and their end
	closed     bool
	idle       chan struct{} // closed when unfinished gets to 0; nil when nobody waits
	stats      Stats

	assumed tally   // of what was taken for stored, until it is told
	doubted bool    // a checkout failed: what was uploaded may be gone
	there   Pending // of every blob that the Manager has

	news  []Event  // for the observer, when the lock is released
	freed []func() // to call then
}

// unlock releases the lock, and then calls Observer and Release for what happened while it was held.
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

// report is called under the lock.
func (u *Uploader) report(e Event) {
	if u.news == nil {
		u.news = make([]Event, 0, 4) // mostly enough for what happens at once
	}
	u.news = append(u.news, e)
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
		known: make(map[key]record), underWay: make(map[key]*upload), batch: config.CheckBatch, inFlight: make(map[*upload]struct{}),
		queue: queue{largeFile: config.LargeFile, first: byte(rand.Uint32())}, pace: newPace(config), checkGate: newGate(), uploadGate: newGate(),
	}
	ctx, u.giveUp = context.WithCancelCause(ctx)
	u.group, u.ctx = errgroup.WithContext(ctx)
	u.group.Go(u.run)
	return u, nil
}

// run is the whole worker pool: whenever something new has come, something has ended, or a wait is over, it
// starts the checks and uploads that can be started, each as a member of the group. An upload that has ended
// goes on with the next one that can be started, as long as there is one.
//
// The order of ending: nothing more comes → the last, partial batch is checked → what is missing is uploaded
// → what was put off is uploaded → checkouts, which wait for these of their own files → Close finds no upload
// left, and run returns.
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
		u.queue.promoteDue(now)
		for up := u.nextUpload(now); up != nil; up = u.nextUpload(now) {
			probe := u.startUpload(up)
			u.group.Go(func() error { u.uploads(up, probe); return nil })
		}
		u.measure(now)
		wait := u.nextLook(now)
		over := u.closed && u.unfinished == 0
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
		at(u.oldest.Add(u.batchDelay()))
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

// Ensure sees to it that the Manager has the blob. It returns at once, unless Config.Backlog blobs are under
// way; Pending.Wait tells the outcome. A blob that was given before, by whatever name, is neither checked nor
// sent again, unless that failed.
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
	p, added := u.add(&upload{blob: b, key: k, pending: &Pending{u: u}})
	if !added {
		<-u.backlog
		b.release()
	}
	return p
}

// Flush has the Manager asked about everything that was given to Ensure, without waiting for more, and
// returns when all of it is stored or has failed, well or not: each Pending knows. The error is that of the
// run's end, or of ctx.
func (u *Uploader) Flush(ctx context.Context) error {
	u.mu.Lock()
	if u.unfinished == 0 {
		u.reportAssumed()
		u.unlock()
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

// hurry makes run ask the Manager at once about whatever is unchecked.
func (u *Uploader) hurry() {
	u.mu.Lock()
	u.flush = len(u.unchecked) > 0
	u.reportAssumed()
	u.unlock()
	u.look()
}

// Close waits until everything that was given to Ensure is stored or has failed, and ends the uploader.
// Ensure and Checkout must not be called after it. The error is a [*GaveUpError] or the cause of the end of
// New's context; that single blobs failed is no error here.
func (u *Uploader) Close() error {
	u.mu.Lock()
	u.closed = true
	u.reportAssumed()
	u.unlock()
	u.look()
	err := u.group.Wait()
	u.giveUp(ErrClosed)
	return err
}

// Stats returns the counts up to now.
func (u *Uploader) Stats() Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.stats
	s.Left += int64(u.unfinished)
	s.InFlight = len(u.inFlight)
	s.Connections = u.pace.limit
	return s
}
