package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
	"github.com/flsync/flsync/submit/journal"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/once"
	"github.com/flsync/flsync/submit/settings"
)

// SubmitOptions say what Submit submits, and how.
type SubmitOptions struct {
	Jobs []*manifest.Job
	Run  string // the run's name: in the journal, and in the jobs' metadata

	All          bool        // send each project's whole tree instead of what was traced
	Outside      pack.Policy // about files that lie outside of their project
	RelativeOnly bool        // leave absolute paths in blend files alone
	NeedAll      bool        // a job with a missing file fails
	Shared       bool        // one checkout for all jobs of a project
	UploadOnly   bool        // end when the Manager has the files: no settings are needed, and no job is made

	Force       bool // submit what is there already, too
	Replace     bool // cancel the older job of a key when a new one is in
	OnlyChanged bool // skip a job when its last run is done and of the same fingerprint
	Hold        bool // all jobs enter paused, and are released together

	FailFast    bool // the first failed job ends the run
	MaxFailures int  // so many end it; 0: any number is fine

	Blender  settings.Blender // evaluates what flsync cannot; nil: nobody does
	Once     once.Config      // how jobs are submitted; what it says of runs is filled in
	Journal  string           // folder
	ExitCode func(error) int  // what the run's end is called in the journal; nil: 0
	Rewrites string           // folder of blend files with rewritten paths
}

// ErrTooManyFailures says that a run was ended because of failed jobs.
var ErrTooManyFailures = errors.New("too many jobs failed")

// How many jobs are in which state at once. More in flight keep the uploader's batches large; checkouts
// and submissions are the Manager's to work off, and it is no faster with more of them.
const (
	jobsInFlight = 32
	postsAtOnce  = 4
)

// Submit sends what the jobs need, has a checkout made for each, and submits them. A job goes its own
// way: it is submitted as soon as its own files are in. What is wrong with a job is told, and the others go
// on; the error then wraps [ErrPartial]. Mistakes in the manifest are [manifest.Errors], and nothing is
// sent then.
func Submit(ctx context.Context, env Env, opt SubmitOptions) (report.Summary, error) {
	return start(ctx, env, !opt.UploadOnly, func(ctx context.Context, r *run) error {
		s, err := r.open(ctx, opt)
		if err != nil {
			return err
		}
		err = s.work(ctx)
		return errors.Join(err, s.close(ctx, err))
	})
}

// submission is a run of Submit.
type submission struct {
	*run
	opt     SubmitOptions
	farm    settings.Farm
	shared  pack.Shared
	tracer  *deps.Tracer
	digests *digests
	store   *pack.Store
	journal *journal.Run
	locks   []*journal.Held
	poster  *once.Poster
	posting chan struct{} // one token for each submission under way
	giveUp  context.CancelCauseFunc

	mu       sync.Mutex
	failures int
	shapes   map[string]bool   // of jobs that the Manager's check has passed
	told     map[string]bool   // warnings, so that two hundred shots do not repeat them
	outputs  map[string]string // by render_output_path: the blend file of the first job with it
	trees    map[string][]walk.File
	planners map[string]*pack.Planner // by project
}

// work takes every job from its blend file to the Manager.
func (s *submission) work(ctx context.Context) error {
	ctx, s.giveUp = context.WithCancelCause(ctx)
	defer s.giveUp(nil)
	var deliveries errgroup.Group
	deliveries.SetLimit(jobsInFlight)
	deliver := func(shot *shot) { deliveries.Go(func() error { s.deliver(ctx, shot); return nil }) }
	rest := s.placeTogether(ctx, s.prepare(ctx, deliver))
	if s.sharesCheckouts() {
		s.deliverShared(ctx, rest)
	} else {
		for _, shot := range rest {
			deliver(shot)
		}
	}
	deliveries.Wait() // what failed was told
	if err := context.Cause(ctx); err != nil {
		if held := s.poster.Held(); held > 0 {
			err = fmt.Errorf("%w; %d held jobs stay paused until a run gets to its end", err, held)
		}
		return err
	}
	return s.release(ctx)
}

// sharesCheckouts tells whether one checkout is made for all jobs of a project.
func (s *submission) sharesCheckouts() bool { return s.opt.Shared && !s.opt.UploadOnly }

// release lets held jobs run when all are in, and leaves all paused when one is not.
func (s *submission) release(ctx context.Context) error {
	held := s.poster.Held()
	if held == 0 {
		return nil
	}
	if s.failures > 0 && s.opt.Hold { // without Hold they are those of an earlier run
		return fmt.Errorf("%w: %d of %d jobs are not in, so the %d that are stay paused; repair the others and run again, or let them go with flsync jobs resume",
			ErrPartial, s.failures, len(s.opt.Jobs), held)
	}
	return s.poster.Release(ctx)
}

// failed tells of a job that will not be submitted, and ends the run when that is one too many.
func (s *submission) failed(ctx context.Context, shot *shot, err error) {
	s.meter.broken.Add(1)
	for _, e := range report.Split(err) {
		s.Sink.Emit(report.Error{Code: jobCode(e), Job: shot.Name, Path: shot.Blend, Message: e.Error()})
	}
	if s.journal != nil {
		// Where even this cannot be recorded, the next step of another job finds out and ends the run.
		_ = s.journal.Record(context.WithoutCancel(ctx), journal.Entry{Step: journal.Failed, Key: shot.Key, Name: shot.Name, Error: err.Error()})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	if s.opt.FailFast || s.opt.MaxFailures > 0 && s.failures >= s.opt.MaxFailures {
		s.giveUp(fmt.Errorf("%w: %d of %d", ErrTooManyFailures, s.failures, len(s.opt.Jobs)))
	}
}

// open asks the Manager what jobs are checked against, checks the manifest, and takes locks and journal.
func (r *run) open(ctx context.Context, opt SubmitOptions) (_ *submission, err error) {
	s := &submission{
		run: r, opt: opt, shapes: make(map[string]bool), told: make(map[string]bool), outputs: make(map[string]string), trees: make(map[string][]walk.File),
		posting: make(chan struct{}, postsAtOnce),
		digests: &digests{sender: &r.sender, slots: make(chan struct{}, r.hashWorkers()), paths: make(map[string]*digesting)},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.unlock())
		}
	}()
	if err := s.askFarm(ctx); err != nil {
		return nil, err
	}
	if err := s.makePlanners(); err != nil {
		return nil, err
	}
	if !opt.UploadOnly {
		if err := settings.Static(opt.Jobs, &s.farm).Err(); err != nil {
			return nil, err
		}
		r.meter.jobs.Store(int64(len(opt.Jobs)))
	}
	s.tracer, err = NewTracer(r.Cache, !r.DryRun, func(err error) {
		r.Sink.Emit(report.Warning{Code: "trace", Message: err.Error()})
	})
	if err != nil {
		return nil, err
	}
	if s.store, err = pack.OpenStore(pack.StoreConfig{Dir: opt.Rewrites}); err != nil {
		return nil, err
	}
	var steps once.Journal = noJournal{}
	config := opt.Once
	config.Run = opt.Run
	config.Unsettled, config.Released = make(map[string]string), make(map[string]bool)
	if !r.DryRun && !opt.UploadOnly { // bytes in the store harm no other run
		if err := s.lock(); err != nil {
			return nil, err
		}
		steps = s.journal
	}
	s.poster = once.New(r.Manager, steps, config)
	var group errgroup.Group // the Manager lists its jobs while the journals are read
	if s.journal != nil {
		group.Go(func() error { return leftOpen(opt.Journal, r.Manager.URL(), config) })
	}
	if !opt.UploadOnly {
		group.Go(func() error { return s.poster.Look(ctx) })
	}
	return s, group.Wait()
}

// leftOpen adds what earlier runs leave open.
func leftOpen(dir, manager string, config once.Config) error {
	open, err := journal.LeftOpen(dir, manager)
	maps.Copy(config.Unsettled, open.Unsettled)
	maps.Copy(config.Released, open.Released)
	return err
}

// close ends journal and locks. ctx may have ended already.
func (s *submission) close(ctx context.Context, exit error) error {
	s.digests.dropKept()
	if s.journal == nil {
		return nil
	}
	ending := context.WithoutCancel(ctx)
	end := journal.Entry{Step: journal.Ended}
	if exit == nil {
		exit = s.meter.verdict()
	}
	if exit != nil {
		end.Error = exit.Error()
	}
	if s.opt.ExitCode != nil {
		end.ExitCode = s.opt.ExitCode(exit)
	}
	_, pruned := s.store.Prune(ending)
	return errors.Join(s.journal.Record(ending, end), pruned, s.journal.Close(), s.unlock())
}

// noJournal is that of a run that makes no jobs.
type noJournal struct{}

func (noJournal) Record(context.Context, journal.Entry) error { return nil }

// askFarm fetches job types, tags and shared storage, side by side.
func (s *submission) askFarm(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.farm.Types, err = ask(ctx, s.Env, s.Manager.JobTypes)
		return err
	})
	group.Go(func() (err error) {
		s.farm.Tags, err = ask(ctx, s.Env, s.Manager.Tags)
		return err
	})
	group.Go(func() (err error) {
		s.shared, err = sharedStorage(ctx, s.Env)
		return err
	})
	return group.Wait()
}

// lock keeps other runs on this machine from the same projects, and begins the journal.
func (s *submission) lock() (err error) {
	var projects []string
	for _, j := range s.opt.Jobs {
		projects = append(projects, j.Project)
	}
	slices.Sort(projects) // in one order, so that of two runs one gets all
	projects = slices.Compact(projects)
	for _, p := range projects {
		held, err := journal.Lock(s.opt.Journal, s.Manager.URL(), p, s.opt.Run)
		if err != nil {
			return err
		}
		s.locks = append(s.locks, held)
	}
	head := journal.Head{Run: s.opt.Run, Manager: s.Manager.URL(), Projects: projects}
	s.journal, err = journal.Create(s.opt.Journal, head)
	return err
}

func (s *submission) unlock() error {
	var errs []error
	for _, l := range s.locks {
		errs = append(errs, l.Unlock())
	}
	return errors.Join(errs...)
}
