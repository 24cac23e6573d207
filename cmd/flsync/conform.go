package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/conform"
	"github.com/flsync/flsync/submit/manifest"
)

// conformFlags are what `flsync conform` can be told.
type conformFlags struct {
	rules      conform.Rules
	read       conform.Options
	firstFrame string
	mediaStart string
	since      string
	output     string
	jobType    string
	settings   []string
	priority   int
}

func (a *app) conformCommand() *cobra.Command {
	f := conformFlags{}
	cmd := &cobra.Command{
		Use:   "conform EDIT",
		Short: "Make a manifest of the shots and frames that an edit uses",
		Long: `Reads an edit (.otio, .edl or .csv), finds the blend file behind each clip, and writes a manifest with
the frames that the cut shows. Several uses of a shot become one job with all their frames.

The template of --map names pieces in braces. Pieces come from --match patterns with named groups, and
from the clip itself: {name}, {reel}, {file.stem}, {file.dir}, and its metadata. Without --match, a clip
named sq010_sh020_v003 has the sequence sq010 and the shot sh020.

Every clip that leads to no blend file is listed, and the exit code is then 3.`,
		Example: `  flsync conform cut_v12.otio --map 'shots/{sequence}/{shot}.blend' --handles 8 > night.yaml
  flsync conform cut.edl --match 'name=(?P<shot>sh\d+)' --map 'shots/{shot}.blend' --rate 25 --media-start 01:00:00:00 --first-frame 1001
  flsync conform cut_v13.otio --since cut_v12.otio --map 'shots/{shot}.blend' | flsync submit - --set render_output_root=/render`,
		Args: cobra.ExactArgs(1),
		RunE: a.inSession("conform", func(ctx context.Context, s *session, args []string) error {
			s.list()
			return s.conform(&f, args[0])
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.rules.Map, "map", "", "`TEMPLATE` of the blend file's path, such as 'shots/{sequence}/{shot}.blend'")
	flags.StringArrayVar(&f.rules.Patterns, "match", nil, "`FIELD=REGEXP` with named groups; the field is name, reel, file or a metadata key; may be repeated")
	flags.StringVar(&f.rules.Project, "project", ".", "`DIR` that the template is relative to")
	flags.IntVar(&f.rules.Handles, "handles", 0, "`N` frames more on each side of each cut")
	flags.StringVar(&f.firstFrame, "first-frame", "", "the scene's frame `N` that shows the media's first one (default: scene and media number their frames alike)")
	flags.StringVar(&f.mediaStart, "media-start", "", "the media's first frame, as `N` or timecode (default with --first-frame: what the edit says, else 0)")
	flags.Float64Var(&f.rules.FPS, "fps", 0, "the scenes' `RATE`, when it is not the media's")
	flags.Float64Var(&f.read.Rate, "rate", 24, "`RATE` of timecodes in an EDL or CSV")
	flags.BoolVar(&f.read.Cuts, "cuts", false, "leave out what transitions show beyond the cuts")
	flags.StringVar(&f.since, "since", "", "only what is new since this earlier `EDIT`: new shots, and missing frames of others")
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` to write the manifest to (default: standard output)")
	flags.StringVar(&f.jobType, "type", manifest.DefaultType, "job `TYPE`")
	flags.StringArrayVar(&f.settings, "set", nil, "`KEY=VALUE`: a setting of all jobs; may be repeated")
	flags.IntVar(&f.priority, "priority", -1, "priority of all jobs, 0 to 100")
	return cmd
}

func (s *session) conform(f *conformFlags, edit string) error {
	if err := f.parse(); err != nil {
		return err
	}
	plan, err := f.plan(edit)
	if err != nil {
		return err
	}
	found := len(plan.Shots)
	if f.since != "" {
		before, err := f.plan(f.since)
		if err != nil {
			return err
		}
		plan = plan.Since(before)
	}
	for _, p := range plan.Problems {
		s.sink.Emit(report.Warning{Code: "clip", Path: p.Blend, Message: p.String()})
	}
	if shot, ok := plan.Hours(); ok && f.firstFrame == "" && f.mediaStart == "" {
		s.sink.Emit(report.Warning{Code: "timecode", Path: shot.Blend, Message: fmt.Sprintf("%s uses frames %s, which look like timecodes; "+
			"--media-start 01:00:00:00 --first-frame 1001 says that the scene shows the media's first frame at 1001", shot.Blend, shot.Frames)})
	}
	if err := s.writeManifest(f, plan); err != nil {
		return err
	}
	s.summary.Jobs.Total = len(plan.Shots)
	s.summary.Files.Missing = int64(len(plan.Problems))
	switch {
	case len(plan.Problems) > 0 && found == 0:
		return fmt.Errorf("none of %d clips leads to a blend file", len(plan.Problems))
	case len(plan.Problems) > 0:
		return fmt.Errorf("%w: clips that lead to no blend file: %d", pipeline.ErrPartial, len(plan.Problems))
	}
	return nil
}

// parse checks flags before anything is read.
func (f *conformFlags) parse() (err error) {
	if f.firstFrame != "" {
		if f.rules.FirstFrame, err = strconv.Atoi(f.firstFrame); err != nil {
			return usagef("--first-frame: %q is not a whole number", f.firstFrame)
		}
		f.rules.MediaStart = math.NaN() // what the edit says
	}
	if f.mediaStart != "" {
		if f.rules.MediaStart, err = strconv.ParseFloat(f.mediaStart, 64); err != nil {
			frames, err := conform.ParseTimecode(f.mediaStart, f.read.Rate, false)
			if err != nil {
				return usagef("--media-start: %w", err)
			}
			f.rules.MediaStart = float64(frames)
		}
	}
	if err := f.rules.Validate(); err != nil {
		return usageError(err)
	}
	return nil
}

func (f *conformFlags) plan(edit string) (*conform.Conform, error) {
	file, err := os.Open(edit)
	if err != nil {
		return nil, usageError(err)
	}
	defer file.Close()
	clips, err := conform.Read(edit, file, f.read)
	if err != nil {
		return nil, usageError(err)
	}
	return conform.Plan(clips, f.rules)
}

// writeManifest writes the manifest, or with --json an event for each shot.
func (s *session) writeManifest(f *conformFlags, plan *conform.Conform) (err error) {
	if s.json {
		for _, shot := range plan.Shots {
			s.sink.Emit(shotEvent{shot.Name, shot.Blend, shot.Frames.String(), shot.Frames.Count(), shot.Uses})
		}
		if f.output == "" {
			return nil
		}
	}
	settings, err := pairs("--set", f.settings)
	if err != nil {
		return err
	}
	defaults := conform.Defaults{Type: f.jobType, Settings: make(map[string]any)}
	for k, v := range settings {
		defaults.Settings[k] = v
	}
	if f.priority >= 0 {
		defaults.Priority = &f.priority
	}
	var w io.Writer = s.stdout
	project, err := filepath.Abs(f.rules.Project)
	if err != nil {
		return err
	}
	if f.output != "" {
		file, err := os.Create(f.output)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		w = file
	}
	return plan.WriteManifest(w, project, defaults)
}

// shotEvent is a shot of an edit, as an event.
type shotEvent struct {
	Name   string `json:"name"`
	Blend  string `json:"blend"`
	Frames string `json:"frames"`
	Count  int    `json:"count"`
	Uses   int    `json:"uses"`
}

func (shotEvent) Type() string        { return "shot" }
func (shotEvent) Level() report.Level { return report.Result }
func (e shotEvent) Text() string {
	return strings.Join([]string{e.Name, e.Blend, e.Frames}, "\t")
}
