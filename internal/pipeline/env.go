package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// ErrPartial says that some jobs or files failed and the others were done. What failed was told to the
// Sink, one event each.
var ErrPartial = errors.New("done in part")

// ErrNoneDone says that every job, or every file, failed. What failed was told to the Sink, one event each.
var ErrNoneDone = errors.New("nothing could be done")

// Env is what a run works with. The caller opens and closes it.
type Env struct {
	Manager *flamenco.Client
	Cache   *hashcache.Cache
	Sink    report.Sink

	// HashWorkers is how many files are read and hashed at once. Default: [hashcache.Workers].
	HashWorkers int

	// Upload is how the uploader works; its zero value has good defaults.
	Upload uploader.Config

	// DryRun sends nothing and makes nothing: it tells what would be done.
	DryRun bool

	// Folder tells where a checkout lies on this machine, or "" where that is not known. It may be nil.
	Folder func(checkout string) string
}

func (e Env) hashWorkers() int {
	if e.HashWorkers > 0 {
		return e.HashWorkers
	}
	return hashcache.Workers()
}

// run is one run of the pipeline.
type run struct {
	Env
	sender
	meter     meter
	checkouts checkoutList
}

// checkoutList collects what the summary lists.
type checkoutList struct {
	mu   sync.Mutex
	list []report.Checkout
}

func (l *checkoutList) add(c report.Checkout) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, c)
}

// seenStored is where the cache keeps what each Manager was seen to have.
const seenStored = "seen stored 1"

// start opens an uploader and calls body while progress is told; it returns when all of both has ended. checksOut says that
// there is a checkout of whatever is sent: what was seen stored lately is then not asked about.
func start(ctx context.Context, env Env, checksOut bool, body func(context.Context, *run) error) (report.Summary, error) {
	r := &run{Env: env}
	r.meter.began = time.Now()
	seen := env.Cache.Facts(seenStored)
	manager := []byte(env.Manager.URL())
	earlier, _ := seen.Get(manager)
	config := env.Upload
	config.CheckOnly = env.DryRun
	if checksOut && !env.DryRun {
		config.Seen = earlier
	}
	config.Observer = &r.meter
	config.Reopen = r.reopen
	sending, giveUp := context.WithCancel(ctx)
	defer giveUp()
	up, err := uploader.New(sending, env.Manager, config)
	if err != nil {
		return report.Summary{}, err
	}
	r.sender.ctx, r.cache, r.up, r.sender.meter = ctx, env.Cache, up, &r.meter
	r.meter.inFlight = func() int { return up.Stats().InFlight }

	watching, stop := context.WithCancel(ctx)
	told := make(chan []report.StageTimes, 1)
	go func() { told <- r.meter.watch(watching, env.Sink) }()

	err = body(ctx, r)
	if err != nil {
		giveUp() // what is still on its way is for nothing
	}
	if cerr := up.Close(); err == nil {
		err = cerr
	}
	if now := up.Seen(earlier, time.Now()); now != nil {
		seen.Put(manager, now)
	}
	stop()
	stages := <-told
	if err == nil {
		err = r.meter.verdict()
	}
	summary := r.meter.summary(up.Stats())
	summary.Stages = stages
	summary.Checkouts = append(summary.Checkouts, r.checkouts.list...)
	return summary, err
}

// checkout makes a checkout of files and tells of it. record gets each path before it is asked for.
func (r *run) checkout(ctx context.Context, requested string, files []*file, record func(path string) error) (string, error) {
	r.meter.toCheckout.Add(1)
	path, err := r.up.RecordedCheckout(ctx, requested, specsOf(files), record)
	if err != nil {
		return "", err
	}
	r.meter.checkouts.Add(1)
	c := report.Checkout{Requested: requested, Path: path, Files: len(files)}
	if r.Folder != nil {
		c.Folder = r.Folder(path)
	}
	r.checkouts.add(c)
	r.Sink.Emit(c)
	return path, nil
}
