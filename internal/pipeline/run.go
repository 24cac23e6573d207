package pipeline

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// run holds what [Sync] and [Submit] have in common: the store, the files on their way into it, and the
// counts.
type run struct {
	env       Env
	farm      api.ManagerConfiguration
	mode      StorageMode
	here      string // where this machine sees the farm's storage location; "" with Shaman
	store     store
	sender    *sender
	gates     gates
	meter     meter
	checkouts report.Collected[report.Checkout]
	odd       oddNames

	seen sync.Map // what was reported or checked, so that two hundred jobs do not repeat it

	stopProgress context.CancelFunc
	stages       chan []report.StageTimes // receives one value after stopProgress
}

// first reports whether the run comes upon something for the first time.
func (r *run) first(thing string) bool {
	_, seen := r.seen.LoadOrStore(thing, nil)
	return !seen
}

// openRun opens the store and starts to report progress. With checksOut set, the run makes a checkout of
// whatever it sends: files that an earlier run saw in the store are then not asked about again, because a
// failing checkout reveals that they are gone. With hasFiles set, the error wraps [ErrUnsupported] if the
// Manager takes no files. The caller must call close.
func openRun(ctx context.Context, env Env, checksOut, hasFiles bool) (*run, error) {
	r := &run{env: env, gates: gates{sink: env.Sink}, stages: make(chan []report.StageTimes, 1)}
	r.meter.began = time.Now()
	var err error
	if r.farm, err = askOnce(ctx, env, "configuration", env.Manager.Configuration); err != nil {
		return nil, err
	}
	r.sender = &sender{cache: env.Cache, meter: &r.meter, gates: &r.gates}
	r.mode = StorageShaman // which a job without files does not ask
	if hasFiles {
		if r.mode, r.here, err = chooseStorage(ctx, env, r.farm); err != nil {
			return nil, err
		}
	}
	if r.mode == StorageShaman {
		r.store, err = openShaman(ctx, env, checksOut, &r.meter, r.sender.reopen)
	} else {
		r.store, err = openPool(ctx, env.Manager.URL(), r.here, env.DryRun, &r.meter, func(spec api.ShamanFileSpec) (uploader.Blob, error) { return r.sender.reopen(ctx, spec) })
	}
	if err != nil {
		return nil, err
	}
	r.sender.store = r.store
	r.meter.inFlight = func() int { return r.store.stats().InFlight }
	progress, stop := context.WithCancel(ctx)
	r.stopProgress = stop
	go func() { r.stages <- r.meter.watch(progress, env.Sink) }()
	return r, nil
}

// close waits for the store and returns the run's counts. err is how the work before it ended: after an
// error, what is still on its way to the store is dropped. The error is err, that of the store, or that of
// [meter.result].
func (r *run) close(err error) (report.Summary, error) {
	cerr := errors.Join(r.store.close(err != nil), r.gates.close())
	if err == nil {
		err = cerr
	}
	r.stopProgress()
	stages := <-r.stages
	if err == nil {
		err = r.meter.result()
	}
	summary := r.meter.summary(r.store.stats())
	summary.Stages = stages
	summary.Checkouts = append(summary.Checkouts, r.checkouts.List...)
	return summary, err
}

// checkOut makes a checkout of files and reports it. paths are source and path in the checkout of each. record
// gets each path before it is asked for.
func (r *run) checkOut(ctx context.Context, requested string, files []api.ShamanFileSpec, paths iter.Seq2[string, string], record func(path string) error) (string, error) {
	r.meter.toCheckout.Add(1)
	path, err := r.store.checkOut(ctx, requested, files, record)
	if err == nil {
		r.checkedOut(ctx, requested, path, len(files), paths)
	}
	return path, err
}

// checkedOut reports a checkout of n files.
func (r *run) checkedOut(ctx context.Context, requested, path string, n int, paths iter.Seq2[string, string]) {
	r.meter.checkouts.Add(1)
	c := report.Checkout{Requested: requested, Path: path, Files: n}
	if r.env.Folder != nil {
		c.Folder = r.env.Folder(path)
	}
	r.checkouts.Emit(c)
	r.env.Sink.Emit(c)
	r.odd.warn(ctx, r, path, paths)
}

// specsOf describes files, whose digests must be known, as the Manager wants them described.
func specsOf(files []*file) []api.ShamanFileSpec {
	specs := make([]api.ShamanFileSpec, len(files))
	for i, f := range files {
		d := f.digest.now()
		specs[i] = api.ShamanFileSpec{Path: f.checkoutPath, Size: d.stamp.Size, Sha: d.sha}
	}
	return specs
}

// pathsOf yields where each file lies, and its path in the checkout.
func pathsOf(files []*file) iter.Seq2[string, string] {
	return func(yield func(source, checkoutPath string) bool) {
		for _, f := range files {
			if !yield(f.source, f.checkoutPath) {
				return
			}
		}
	}
}

// ErrPartial reports that some jobs or files failed and the others were done. The Sink got one event for each
// that failed.
var ErrPartial = errors.New("done in part")

// ErrNoneDone reports that every job, or every file, failed. The Sink got one event for each.
var ErrNoneDone = errors.New("nothing could be done")

// ErrUnsupported reports that the Manager, as it is, cannot do what was asked for. Nothing was sent.
var ErrUnsupported = errors.New("this Manager cannot do it")

// ErrPattern reports a pattern that means nothing, or lies elsewhere.
var ErrPattern = errors.New("wrong pattern")

// ErrNothing reports that there was nothing to do where something was expected.
var ErrNothing = errors.New("no files")

// ErrTooManyFailures reports that a run was ended because of failed jobs.
var ErrTooManyFailures = errors.New("too many jobs failed")

// Env holds what a run works with. The caller opens and closes it.
type Env struct {
	Manager *flamenco.Client
	// Configuration is the digest of the Manager's configuration that [Greet] returned. While it is the same,
	// the cache has what the Manager answered about its storage and variables. "": ask again.
	Configuration string

	Cache *hashcache.Cache
	Sink  report.Sink

	// HashWorkers is how many files are read and hashed at once. Default: [hashcache.Workers].
	HashWorkers int

	// Upload configures the uploader; its zero value has good defaults.
	Upload uploader.Config

	Storage Storage

	// DryRun sends nothing and makes nothing: the run reports what it would do.
	DryRun bool

	// Folder returns where a checkout lies on this machine, or "" where that is not known. It may be nil.
	Folder func(checkout string) string
}

func (e Env) hashWorkers() int { return cmp.Or(e.HashWorkers, hashcache.Workers()) }
