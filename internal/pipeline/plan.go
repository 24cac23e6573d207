package pipeline

import (
	"context"
	"fmt"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// planAlone finds the checkout paths of a job's files if they do not depend on the files of other jobs, as is so for
// most. Otherwise the job waits for [submission.planTogether].
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

// planTogether finds the checkout paths of all files of jobs. The jobs of a project are planned together, so that a
// file from outside has the same path for each and a rewritten library is sent once. planTogether returns the jobs
// that are planned; the others are reported.
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

// assignFiles gives a job its files: those of plan, which is nil without a blend file, and those that the manifest
// adds.
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
		for _, odd := range s.run.odd.find(ctx, s.run, uploader.CheckoutName(j.job.Name), j.files) {
			s.reportLacks(j, check.New(check.NameWindows, odd.source, "%v", odd.why))
		}
	}
	if err := s.allowLacks(j); err != nil {
		return err
	}
	j.state = planned
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
