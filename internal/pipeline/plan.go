package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
	"github.com/flsync/flsync/uploader"
)

// planAlone finds the checkout paths of a job's files if they do not depend on the files of other jobs, as is
// so for most. Otherwise the job waits for [submission.planTogether].
func (s *submission) planAlone(ctx context.Context, j *jobRun) error {
	if ready, err := s.planInPlace(ctx, j); ready || err != nil {
		return err
	}
	if s.sharesCheckouts() {
		return nil
	}
	if j.trace == nil {
		return s.assignFiles(ctx, j, nil)
	}
	plan, ok := s.planners[j.job.Project].Alone(j.trace)
	if !ok {
		return nil
	}
	return s.assignFiles(ctx, j, plan)
}

// planTogether finds the checkout paths of all files of jobs. The jobs of a project are planned together, so
// that a file from outside has the same path for each and a rewritten library is sent once. planTogether
// returns the jobs that are planned; the others are reported.
func (s *submission) planTogether(ctx context.Context, jobs []*jobRun) (planned []*jobRun) {
	for _, group := range byProject(jobs) {
		var traces []*deps.Trace
		for _, j := range group {
			if j.trace != nil {
				traces = append(traces, j.trace)
			}
		}
		var plans *pack.Batch
		if len(traces) > 0 {
			plans = s.planners[group[0].job.Project].Together(traces...)
		}
		next := 0
		for _, j := range group {
			var plan *pack.Plan
			var err error
			if j.trace != nil {
				plan, err = plans.Plan(next)
				next++
			}
			if err == nil {
				err = s.assignFiles(ctx, j, plan)
			}
			if !s.finishJob(ctx, j, err) {
				planned = append(planned, j)
			}
		}
	}
	return planned
}

// assignFiles gives a job its files: those of plan, which is nil without a blend file, and those that the
// manifest adds.
func (s *submission) assignFiles(ctx context.Context, j *jobRun, plan *pack.Plan) error {
	if plan != nil {
		s.reportPlan(j, plan)
		s.reportLacks(j, s.planLacks(plan)...)
		j.files = make([]*file, 0, len(plan.Files)+len(plan.Changed))
		files := make([]file, len(plan.Files)) // at once: a night has many
		for i, f := range plan.Files {
			files[i] = file{source: f.Path, checkoutPath: f.Place}
			j.files = append(j.files, &files[i])
		}
		for _, c := range plan.Changed {
			j.files = append(j.files, &file{source: c.Path, checkoutPath: c.Place, change: &c})
		}
		at, ok := plan.Place(j.trace.Path)
		if !ok {
			return fmt.Errorf("%s has no path in its own checkout", j.trace.Path) // cannot happen: a plan has it always
		}
		j.blendAt = at
	}
	if err := s.addMore(ctx, j); err != nil {
		return err
	}
	if s.checking && s.run.env.Manager != nil {
		for _, odd := range s.run.odd.find(ctx, s.run, uploader.CheckoutName(j.job.Name), pathsOf(j.files)) {
			s.reportLacks(j, check.New(check.NameWindows, odd.source, "%v", odd.why))
		}
	}
	if err := s.allowLacks(j); err != nil {
		return err
	}
	j.trace, j.state = nil, planned // a trace takes ten times the memory of the list of files
	return nil
}

// reportPlan reports what is held back, and what stays where it is.
func (s *submission) reportPlan(j *jobRun, plan *pack.Plan) {
	for _, h := range plan.Held {
		s.reportHeld(report.Warning{Path: h.Path, Job: j.job.Name, Message: fmt.Sprintf("not sent: %s (%s in %s)", h.Reason, h.ID, h.UsedBy)})
	}
	for _, l := range plan.Left {
		s.warnOnce(report.Warning{Code: "left-" + string(l.Reason), Path: l.Value, Job: j.job.Name, Message: fmt.Sprintf("left alone (%s in %s)", l.ID, l.UsedBy)})
	}
}

// reportHeld reports a file that is held back, and counts it, once for a run.
func (s *submission) reportHeld(w report.Warning) {
	w.Code, w.HasLack = "held-back", true
	if s.warnOnce(w) {
		s.run.meter.heldBack.Add(1)
	}
}

// addMore adds to a job's files those that the manifest names, or the whole project, and takes out what is
// excluded.
func (s *submission) addMore(ctx context.Context, j *jobRun) error {
	exclude := j.job.Excludes()
	isOut := func(f *file) bool { return f.checkoutPath != j.blendAt && exclude.MatchFile(f.checkoutPath) }
	needed := len(j.files)
	if j.files = slices.DeleteFunc(j.files, isOut); len(j.files) < needed {
		s.warnOnce(report.Warning{Code: "left-excluded", Path: j.job.Blend, Job: j.job.Name, Message: fmt.Sprintf("%d files that it needs are not sent, because they are excluded", needed-len(j.files))})
	}
	taken := make(map[string]bool)
	if s.opt.All || len(j.job.Files) > 0 {
		for _, f := range j.files {
			taken[f.checkoutPath] = true
		}
	}
	add := func(w walk.File) {
		f := &file{source: w.Path, checkoutPath: w.Rel}
		if taken[w.Rel] || isOut(f) {
			return
		}
		taken[w.Rel] = true
		var err error
		if j.job.Guessed { // in a project that somebody has named, the walk has seen to what may leave
			_, err = s.projects[j.job.Project].Decide(w.Path)
		}
		if held, ok := errors.AsType[*gate.HeldError](err); ok {
			s.reportHeld(report.Warning{Path: w.Path, Job: j.job.Name, Message: "not sent: " + held.Reason})
			s.reportLacks(j, check.New(check.HeldBack, w.Path, "%s is not sent: %s", w.Path, held.Reason))
			return
		}
		j.files = append(j.files, f)
	}
	if s.opt.All {
		tree, err := s.tree(ctx, j.job.Project)
		if err != nil {
			return err
		}
		for _, f := range tree {
			add(f)
		}
	}
	if err := s.addNamed(ctx, j, add); err != nil {
		return err
	}
	slices.SortFunc(j.files, func(a, b *file) int { return cmp.Compare(a.checkoutPath, b.checkoutPath) })
	return nil
}

// tree returns a project's files. A run walks each project once.
func (s *submission) tree(ctx context.Context, project string) ([]walk.File, error) {
	s.mu.Lock()
	tree, walked := s.trees[project]
	if !walked {
		tree = sync.OnceValues(func() ([]walk.File, error) { return s.list(ctx, walk.Options{Root: project}) })
		s.trees[project] = tree
	}
	s.mu.Unlock() // no lock is held during the walk
	return tree()
}

func (s *submission) list(ctx context.Context, opt walk.Options) (files []walk.File, err error) {
	opt.Warn = func(w walk.Warning) { s.warnOnce(report.Warning{Code: w.Code, Path: w.Path, Message: w.Message}) }
	err = walk.Walk(ctx, opt, func(f walk.File) error {
		f.Info = nil // a third of its memory, and nobody needs it
		files = append(files, f)
		return nil
	})
	return files, s.run.incomplete(err)
}

// addNamed adds what the patterns under files: in the manifest mean. They are a filter over the walked
// project, so what a walk leaves out is left out here, too.
func (s *submission) addNamed(ctx context.Context, j *jobRun, add func(walk.File)) error {
	if len(j.job.Files) == 0 {
		return nil
	}
	patterns, err := gate.ParsePatterns(j.job.Files, j.job.Project)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	files, err := s.list(ctx, walk.Options{Root: j.job.Project, Only: patterns.Literal()})
	if err != nil {
		return err
	}
	for _, f := range files {
		if patterns.MatchFile(f.Rel) {
			add(f)
		}
	}
	patterns.Used(func(text string, used bool) {
		if !used && err == nil {
			err = fmt.Errorf("files: nothing in %s matches %q, or it is left out: links out of the project, folders of version control systems, backups, what %s names",
				j.job.Project, text, gate.IgnoreFile)
		}
	})
	return err
}
