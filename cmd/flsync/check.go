package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/config"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/report/page"
	"github.com/flsync/flsync/submit/manifest"
)

func (a *app) checkCommand() *cobra.Command {
	f := submitFlags{mode: "per-job", keepOn: true}
	var edit conformFlags
	var editFile, html string
	cmd := a.inSession(&cobra.Command{
		Use:   "check TARGET…",
		Short: "Find what would go wrong tonight, shot by shot, without sending anything",
		Long: `Reads blend files or manifests as submit does, and lists for each shot what would make its frames wrong, with
what to do: files that are missing, settings of the scene such as a render region that is still on, and
rules of the studio (rules: in the configuration or the manifest). No Manager is needed; where one is
configured, job types, tags, settings and output folders are checked too. --manager none asks none.

The exit code is 3 when there is an error, and 0 when there are only warnings. docs/check.md lists what is found.`,
		Example: `  flsync check shots/*.blend --farm-blender 4.5
  flsync check night.yaml --html check.html
  flsync check night.yaml --edit cut_v12.otio --map 'shots/{shot}.blend'`,
	}, func(ctx context.Context, s *session, args []string) error {
		return s.check(ctx, &f, &edit, args, editFile, html)
	})
	flags := cmd.Flags()
	flags.StringVar(&f.load.Type, "type", "", "job `TYPE` of all jobs")
	flags.StringVar(&f.load.Project, "project", "", "`DIR` that paths are kept under (default: the manifest's folder, or the blend file's)")
	flags.StringVar(&f.load.Scene, "scene", "", "`SCENE` that is rendered (default: the file's active one)")
	flags.StringVar(&f.farmBlender, "farm-blender", "", "`VERSION` of Blender on the farm, such as 4.5")
	flags.StringVar(&editFile, "edit", "", "compare frames with those of this edit `FILE`, as conform reads it")
	flags.StringVar(&edit.rules.Map, "map", "", "with --edit: `TEMPLATE` of the blend file's path")
	flags.StringArrayVar(&edit.rules.Patterns, "match", nil, "with --edit: `FIELD=REGEXP` with named groups; may be repeated")
	flags.StringVar(&edit.firstFrame, "first-frame", "", "with --edit: the scene's frame `N` that shows the media's first one")
	flags.StringArrayVar(&f.settings, "set", nil, "a `KEY=VALUE` setting for all jobs, as with submit; may be repeated")
	flags.StringVar(&html, "html", "", "write one HTML page to `FILE`")
	return cmd
}

// check does what the command was told.
func (s *session) check(ctx context.Context, f *submitFlags, edit *conformFlags, targets []string, editFile, html string) error {
	if err := f.parse(s, targets); err != nil {
		return err
	}
	jobs, err := manifest.Load(targets, f.load)
	if err != nil {
		return err
	}
	s.prepareHeap(len(jobs))
	cache, err := s.openCache(hashcache.Config{}, false)
	if err != nil {
		return err
	}
	env := pipeline.Env{Cache: cache, Sink: s.sink}
	if s.manager, err = s.connect(ctx, s.config); err == nil {
		s.closers = append(s.closers, s.manager.Close)
		env.Manager = s.manager.Client
	} else if !errors.Is(err, config.ErrNoManager) {
		return err
	}
	f.opt.Jobs = jobs
	if f.opt.Check, err = s.checkOptions(f); err != nil {
		return err
	}
	if editFile != "" {
		if f.opt.Check.EditFrames, err = s.editFrames(ctx, cache, edit, editFile, f.load.Project); err != nil {
			return err
		}
	}
	var lacks report.Collected[report.Lack]
	var failures report.Collected[report.Error]
	env.Sink = report.Tee(s.sink, &lacks, &failures)
	s.sink.Emit(s.startEvent(""))
	if env.Manager != nil {
		if env.Configuration, err = s.greet(ctx, s.manager); unreachable(err) { // the blend files can be checked all the same
			s.sink.Emit(report.Warning{Code: "unreachable", Message: "settings, job types, tags and output folders are not checked, without the Manager: " + err.Error()})
			env.Manager = nil
		} else if err != nil {
			return err
		}
	}
	s.summary, err = pipeline.Check(ctx, env, f.opt)
	if html != "" && ctx.Err() == nil {
		shown := s.summary
		shown.OK, shown.ExitCode, shown.Duration = err == nil, exitCode(ctx, err), time.Since(s.began).Seconds()
		run := &page.Run{Start: s.startEvent(""), Summary: &shown, Lacks: lacks.List, Errors: failures.List}
		if failed := writeFile(html, ownerOnly, run.HTML); failed != nil {
			return errors.Join(err, failed)
		}
	}
	if errors.Is(err, pipeline.ErrPartial) {
		return &reportedError{err} // the summary says it
	}
	return err
}

// checkOptions returns what the configuration and the flags say of checks.
func (s *session) checkOptions(f *submitFlags) (*pipeline.CheckOptions, error) {
	if f.farmBlender != "" && !check.ValidVersion(f.farmBlender) {
		return nil, usagef("--farm-blender %q is no version such as 4.5", f.farmBlender)
	}
	o := &pipeline.CheckOptions{FarmBlender: f.farmBlender}
	for i, r := range s.config.Rules {
		o.Rules = append(o.Rules, check.Rule{When: r.When, Require: r.Require, Say: r.Say, Severity: r.Severity, Place: fmt.Sprintf("rules of the configuration, number %d", i+1)})
	}
	if err := o.Compile(f.opt.Jobs); err != nil {
		return nil, usageError(fmt.Errorf("mistakes in rules:\n%w", err))
	}
	return o, nil
}

// editFrames returns the frames that an edit shows, by blend file.
func (s *session) editFrames(ctx context.Context, cache *hashcache.Cache, f *conformFlags, edit, project string) (map[string][]int, error) {
	f.rules.Project = cmp.Or(project, ".")
	if err := f.parse(); err != nil {
		return nil, err
	}
	tracer, err := pipeline.NewTracer(cache, false, false, s.mayTouch(), report.Discard)
	if err != nil {
		return nil, err
	}
	plan, err := f.plan(ctx, tracer, edit)
	if err != nil {
		return nil, err
	}
	for _, p := range plan.Problems {
		s.sink.Emit(report.Warning{Code: "clip", Path: p.Blend, Message: p.String()})
	}
	frames := make(map[string][]int)
	for _, shot := range plan.Shots {
		path, err := filepath.Abs(filepath.Join(f.rules.Project, filepath.FromSlash(shot.Blend)))
		if err != nil {
			return nil, err
		}
		for _, span := range shot.Frames {
			for n := span.First; n <= span.Last; n++ {
				frames[path] = append(frames[path], n)
			}
		}
	}
	return frames, nil
}
