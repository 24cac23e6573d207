package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/eval"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/settings"
)

// submitFlags are what `flsync submit` can be told.
type submitFlags struct {
	transfer
	load     manifest.Options
	opt      pipeline.SubmitOptions
	settings []string
	metadata []string
	priority int
	outside  string
	mode     string
	blender  string
	keepOn   bool
	wait     bool
	at       string
	notify   string

	missingFrames bool
	maps          []string

	check       bool
	farmBlender string // of check
}

func (a *app) submitCommand() *cobra.Command {
	var f submitFlags
	cmd := a.inSession(&cobra.Command{
		Use:   "submit TARGET…",
		Short: "Send what blend files need and submit their jobs: a shot, or a whole night",
		Long: `A TARGET is a blend file, a glob for some, or a manifest (.yaml, .json, .jsonl, .csv, or - for standard
input). flsync finds every file that the blend files need, sends the Manager what it lacks, has a
checkout made for each job, and submits the jobs, each as soon as its own files are in. Settings
that nobody gives follow from the scene, as they do in Blender.

It is safe to run again: a job that is there already and has not changed is skipped.`,
		Example: `  flsync submit shots/sh010.blend --project . --set render_output_root=/render
  flsync submit night.yaml --dry-run
  flsync submit night.yaml --hold --wait
  flsync conform cut.otio --map 'shots/{shot}.blend' | flsync submit -`,
	}, func(ctx context.Context, s *session, args []string) error {
		return s.submit(ctx, &f, args)
	})
	f.transfer.flags(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.settings, "set", nil, "`KEY=VALUE`: a setting of all jobs; may be repeated")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "`KEY=VALUE`: metadata of all jobs; may be repeated")
	flags.StringVar(&f.load.Type, "type", "", "job `TYPE` of all jobs")
	flags.IntVar(&f.priority, "priority", -1, "priority of all jobs, 0 to 100")
	flags.StringVar(&f.load.Name, "name", "", "`NAME` of the jobs; {stem}, {name} and {dir} stand for parts of the blend file's path")
	flags.StringVar(&f.load.Project, "project", "", "`DIR` that paths are kept under (default: the manifest's folder, or the blend file's)")
	flags.StringVar(&f.load.WorkerTag, "tag", "", "only workers of this `TAG`, by name or id")
	flags.StringVar(&f.load.Scene, "scene", "", "`SCENE` that settings follow from (default: the file's active one)")
	flags.StringArrayVar(&f.load.Exclude, "exclude", nil, "leave out what matches this `GLOB`; may be repeated")
	flags.BoolVar(&f.load.Paused, "paused", false, "jobs enter paused")

	flags.BoolVar(&f.opt.All, "all", false, "send each project's whole tree instead of what its blend files need")
	flags.StringVar(&f.outside, "outside", "", "files outside of their project: `WHICH` is media (default: those that are what they claim to be), all or deny")
	flags.BoolVar(&f.opt.RelativeOnly, "relative-only", false, "leave absolute paths in blend files alone")
	flags.BoolVar(&f.opt.Properties, "properties", false, "send the files and folders that paths in custom properties lead to, where add-ons keep their caches")
	flags.StringVar(&f.opt.Missing, "missing", "", "a job whose frames would be wrong (missing files and other lacks): `WHAT` is warn or fail (default: what the manifest says, else warn)")
	flags.StringVar(&f.mode, "checkout-mode", "per-job", "`MODE` per-job, or shared: one checkout for all jobs of a project, which stays when they are deleted")
	flags.StringVar(&f.blender, "blender", "", "`PATH` of a Blender for settings that flsync cannot evaluate; it runs the Manager's expressions as Python on this machine")
	flags.StringVar(&f.opt.Platform, "platform", "", "submit as from this `PLATFORM`, linux, windows or darwin: for paths and two-way variables (default: this machine's)")

	flags.BoolVar(&f.keepOn, "keep-going", true, "go on when a job fails")
	flags.BoolVar(&f.opt.FailFast, "fail-fast", false, "end at the first job that fails")
	flags.IntVar(&f.opt.MaxFailures, "max-failures", 0, "end when `N` jobs have failed (0: never)")
	flags.BoolVar(&f.check, "check", false, "check the shots first as flsync check does, and submit none that has an error")
	flags.BoolVar(&f.opt.Hold, "hold", false, "all jobs enter paused, and are released together when all are in")
	flags.BoolVar(&f.opt.Force, "force", false, "submit again what is there already")
	flags.BoolVar(&f.opt.Replace, "replace", false, "cancel the older job when a changed one is submitted")
	flags.BoolVar(&f.opt.OnlyChanged, "only-changed", false, "skip jobs whose last run is the same, and say which")
	flags.BoolVar(&f.missingFrames, "only-missing-frames", false, "submit jobs for just those frames that earlier ones have not rendered, or only in part")
	flags.StringArrayVar(&f.maps, "storage-map", nil, "for --only-missing-frames, `FROM=TO`: what the farm has at FROM is at TO on this machine")
	flags.BoolVar(&f.opt.UploadOnly, "upload-only", false, "only fill the store with what the jobs need: no checkout, no job, and no setting is needed")
	flags.BoolVar(&f.wait, "wait", false, "follow the jobs to their end; the exit code says how the farm did")
	flags.StringVar(&f.at, "at", "", "wait until this `TIME` before anything is done, such as 22:00")
	flags.StringVar(&f.notify, "notify", "", "run this `CMD` at the end, with the summary as JSON on its standard input")
	return cmd
}

// submit does what the command was told.
func (s *session) submit(ctx context.Context, f *submitFlags, targets []string) error {
	if f.notify = cmp.Or(f.notify, s.config.Notify); f.notify != "" && !f.dryRun {
		s.notify = f.notify
	}
	if err := f.parse(s, targets); err != nil {
		return err
	}
	if err := s.waitUntil(ctx, f.at); err != nil {
		return err
	}
	jobs, err := manifest.Load(targets, f.load)
	if err != nil {
		return s.validateWithManager(ctx, f, jobs, err)
	}
	s.prepareHeap(len(jobs))
	if err := settings.CheckJobs(jobs).Err(); err != nil && !f.opt.UploadOnly {
		return err // some of it could bring the Manager down
	}
	env, err := s.environment(ctx, f.transfer)
	if err != nil {
		return err
	}
	if f.missingFrames {
		places, err := findPlaces(ctx, s.manager, f.maps)
		if err != nil {
			return err
		}
		f.opt.MissingFrames = func(ctx context.Context, before api.Job, alive []api.Job) (string, error) {
			return s.missingFrames(ctx, places, before, alive, f.dryRun)
		}
	}
	for _, j := range jobs {
		j.Missing = cmp.Or(j.Missing, s.config.Missing)
	}
	f.opt.Jobs, f.opt.Run = jobs, s.id
	if f.check {
		f.opt.Missing = "fail"
		if f.opt.Check, err = s.checkOptions(f); err != nil {
			return err
		}
	}
	f.opt.ExitCode = func(err error) int { return exitCode(ctx, err) }
	release := func() {}
	switch {
	case f.opt.UploadOnly:
		env.Upload.GiveWay = s.giveWay()
	case !f.dryRun:
		release = s.foreground(ctx)
	}
	s.summary, err = pipeline.Submit(ctx, env, f.opt)
	release() // jobs may be followed for hours
	s.summary.DryRun = f.dryRun
	if f.wait && !f.dryRun && ctx.Err() == nil {
		err = errors.Join(err, s.follow(ctx))
	}
	return err
}

// validateWithManager adds to the mistakes of a manifest those that only the Manager can know, if it answers
// soon.
func (s *session) validateWithManager(ctx context.Context, f *submitFlags, jobs []*manifest.Job, err error) error {
	const soon = 5 * time.Second
	var found manifest.Errors
	if !errors.As(err, &found) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	env, away := s.environment(ctx, f.transfer)
	if away != nil {
		return err
	}
	return pipeline.ValidateWithManager(ctx, env, f.opt.Platform, jobs, found)
}

// parse turns flags into options.
func (f *submitFlags) parse(s *session, targets []string) (err error) {
	if len(targets) == 0 {
		return usagef("name a blend file or a manifest; see flsync submit --help")
	}
	f.load.Stdin = s.stdin
	if f.load.Settings, err = pairs("--set", f.settings); err != nil {
		return err
	}
	if f.load.Metadata, err = pairs("--metadata", f.metadata); err != nil {
		return err
	}
	if f.priority >= 0 {
		f.load.Priority = &f.priority
	}
	f.opt.Properties = f.opt.Properties || s.config.Properties
	f.opt.Outside = gate.Policy{Outside: gate.Outside(cmp.Or(f.outside, s.config.Outside)), Roots: s.config.OutsideRoots}
	if err := f.opt.Outside.Validate(); err != nil {
		return usageError(err)
	}
	if err := cmp.Or(
		oneOf("checkout-mode", f.mode, "per-job", "shared"),
		oneOf("platform", f.opt.Platform, "", "linux", "windows", "darwin"),
		oneOf("missing", f.opt.Missing, "", "warn", "fail"),
	); err != nil {
		return err
	}
	f.opt.Shared = f.mode == "shared"
	if f.opt.MaxFailures < 0 {
		return usagef("--max-failures %d makes no sense", f.opt.MaxFailures)
	}
	f.opt.FailFast = f.opt.FailFast || !f.keepOn
	f.opt.Journal, f.opt.Rewrites = s.paths.Journal, s.paths.Rewrites
	if path := cmp.Or(f.blender, s.config.Blender); path != "" {
		blender, err := eval.NewBlender(path)
		if err != nil {
			return usageError(err)
		}
		f.opt.Blender = blender
	}
	return nil
}

// oneOf refuses a flag's value that is none of those it takes.
func oneOf(flag, value string, takes ...string) error {
	if slices.Contains(takes, value) {
		return nil
	}
	return usagef("--%s %q: it takes %s", flag, value, strings.TrimPrefix(strings.Join(takes, ", "), ", "))
}

// pairs reads KEY=VALUE flags.
func pairs(flag string, list []string) (map[string]string, error) {
	m := make(map[string]string, len(list))
	for _, p := range list {
		key, value, ok := strings.Cut(p, "=")
		if !ok || key == "" {
			return nil, usagef("%s %q is not of the form KEY=VALUE", flag, p)
		}
		m[key] = value
	}
	return m, nil
}

// waitUntil sleeps until the next hh:mm. It polls, because the clock may be changed or the machine may
// suspend. The run's id and start time are taken afterwards, so that the wait is not part of its duration.
func (s *session) waitUntil(ctx context.Context, at string) error {
	if at == "" {
		return nil
	}
	until, err := nextTime(at, time.Now())
	if err != nil {
		return err
	}
	s.sink.Emit(report.Note{Message: "waiting until " + until.Format(time.DateTime)})
	const look = 10 * time.Second // at the clock
	for {
		now := time.Now()
		next, err := stillUntil(until, at, now)
		switch {
		case err != nil:
			return err
		case !next.After(now):
			s.began, s.id = now, newRunID(now)
			return nil
		case !next.Equal(until):
			s.sink.Emit(report.Note{Message: "the clock was set; waiting until " + next.Format(time.DateTime)})
			until = next
		}
		select {
		case <-time.After(min(until.Sub(now), look)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// maxLate is how long after the deadline a run may still begin, such as after a night in which the computer
// was suspended. A longer delay means that the clock was wrong when the wait began.
const maxLate = 12 * time.Hour

// stillUntil recomputes the deadline after a possible clock change. It keeps until unless the clock moved by
// more than maxLate.
func stillUntil(until time.Time, at string, now time.Time) (time.Time, error) {
	next, err := nextTime(at, now)
	if err == nil && next.After(until) && now.Sub(until) < maxLate {
		next = until
	}
	return next, err
}

// nextTime returns the next moment after now at which the local time is at, hh:mm.
func nextTime(at string, now time.Time) (time.Time, error) {
	clock, err := time.Parse("15:04", at)
	if err != nil {
		return time.Time{}, usagef("--at %q is no time of day such as 22:00", at)
	}
	next := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, now.Location())
	if !next.After(now) {
		next = time.Date(now.Year(), now.Month(), now.Day()+1, clock.Hour(), clock.Minute(), 0, 0, now.Location())
	}
	return next, nil
}

// follow waits for the jobs of this run, and for those that were skipped because they run already.
func (s *session) follow(ctx context.Context) error {
	var ids []string
	for _, j := range s.jobs.List {
		if j.ID != "" {
			ids = append(ids, j.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	const look = 2 * time.Second
	// A paused job waits for a person, and nobody may come: it is not waited for.
	return s.watchJobs(ctx, s.manager, ids, look, func(j api.Job) bool {
		return underWay(j) && j.Status != api.JobStatusPaused
	})
}
