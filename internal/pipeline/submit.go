package pipeline

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/gate"
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
	Outside      gate.Policy // about files that lie outside of their project
	RelativeOnly bool        // leave absolute paths in blend files alone
	Properties   bool        // send what paths in custom properties lead to
	Missing      string      // fail: a job whose frames would be wrong fails; warn; "": as the job says
	Shared       bool        // one checkout for all jobs of a project
	UploadOnly   bool        // end when the Manager has the files: no settings are needed, and no job is made

	Force   bool // submit what is there already, too
	Replace bool // cancel the older job of a key when a new one is in
	// MissingFrames, when not nil, has jobs submitted for only those frames that the newest job of the same key
	// lacks. Those that are left to alive, jobs of earlier runs for some frames, are not among them. It returns
	// a range, "" for none.
	MissingFrames func(ctx context.Context, before api.Job, alive []api.Job) (string, error)

	OnlyChanged bool // skip a job when its last run is done and of the same fingerprint
	Hold        bool // all jobs enter paused, and are released together

	FailFast    bool // the first failed job ends the run
	MaxFailures int  // so many failed jobs end the run; 0: any number is fine

	Check    *CheckOptions    // check the jobs' scenes as well, before they are sent; nil: do not
	Platform string           // of who submits, for paths and variables: linux, windows or darwin; "" is this machine's
	Blender  settings.Blender // evaluates what flsync cannot; nil: nobody does
	Once     once.Config      // how jobs are submitted; Submit fills in what it says of runs
	Journal  string           // folder
	ExitCode func(error) int  // the journal's exit code for the run's end; nil: 0
	Rewrites string           // folder of blend files with rewritten paths
}

// Submit sends what the jobs need, has a checkout made for each, and submits them. A job goes its own way: it
// is submitted as soon as its own files are in. What is wrong with a job is reported, and the others go on;
// the error then wraps [ErrPartial], [ErrNoneDone] or [ErrTooManyFailures]. Mistakes in the manifest are
// [manifest.Errors], and nothing is sent then. A Manager that stays away is a [*flamenco.UnreachableError] or
// a [*uploader.GaveUpError].
func Submit(ctx context.Context, env Env, opt SubmitOptions) (report.Summary, error) {
	hasFiles := slices.ContainsFunc(opt.Jobs, func(j *manifest.Job) bool { return opt.All || j.Blend != "" || len(j.Files) > 0 })
	r, err := openRun(ctx, env, !opt.UploadOnly, hasFiles)
	if err != nil {
		return report.Summary{}, err
	}
	s := newSubmission(r, opt)
	if err = s.open(ctx); err == nil {
		err = s.runJobs(ctx)
	}
	return r.close(errors.Join(err, s.close(ctx, err)))
}

// submission is a run of [Submit].
type submission struct {
	run         *run
	opt         SubmitOptions
	farm        settings.Farm
	storage     storage
	tracer      *deps.Tracer
	pool        *hashPool
	digests     *digests
	rewrites    *pack.Store
	journal     *journal.Run // nil if the run makes no jobs
	locks       []*journal.Held
	poster      *once.Poster
	earlier     bool // jobs that this computer knows of are asked for one by one, see look
	looking     sync.WaitGroup
	stopLooking context.CancelFunc // nil if nothing is looked for
	tracing     chan struct{}      // one token for each job that is traced at the moment
	posting     chan struct{}      // one token for each job that is posted at the moment
	giveUp      context.CancelCauseFunc

	checking bool // nothing is sent, see [Check]

	mu       sync.Mutex
	failures int
	outputs  map[string]string                      // by render_output_path: the blend file of the first job with it
	trees    map[string]func() ([]walk.File, error) // by project: walks it once
	projects map[string]*gate.Gate
	planners map[string]*pack.Planner // by project
}

func newSubmission(r *run, opt SubmitOptions) *submission {
	pool := newHashPool(r.env.hashWorkers())
	all := &digests{sender: r.sender, pool: pool, paths: make(map[string]*digestFuture)}
	if r.sender != nil { // a check has none
		r.sender.sent = all.sent
	}
	return &submission{
		run: r, opt: opt, pool: pool, digests: all,
		tracing: make(chan struct{}, 2*runtime.GOMAXPROCS(0)), // the tracer itself reads one file a core
		posting: make(chan struct{}, postsAtOnce),
		outputs: make(map[string]string), trees: make(map[string]func() ([]walk.File, error)),
	}
}

// sharesCheckouts reports whether one checkout is made for all jobs of a project.
func (s *submission) sharesCheckouts() bool { return s.opt.Shared && !s.opt.UploadOnly }

// open asks the Manager what jobs are checked against, checks the manifest, and takes locks and journal. The
// caller must call close, also after an error.
func (s *submission) open(ctx context.Context) (err error) {
	env := s.run.env
	if err := s.openTracing(ctx, !env.DryRun); err != nil {
		return err
	}
	if !s.opt.UploadOnly {
		if err := settings.Static(s.opt.Jobs, &s.farm).Err(); err != nil {
			return err
		}
		s.run.meter.jobs.Store(int64(len(s.opt.Jobs)))
	}
	if s.rewrites, err = pack.OpenStore(pack.StoreConfig{Dir: s.opt.Rewrites}); err != nil {
		return err
	}
	var steps once.Journal = noJournal{}
	config := s.opt.Once
	config.Run, config.OnWait = s.opt.Run, tellWait(env.Sink)
	if s.opt.UploadOnly { // bytes in the store harm no other run
		s.poster = once.New(env.Manager, steps, config)
		return nil
	}
	if !env.DryRun {
		if err := s.lock(); err != nil {
			return err
		}
		steps = s.journal
	}
	config.Renamed = make(map[string]string)
	var keys []string
	for _, j := range s.opt.Jobs {
		keys = append(append(keys, j.Key), j.OldKeys...)
		for _, old := range j.OldKeys {
			config.Renamed[old] = j.Key
		}
	}
	if s.opt.MissingFrames != nil {
		keys = nil // which frames are missing, and so the keys, are not known yet
	}
	left, err := journal.LeftOpen(s.opt.Journal, env.Manager.URL(), keys)
	if err != nil {
		return err
	}
	config.Released, config.Earlier = left.Released, left.Jobs
	if !env.DryRun {
		config.Unsettled = left.Unsettled
	}
	s.poster = once.New(env.Manager, steps, config)
	return s.look(ctx, left.Jobs)
}

// openTracing asks the Manager, if there is one, what jobs are checked against, and opens what tracing needs.
// See [NewTracer] for hash.
func (s *submission) openTracing(ctx context.Context, hash bool) (err error) {
	env := s.run.env
	s.farm.Platform = s.opt.Platform
	if env.Manager != nil {
		err = s.askFarm(ctx)
	}
	if err == nil {
		err = s.openGates()
	}
	if err == nil {
		s.tracer, err = NewTracer(env.Cache, hash, s.opt.Properties, s.run.gates.mayTouch, env.Sink)
	}
	return err
}

// lookEach is how many jobs a run asks for one by one rather than for the list of all.
const lookEach = 100

// look asks for the list of the Manager's jobs if the run needs it in any case. A job that runs on this
// computer know of, and that is still the same, does not need it.
func (s *submission) look(ctx context.Context, earlier map[string]journal.Job) error {
	unknown := func(j *manifest.Job) bool { return earlier[j.Key].ID == "" }
	s.earlier = !s.opt.Replace && s.opt.MissingFrames == nil
	switch {
	case !s.earlier:
		return s.poster.Look(ctx)
	case s.opt.Force:
	case len(s.opt.Jobs) > lookEach || slices.ContainsFunc(s.opt.Jobs, unknown):
		s.earlier = false
		ctx, s.stopLooking = context.WithCancel(ctx)
		s.looking.Go(func() { _ = s.poster.Look(ctx) }) // the first job that needs the list asks again
	}
	return nil
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
		held, err := journal.Lock(s.opt.Journal, s.run.env.Manager.URL(), p, s.opt.Run)
		if err != nil {
			return err
		}
		s.locks = append(s.locks, held)
	}
	head := journal.Head{Run: s.opt.Run, Manager: s.run.env.Manager.URL(), Projects: projects}
	s.journal, err = journal.Create(s.opt.Journal, head)
	return err
}

// close ends what open and runJobs have begun, and records in the journal how the run ended. ctx may have
// ended.
func (s *submission) close(ctx context.Context, exit error) error {
	s.pool.close()
	s.digests.dropUnsent()
	if s.stopLooking != nil {
		s.stopLooking()
		s.looking.Wait()
	}
	var errs []error
	if s.journal != nil {
		errs = append(errs, s.closeJournal(context.WithoutCancel(ctx), exit))
	}
	for _, l := range s.locks {
		errs = append(errs, l.Unlock())
	}
	return errors.Join(errs...)
}

// closeJournal records the run's end and closes the journal.
func (s *submission) closeJournal(ctx context.Context, exit error) error {
	if exit == nil {
		exit = s.run.meter.result()
	}
	end := journal.Entry{Step: journal.Ended}
	if exit != nil {
		end.Error = exit.Error()
	}
	if s.opt.ExitCode != nil {
		end.ExitCode = s.opt.ExitCode(exit)
	}
	_, pruned := s.rewrites.Prune(ctx)
	return errors.Join(s.journal.Record(ctx, end), pruned, s.journal.Close())
}

// noJournal is the journal of a run that makes no jobs.
type noJournal struct{}

func (noJournal) Record(context.Context, journal.Entry) error { return nil }
