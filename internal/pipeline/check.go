package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/settings"
	"github.com/flsync/flsync/uploader"
)

// CheckOptions say what jobs are checked for beside the lacks of a trace. Compile must be called before they
// are used.
type CheckOptions struct {
	Rules       []check.Rule     // for all jobs
	FarmBlender string           // version of Blender on the farm; "": not known
	EditFrames  map[string][]int // by blend file: frames that an edit shows

	compiled  check.Rules
	noScripts bool // the farm's Blender runs no scripts of blend files
}

// Compile prepares the rules for all jobs and those of the jobs. The error names each rule with a mistake.
func (o *CheckOptions) Compile(jobs []*manifest.Job) (err error) {
	all := slices.Clone(o.Rules)
	for _, j := range jobs {
		all = append(all, rulesOf(j)...)
	}
	o.compiled, err = check.Compile(all)
	return err
}

func rulesOf(j *manifest.Job) (rules []check.Rule) {
	for _, r := range j.Rules {
		rules = append(rules, check.Rule{When: r.When, Require: r.Require, Say: r.Say, Severity: r.Severity, Place: r.Pos.String()})
	}
	return rules
}

// checkFacts returns what would go wrong with a traced job by its scene and by rules.
func (o *CheckOptions) checkFacts(j *manifest.Job, trace *deps.Trace) []deps.Lack {
	shot := check.Shot{
		Name: j.Name, Type: j.Type, Scene: j.Scene, Trace: trace, FarmBlender: o.FarmBlender, EditFrames: o.EditFrames[j.Blend], NoScripts: o.noScripts,
	}
	if frames, given := j.Settings["frames"]; given {
		shot.Frames = fmt.Sprint(frames.Value)
	}
	return append(check.Facts(shot), o.compiled.Check(shot, slices.Concat(o.Rules, rulesOf(j)))...)
}

// Check finds what would go wrong with jobs, and reports it job by job as [report.Lack]. It sends nothing;
// with env.Manager set it checks settings, tags, job types and output folders as well. The error wraps
// [ErrPartial] if frames of some job would be wrong.
func Check(ctx context.Context, env Env, opt SubmitOptions) (report.Summary, error) {
	opt.Missing, opt.UploadOnly, opt.Shared = "warn", env.Manager == nil, false
	r := &run{env: env}
	r.meter.began = time.Now()
	s := newSubmission(r, opt)
	s.checking = true
	defer s.pool.close()
	ctx, s.giveUp = context.WithCancelCause(ctx)
	defer s.giveUp(nil)
	if err := s.openTracing(ctx, true); err != nil {
		return r.meter.summary(uploader.Stats{}), err
	}
	jobs := make([]*jobRun, len(opt.Jobs))
	var farm *settings.Farm
	if env.Manager != nil {
		farm = &s.farm
	}
	var group errgroup.Group
	group.SetLimit(jobsInFlight)
	for i, mistakes := range settings.Mistakes(opt.Jobs, farm) {
		j := &jobRun{job: opt.Jobs[i], mistaken: len(mistakes) > 0}
		jobs[i] = j
		for _, m := range mistakes {
			s.reportLacks(j, check.New(check.WrongSettings, m.Pos.String(), "%s", m.Message))
		}
		group.Go(func() error {
			err := s.traceJob(ctx, j)
			if err == nil {
				err = s.planAlone(ctx, j)
			}
			if err != nil && !abortsRun(ctx, err) {
				s.reportLacks(j, check.New(check.Unreadable, cmp.Or(j.job.Blend, j.job.Pos.String()), "%v", err))
				j.trace, err = nil, nil
			}
			s.finishJob(ctx, j, err)
			if j.state != traced {
				j.trace, j.facts, j.files, j.values = nil, nil, nil, nil // whose texts hold all that the cache keeps of the shot
			}
			return nil
		})
	}
	group.Wait() // failures are reported
	s.planTogether(ctx, slices.DeleteFunc(slices.Clone(jobs), func(j *jobRun) bool { return j.state != traced || j.trace == nil }))
	wrong := int(r.meter.broken.Load())
	for _, j := range jobs {
		if len(j.spoils) > 0 {
			wrong++
		}
		for _, l := range j.found {
			l.Listed, l.Again = true, false
			env.Sink.Emit(l)
		}
	}
	summary := r.meter.summary(uploader.Stats{})
	summary.Checked, summary.Spoiled = len(jobs), wrong
	switch {
	case ctx.Err() != nil:
		return summary, context.Cause(ctx)
	case wrong > 0:
		return summary, fmt.Errorf("%w: frames of %d of %d shots would be wrong", ErrPartial, wrong, len(jobs))
	}
	return summary, nil
}
