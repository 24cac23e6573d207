package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/openfile"
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
	since      string
	output     string
	jobType    string
	settings   []string
	priority   int
}

func (a *app) conformCommand() *cobra.Command {
	f := conformFlags{}
	cmd := a.inSession(&cobra.Command{
		Use:   "conform EDIT",
		Short: "Make a manifest of the shots and frames that an edit uses",
		Long: `Reads an edit (.otio, .edl, .csv, Final Cut's .xml and .fcpxml, or a .blend file's video sequencer), finds the blend
file behind each clip, and writes a manifest with the frames that the cut shows. Several uses of a shot become
one job with all their frames.

The template of --map names pieces in braces. Pieces come from --match patterns with named groups, and
from the clip itself: {name}, {reel}, {file.stem}, {file.dir}, {media} (the file's name without ending and
frame numbers), and its metadata. Without --match, a clip named sq010_sh020_v003 has the sequence sq010 and
the shot sh020.

Every clip that leads to no blend file, or to frames that its scene does not have, is listed, and the exit code
is then 3.`,
		Example: `  flsync conform cut_v12.otio --map 'shots/{sequence}/{shot}.blend' --handles 8 > night.yaml
  flsync conform cut.edl --match 'name=(?P<shot>sh\d+)' --map 'shots/{shot}.blend' --rate 25 --media-start 01:00:00:00 --first-frame 1001
  flsync conform cut_v13.otio --since cut_v12.otio --map 'shots/{shot}.blend' | flsync submit - --set render_output_root=/render`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, s *session, args []string) error {
		s.list()
		return s.conform(ctx, &f, args[0])
	})
	flags := cmd.Flags()
	flags.StringVar(&f.rules.Map, "map", "", "`TEMPLATE` of the blend file's path, such as 'shots/{sequence}/{shot}.blend'")
	flags.StringArrayVar(&f.rules.Patterns, "match", nil, "`FIELD=REGEXP` with named groups; the field is name, reel, file or a metadata key; may be repeated")
	flags.StringVar(&f.rules.Project, "project", ".", "`DIR` that the template is relative to")
	flags.IntVar(&f.rules.Handles, "handles", 0, "`N` frames more on each side of each cut")
	flags.StringVar(&f.firstFrame, "first-frame", "", "the scene's frame `N` that shows the media's first one (default: the numbers in images' names, else scene and media count alike)")
	flags.StringVar(&f.rules.MediaStart, "media-start", "", "the media's first frame, as `N` or timecode at each clip's rate (default with --first-frame: what the edit says, else 0)")
	flags.Float64Var(&f.rules.FPS, "fps", 0, "the scenes' `RATE`, when it is not the media's")
	flags.BoolVar(&f.rules.Clamp, "clamp", false, "cut to the scene's own frame range what lies beyond it")
	flags.Float64Var(&f.read.Rate, "rate", 0, "`RATE` of timecodes in an EDL or CSV (default 24, or 29.97 with dropped frames)")
	flags.BoolVar(&f.read.Cuts, "cuts", false, "leave out what transitions show beyond the cuts")
	flags.StringVar(&f.since, "since", "", "only what is new since this earlier `EDIT`: new shots, and missing frames of others")
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` to write the manifest to (default: standard output)")
	flags.StringVar(&f.jobType, "type", manifest.DefaultType, "job `TYPE`")
	flags.StringArrayVar(&f.settings, "set", nil, "`KEY=VALUE`: a setting of all jobs; may be repeated")
	flags.IntVar(&f.priority, "priority", -1, "priority of all jobs, 0 to 100")
	return cmd
}

func (s *session) conform(ctx context.Context, f *conformFlags, edit string) error {
	if err := f.parse(); err != nil {
		return err
	}
	tracer, err := s.openTracer()
	if err != nil {
		return err
	}
	f.rules.Scene = func(path string) (conform.Scene, error) { return sceneOf(ctx, tracer, path) }
	plan, err := f.plan(ctx, tracer, edit)
	if err != nil {
		return err
	}
	found := len(plan.Shots)
	if f.since != "" {
		before, err := f.plan(ctx, tracer, f.since)
		if err != nil {
			return err
		}
		plan = plan.Since(before)
	}
	for _, n := range plan.Notes {
		s.sink.Emit(report.Warning{Code: n.Code, Path: n.Path, Message: n.Text})
	}
	for _, p := range plan.Problems {
		s.sink.Emit(report.Warning{Code: "clip", Path: p.Blend, Message: p.String()})
	}
	if err := s.writeManifest(f, edit, plan); err != nil {
		return err
	}
	s.summary.Jobs.Total = len(plan.Shots)
	s.summary.Files.Missing = int64(len(plan.Problems))
	switch {
	case len(plan.Problems) > 0 && found == 0:
		return fmt.Errorf("none of %d clips gives frames to render; the warnings say why", len(plan.Problems))
	case len(plan.Problems) > 0:
		return fmt.Errorf("%w: clips left out or guessed: %d; the warnings say why", pipeline.ErrPartial, len(plan.Problems))
	}
	return nil
}

// sceneOf returns the frames and the rate of a blend file's active scene.
func sceneOf(ctx context.Context, tracer *deps.Tracer, path string) (conform.Scene, error) {
	b, err := tracer.Inspect(ctx, path)
	if err != nil {
		return conform.Scene{}, err
	}
	for _, scene := range b.Scenes {
		if scene.Name == b.ActiveScene && !scene.Linked {
			return conform.Scene{
				Range: conform.Span{First: scene.FrameStart, Last: scene.FrameEnd},
				FPS:   conform.Rate(float64(scene.FPS) / float64(scene.FPSBase)),
			}, nil
		}
	}
	return conform.Scene{}, errors.New("it has no scene")
}

// parse checks flags before anything is read.
func (f *conformFlags) parse() error {
	if f.firstFrame != "" {
		first, err := strconv.Atoi(f.firstFrame)
		if err != nil {
			return usagef("--first-frame: %q is not a whole number", f.firstFrame)
		}
		f.rules.FirstFrame = &first
	}
	if err := f.rules.Validate(); err != nil {
		return usageError(err)
	}
	return nil
}

func (f *conformFlags) plan(ctx context.Context, tracer *deps.Tracer, edit string) (*conform.Conform, error) {
	read, err := f.readEdit(ctx, tracer, edit)
	if err != nil {
		return nil, usageError(err)
	}
	plan, err := conform.Plan(read, f.rules)
	if errors.Is(err, conform.ErrNoPicture) {
		err = fmt.Errorf("%s: %w", edit, err)
	}
	if err != nil {
		return nil, usageError(err)
	}
	return plan, nil
}

func (f *conformFlags) readEdit(ctx context.Context, tracer *deps.Tracer, edit string) (*conform.Edit, error) {
	if strings.EqualFold(filepath.Ext(edit), ".blend") {
		shown, err := tracer.Edit(ctx, edit)
		if err != nil {
			return nil, err
		}
		if len(shown.Strips) == 0 {
			return nil, fmt.Errorf("%s: scene %s: %w", edit, shown.Scene, conform.ErrNoPicture)
		}
		return stripsToEdit(shown), nil
	}
	file, err := openfile.Named(edit)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return conform.Read(edit, file, f.read)
}

// writeManifest writes the manifest, or with --json an event for each shot.
func (s *session) writeManifest(f *conformFlags, edit string, plan *conform.Conform) error {
	if s.json {
		for _, shot := range plan.Shots {
			s.sink.Emit(shotEvent{shot.Name, shot.Blend, shot.Frames.String(), shot.Frames.Count(), len(shot.From), filepath.Base(edit), shot.From})
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
	project, err := filepath.Abs(f.rules.Project)
	if err != nil {
		return err
	}
	folder, err := filepath.Abs(filepath.Dir(f.output)) // of standard output: here
	if err != nil {
		return err
	}
	write := func(w io.Writer) error { return plan.WriteManifest(w, folder, project, edit, defaults) }
	if f.output == "" {
		return write(s.stdout)
	}
	return writeFile(f.output, 0o666, write)
}

// shotEvent is a shot of an edit, as an event.
type shotEvent struct {
	Name   string `json:"name"`
	Blend  string `json:"blend"`
	Frames string `json:"frames"`
	Count  int    `json:"count"`
	Uses   int    `json:"uses"`

	// Edit is the edit's file name, and From where in it the shot is shown.
	Edit string        `json:"edit"`
	From []conform.Use `json:"from"`
}

func (shotEvent) Type() string        { return "shot" }
func (shotEvent) Level() report.Level { return report.Result }
func (e shotEvent) Text() string {
	return strings.Join([]string{e.Name, e.Blend, e.Frames}, "\t")
}

// stripsToEdit hands what deps reads in a video sequencer to conform. Image strips have the scene's frames in
// the names of their files; scene strips name scenes of libraries, which are the shots.
func stripsToEdit(shown *deps.Edit) *conform.Edit {
	edit := &conform.Edit{}
	file, rate := filepath.Base(shown.Path), conform.Rate(shown.FPS)
	for _, s := range shown.Strips {
		c := conform.Clip{
			Name: s.Name, File: s.File, Event: s.Name, RecordIn: strconv.Itoa(s.Start), Where: fmt.Sprintf("%s: channel %d, frame %d", file, s.Channel, s.Start),
			Metadata: map[string]string{"channel": strconv.Itoa(s.Channel)},
		}
		if s.Note != "" {
			edit.Notes = append(edit.Notes, conform.Note{Code: "retimed", Path: shown.Path, Text: c.Where + ": " + s.Name + ": " + s.Note})
		}
		if s.Problem != "" {
			edit.Problems = append(edit.Problems, conform.Problem{Clip: s.Name, Where: c.Where, Reason: s.Problem})
			continue
		}
		first, count := int64(s.First), int64(s.Last-s.First+1)
		c.Source, c.Available = conform.NewRange(first, count, rate), conform.NewRange(0, int64(s.Length), rate)
		switch {
		case s.Scene != "":
			c.Blend, c.Source = s.SceneFile, conform.NewRange(int64(s.SceneStart)+first, count, rate)
		case s.Kind == deps.KindImage:
			c.ByFrame = true
			if low, high, ok := imageNumbers(s.Images); ok {
				zero := low - first // the number of the strip's first image
				c.Source, c.Available.Start, c.FirstNumber = conform.NewRange(low, high-low+1, rate), conform.NewRange(zero, 0, rate).Start, &zero
			}
			if s.Name == filepath.Base(s.File) {
				c.Name = "" // conform takes the name of the sequence
			}
		case s.FPS > 0:
			own := conform.Rate(s.FPS)
			c.Source, c.Available, c.EditRate = conform.NewRange(first, count, own), conform.NewRange(0, int64(s.Length), own), rate
		}
		edit.Clips = append(edit.Clips, c)
	}
	return edit
}

// imageNumbers returns the lowest and highest frame number in the names of images, if all have one.
func imageNumbers(names []string) (low, high int64, ok bool) {
	for i, name := range names {
		n := conform.ImageNumber(name)
		if n == nil {
			return 0, 0, false
		}
		if i == 0 {
			low, high = *n, *n
		}
		low, high = min(low, *n), max(high, *n)
	}
	return low, high, len(names) > 0
}
