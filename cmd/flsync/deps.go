package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
)

// dependency is a file that a blend file needs, as an event.
type dependency struct{ *deps.Dependency }

func (dependency) Type() string        { return "dependency" }
func (dependency) Level() report.Level { return report.Result }
func (d dependency) Text() string {
	if !d.Missing {
		return d.Path
	}
	return d.Path + "\tMISSING"
}

// problem is a problem of a trace, as an event. It has no text: a lack says the same.
type problem struct{ deps.Problem }

func (problem) Type() string { return "warning" }
func (problem) Text() string { return "" }

func (a *app) depsCommand() *cobra.Command {
	var missing, tree, properties bool
	cmd := a.inSession(&cobra.Command{
		Use: "deps FILE.blend…", Short: "List every file that blend files need",
		Long: `Reads the blend files, and the libraries that they link, without Blender, and tells what would keep
frames from being right (lacks): missing files and frames, libraries that cannot be read, files that are
not what their names say. With --missing only files that are not there are listed, each with the chain of
data-blocks that want it, and the exit code is 3 when there is any lack that makes frames wrong.`,
		Example: "  flsync deps shots/sh010.blend\n  flsync deps --tree shots/*.blend\n  flsync deps --missing shots/*.blend",
	}, func(ctx context.Context, s *session, args []string) error {
		if len(args) == 0 {
			return usagef("name blend files")
		}
		s.list()
		s.config.Properties = s.config.Properties || properties
		lost := 0
		err := inOrder(ctx, s, args, (*deps.Tracer).Trace, func(t *deps.Trace) {
			for _, p := range t.Problems {
				s.sink.Emit(problem{p})
			}
			if tree && !s.json {
				fmt.Fprint(s.stdout, treeText(t))
			}
			for i := range t.Lacks {
				l := pipeline.LackEvent(&t.Lacks[i], "")
				l.Listed = true
				s.summary.Lacks.Count(l)
				s.sink.Emit(l)
			}
			for _, d := range t.Files {
				s.summary.Files.Total++
				if d.Missing {
					lost++
				}
				if (!tree || s.json) && (d.Missing || !missing) {
					s.sink.Emit(dependency{d})
				}
			}
		})
		s.summary.Files.Missing = int64(lost)
		if spoiled := s.summary.Lacks.Errors; err == nil && missing && spoiled > 0 {
			err = fmt.Errorf("%w: frames would be wrong, lacks of severity error: %d, files that are not there: %d", pipeline.ErrPartial, spoiled, lost)
		}
		return err
	})
	cmd.Flags().BoolVar(&missing, "missing", false, "only what is not there; exit code 3 if anything makes frames wrong")
	cmd.Flags().BoolVar(&properties, "properties", false, "follow paths in custom properties, where add-ons keep their caches")
	cmd.Flags().BoolVar(&tree, "tree", false, "show which file wants which")
	return cmd
}

// mayTouch returns the test of paths on other computers for blend files that are only looked at.
func (s *session) mayTouch(blends ...string) func(path string) bool {
	policy := gate.Policy{Outside: gate.Outside(s.config.Outside), Roots: s.config.OutsideRoots}
	return policy.Reach(blends...)
}

// openTracer opens the hash cache and a tracer that reads through it. It may touch what is beside blends.
func (s *session) openTracer(blends ...string) (*deps.Tracer, error) {
	cache, err := s.openCache(hashcache.Config{}, false)
	if err != nil {
		return nil, err
	}
	return pipeline.NewTracer(cache, false, s.config.Properties, s.mayTouch(blends...), s.sink)
}

// inOrder does something with each path at the same time, and hands over the results in order.
func inOrder[T any](ctx context.Context, s *session, paths []string,
	do func(*deps.Tracer, context.Context, string) (T, error), each func(T),
) error {
	s.prepareHeap(len(paths))
	tracer, err := s.openTracer(paths...)
	if err != nil {
		return err
	}
	type result struct {
		path  string
		value T
		err   error
	}
	name := func(_ context.Context, pass func(string) error) error {
		for _, path := range paths {
			if err := pass(path); err != nil {
				return err
			}
		}
		return nil
	}
	trace := func(ctx context.Context, path string) result {
		v, err := do(tracer, ctx, path)
		return result{path, v, err}
	}
	failed := 0
	var last error
	s.out.buffer()
	flush := func() { _ = s.out.flush() } // a failure is remembered, and ends ctx
	atOnce := min(tracesAtOnce, len(paths))
	err = pipeline.InOrder(ctx, atOnce, atOnce, name, trace, flush, func(r result) {
		switch {
		case ctx.Err() != nil:
		case r.err != nil:
			failed, last = failed+1, r.err
			s.sink.Emit(report.Error{Code: "trace", Path: r.path, Message: r.err.Error()})
		default:
			each(r.value)
		}
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return cmp.Or(err, partly(failed, len(paths), "blend files could not be read", last))
}

// tracesAtOnce bounds what waits in memory; the tracer itself reads as many files at once as there are cores.
const tracesAtOnce = 32

// treeText shows a blend file, what it names, and the libraries in turn.
func treeText(t *deps.Trace) string {
	uses := make(map[string][]deps.Use)
	for _, b := range t.Blends {
		uses[b.Path] = b.Uses
	}
	var b strings.Builder
	seen := make(map[string]bool)
	var show func(path, indent string)
	show = func(path, indent string) {
		if seen[path] {
			if len(uses[path]) > 0 {
				fmt.Fprintf(&b, "%s(as above)\n", indent)
			}
			return
		}
		seen[path] = true
		shown := make(map[string]bool)
		for _, u := range uses[path] {
			for i, f := range slices.Concat(u.Files, u.Missing) {
				if shown[f] {
					continue
				}
				shown[f] = true
				mark := ""
				if i >= len(u.Files) {
					mark = " MISSING"
				}
				fmt.Fprintf(&b, "%s%s  [%s %s]%s\n", indent, f, u.Kind, u.ID, mark)
				show(filepath.ToSlash(f), indent+"  ")
			}
		}
	}
	fmt.Fprintln(&b, t.Path)
	show(filepath.ToSlash(t.Path), "  ")
	return b.String()
}

// blendEvent is what a render needs to know of a blend file, as an event.
type blendEvent struct{ *deps.Blend }

func (blendEvent) Type() string        { return "blend" }
func (blendEvent) Level() report.Level { return report.Result }
func (e blendEvent) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: Blender %s, compression %s", e.Path, e.Version, e.Compression)
	if e.Old {
		b.WriteString(" (older than 2.7: not all that it says may be understood)")
	}
	for _, s := range e.Scenes {
		mark := " "
		if s.Name == e.ActiveScene {
			mark = "*"
		}
		fmt.Fprintf(&b, "\n %s %-20s frames %d-%d step %d, %g fps, %dx%d at %d%%, %s, %s to %s, camera %s, layers %s",
			mark, s.Name, s.FrameStart, s.FrameEnd, s.FrameStep, float64(s.FPS)/float64(s.FPSBase),
			s.ResolutionX, s.ResolutionY, s.ResolutionPercentage, s.Engine, s.FileFormat, s.Filepath,
			cmp.Or(string(s.Camera), "none"), strings.Join(s.ViewLayers, ", "))
		if s.FileFormat == "" {
			b.WriteString(", a file format that is not known")
		}
		if s.FileFormat == "FFMPEG" && s.Container != "" {
			fmt.Fprintf(&b, ", %s in %s", cmp.Or(s.Codec, "another codec"), s.Container)
		}
	}
	return b.String()
}

func (a *app) inspectCommand() *cobra.Command {
	return a.inSession(&cobra.Command{
		Use: "inspect FILE.blend…", Short: "Show what a render needs to know of blend files: scenes and their settings",
		Example: "  flsync inspect --json shots/*.blend | jq '.scenes[].frame_end'",
	}, func(ctx context.Context, s *session, args []string) error {
		if len(args) == 0 {
			return usagef("name blend files")
		}
		s.list()
		return inOrder(ctx, s, slices.Clone(args), (*deps.Tracer).Inspect, func(b *deps.Blend) {
			s.summary.Files.Total++
			s.sink.Emit(blendEvent{b})
		})
	})
}
