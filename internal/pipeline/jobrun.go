package pipeline

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/eval"
	"github.com/flsync/flsync/submit/journal"
	"github.com/flsync/flsync/submit/manifest"
)

// state is how far a job has come on its way to the Manager.
type state int

const (
	begun      state = iota // the job is as the manifest has it
	traced                  // its blend file was read, and its settings are known
	planned                 // its files, and their paths in the checkout, are known
	hashed                  // its files' digests are known, and the Manager has no such job
	stored                  // the store has its files
	checkedOut              // its checkout is there
	posted                  // the Manager has the job
	ended                   // nothing more is to be done: it is skipped, only uploaded, or part of a dry run
)

// jobRun is one job on its way to the Manager, and what is known of it so far.
type jobRun struct {
	job   *manifest.Job
	state state

	mistaken bool // of [Check]: its settings are wrong, and told

	// since traced
	jobType *api.AvailableJobType
	trace   *deps.Trace     // nil without a blend file, and since planned
	facts   *eval.Facts     // nil without a blend file
	values  api.JobSettings // all but the blend file

	onlyFrames string // the only frames to be rendered, "" for all; see onlyMissing
	onlyOutput any    // where the earlier job has them

	// since planned
	files   []*file
	inPlace bool   // its files are read where they are: their checkout paths, and blendAt, are the workers' paths
	blendAt string // path of the blend file in the checkout

	fingerprint string // "" until somebody asks, see findFingerprint
	checkout    string // since checkedOut: its path, "" for a job without files

	lacks  map[string]bool // that were reported
	found  []report.Lack   // of [Check]: those lacks
	spoils []string        // messages of lacks that make frames wrong
}

// advance is the main flow: it takes a job from the state that it is in to the last, step by step. A step
// leaves the state as it is if the job must wait for other jobs of its project; advance then returns, and is
// called again.
func (s *submission) advance(ctx context.Context, j *jobRun) error {
	for j.state < posted {
		before := j.state
		var err error
		switch j.state {
		case begun:
			err = s.traceJob(ctx, j) // trace.go
		case traced:
			err = s.planAlone(ctx, j) // plan.go
		case planned:
			err = s.hashJob(ctx, j) // hash.go
		case hashed:
			err = s.storeJob(ctx, j) // hash.go
		case stored:
			err = s.checkOutJob(ctx, j) // checkout.go
		case checkedOut:
			err = s.postJob(ctx, j) // post.go
		}
		if err != nil || j.state == before {
			return err
		}
	}
	return nil
}

// runJobs takes all jobs to the Manager. Each goes its own way, and is posted as soon as its own files are
// stored; only where jobs share files from outside of their project, or a checkout, they wait for each other.
func (s *submission) runJobs(ctx context.Context) error {
	ctx, s.giveUp = context.WithCancelCause(ctx)
	defer s.giveUp(nil)
	jobs := make([]*jobRun, len(s.opt.Jobs))
	for i, job := range s.opt.Jobs {
		jobs[i] = &jobRun{job: job}
	}
	s.run.meter.toTrace.Store(int64(len(jobs)))

	waiting := s.advanceAll(ctx, jobs)
	waiting = s.advanceAll(ctx, s.planTogether(ctx, waiting))
	s.advanceAll(ctx, s.checkOutTogether(ctx, waiting))
	excludes := make([]*gate.Patterns, len(jobs))
	for i, j := range jobs {
		excludes[i] = j.job.Excludes()
	}
	s.run.reportUnused(excludes...)

	if err := context.Cause(ctx); err != nil {
		if held := s.poster.Held(); held > 0 {
			err = fmt.Errorf("%w; %d held jobs stay paused until a run gets to its end", err, held)
		}
		return err
	}
	return s.release(ctx)
}

// jobsInFlight is how many jobs advance at once. Fewer would make the uploader's batches smaller.
const jobsInFlight = 32

// advanceAll advances jobs side by side, and returns those that wait for others, in order.
func (s *submission) advanceAll(ctx context.Context, jobs []*jobRun) (waiting []*jobRun) {
	failed := make([]bool, len(jobs))
	var group errgroup.Group
	group.SetLimit(jobsInFlight)
	for i, j := range jobs {
		group.Go(func() error {
			err := s.advance(ctx, j)
			failed[i] = s.finishJob(ctx, j, err)
			return nil
		})
	}
	group.Wait() // failures are reported
	for i, j := range jobs {
		if j.state < posted && !failed[i] {
			waiting = append(waiting, j)
		}
	}
	return waiting
}

// finishJob reports a job that failed, or ends the run if err is about the run as a whole.
func (s *submission) finishJob(ctx context.Context, j *jobRun, err error) (failed bool) {
	switch {
	case err == nil:
	case abortsRun(ctx, err):
		s.giveUp(err)
	default:
		s.jobFailed(ctx, j, err)
	}
	if err == nil && j.state >= posted && len(j.spoils) > 0 && !s.opt.UploadOnly {
		s.mu.Lock()
		s.run.meter.lacks.Jobs++
		s.mu.Unlock()
	}
	if err != nil || j.state >= posted {
		// Those of a large run are much memory, and a value may be a part of all that the cache keeps of a shot.
		j.trace, j.facts, j.values, j.files = nil, nil, nil, nil
	}
	return err != nil
}

// jobFailed reports a job that will not be submitted, and ends the run if that is one too many.
func (s *submission) jobFailed(ctx context.Context, j *jobRun, err error) {
	s.run.meter.broken.Add(1)
	for _, e := range report.Split(err) {
		s.run.env.Sink.Emit(report.Error{Code: jobCode(e), Job: j.job.Name, Path: j.job.Blend, Message: e.Error(), From: report.OriginOf(j.job.Metadata)})
	}
	if s.journal != nil {
		// If even this cannot be recorded, the next step of another job finds out and ends the run.
		_ = s.journal.Record(context.WithoutCancel(ctx), journal.Entry{Step: journal.Failed, Key: j.job.Key, Name: j.job.Name, Error: err.Error()})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	if s.opt.FailFast || s.opt.MaxFailures > 0 && s.failures >= s.opt.MaxFailures {
		s.giveUp(fmt.Errorf("%w: %d of %d", ErrTooManyFailures, s.failures, len(s.opt.Jobs)))
	}
}

// byProject groups jobs by their project, in order.
func byProject(jobs []*jobRun) (groups [][]*jobRun) {
	at := make(map[string]int)
	for _, j := range jobs {
		i, known := at[j.job.Project]
		if !known {
			i = len(groups)
			at[j.job.Project] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], j)
	}
	return groups
}

// release lets held jobs run if all jobs are in, and leaves them paused otherwise.
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
