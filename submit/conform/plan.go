package conform

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flsync/flsync/submit/internal/jobname"
)

// Rules are a studio's conventions: which blend file is behind a clip, and how frames of media relate to
// frames of a scene.
type Rules struct {
	Map      string   // template, such as "shots/{sequence}/{shot}.blend", relative to Project
	Patterns []string // "FIELD=REGEXP" with named groups
	Project  string   // folder

	// Handles is how many frames before and after each cut are rendered too. Default 0.
	Handles int

	// FirstFrame is the scene's frame that shows the media's first one. Default 0: frames of the media
	// and of the scene have the same numbers, when MediaStart is 0 too.
	FirstFrame int

	// MediaStart is the media's first frame, in frames of the media; its timecode's, for example. NaN:
	// the start of the clip's available range, or 0 where the edit does not say.
	MediaStart float64

	// FPS is the scenes' frame rate. Default 0: that of each clip's media.
	FPS float64
}

// Validate says what is wrong with the rules.
func (r Rules) Validate() error {
	var errs []error
	if _, err := newMapping(r.Map, r.Patterns); err != nil {
		errs = append(errs, err)
	}
	if r.Handles < 0 {
		errs = append(errs, fmt.Errorf("handles of %d frames make no sense", r.Handles))
	}
	if r.FPS < 0 || math.IsNaN(r.FPS) || math.IsInf(r.FPS, 0) {
		errs = append(errs, fmt.Errorf("a rate of %g frames a second makes no sense", r.FPS))
	}
	return errors.Join(errs...)
}

// Shot is a blend file and the frames of it that the edit uses.
type Shot struct {
	Blend  string // slash path below the project
	Name   string
	Frames Frames
	Uses   int // clips
}

// Problem is a clip that leads to no shot.
type Problem struct {
	Clip   string
	Where  string
	Blend  string // what it maps to, if it maps to anything
	Reason string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s: clip %q: %s", p.Where, p.Clip, p.Reason)
}

// Conform is what an edit needs, in the order in which the edit first shows each shot.
type Conform struct {
	Shots    []Shot
	Problems []Problem
}

// Plan works out the shots of an edit. Several uses of one blend file become one shot with the union of
// their frames.
func Plan(clips []Clip, r Rules) (*Conform, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	m, err := newMapping(r.Map, r.Patterns)
	if err != nil {
		return nil, err
	}
	r.FPS = ntsc(r.FPS)
	var order []string
	spans := make(map[string][]Span)
	plan := &Conform{}
	for _, c := range clips {
		blend, err := m.blend(c)
		if err != nil {
			plan.Problems = append(plan.Problems, Problem{c.Name, c.Where, "", err.Error()})
			continue
		}
		span, err := r.span(c)
		if err != nil {
			plan.Problems = append(plan.Problems, Problem{c.Name, c.Where, blend, err.Error()})
			continue
		}
		info, err := os.Stat(filepath.Join(r.Project, filepath.FromSlash(blend)))
		if err != nil || !info.Mode().IsRegular() {
			plan.Problems = append(plan.Problems, Problem{c.Name, c.Where, blend, blend + ": " + reason(err)})
			continue
		}
		if spans[blend] == nil {
			order = append(order, blend)
		}
		spans[blend] = append(spans[blend], span)
	}
	names := jobname.Distinct(order)
	for _, blend := range order {
		plan.Shots = append(plan.Shots, Shot{Blend: blend, Name: names[blend], Frames: union(spans[blend]), Uses: len(spans[blend])})
	}
	return plan, nil
}

func reason(err error) string {
	switch {
	case err == nil:
		return "not a file"
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	}
	return err.Error()
}

// maxFrame bounds the frame numbers that are believed; Blender's own limit is 1,048,574.
const maxFrame = 1 << 30

// span is the frames of the scene that c shows, with handles. Frames below 0 are left out: Flamenco's
// frame ranges cannot say them.
func (r Rules) span(c Clip) (Span, error) {
	if c.Source.Rate <= 0 || c.Source.Duration < 0 {
		return Span{}, errors.New("the edit says neither which part of it is used nor how long its media is")
	}
	start := r.MediaStart
	if math.IsNaN(start) {
		start = c.Available.Start
		if c.Available.Rate > 0 {
			start *= c.Source.Rate / c.Available.Rate
		}
	}
	if far := math.Abs(c.Source.Start) + math.Abs(start) + c.Source.Duration; !(far < maxFrame && far*r.FPS/c.Source.Rate < maxFrame) {
		return Span{}, fmt.Errorf("it uses frame %g and %g more, which no media has", c.Source.Start, c.Source.Duration)
	}
	s := c.Source.span(start, r.FirstFrame, r.FPS)
	if s.Last < 0 {
		return Span{}, fmt.Errorf("it uses frames %d to %d of the scene, which Flamenco cannot render; see --first-frame and --media-start", s.First, s.Last)
	}
	return Span{max(0, s.First-r.Handles), s.Last + r.Handles}, nil
}

// Hours returns a shot whose frames all lie an hour and more into the media, if there is one. Frames of a
// scene do not; timecodes, which by custom begin at 01:00:00:00, do.
func (c *Conform) Hours() (Shot, bool) {
	const hour = 60 * 60 * 23 // at the lowest rate
	for _, s := range c.Shots {
		if s.Frames[0].First >= hour {
			return s, true
		}
	}
	return Shot{}, false
}

// Since keeps only what a cut needs beyond an earlier one: new shots, and of the others the frames that
// were not asked for before.
func (c *Conform) Since(before *Conform) *Conform {
	had := make(map[string]Frames)
	for _, s := range before.Shots {
		had[s.Blend] = s.Frames
	}
	changed := &Conform{Problems: c.Problems}
	for _, s := range c.Shots {
		if s.Frames = s.Frames.minus(had[s.Blend]); len(s.Frames) > 0 {
			changed.Shots = append(changed.Shots, s)
		}
	}
	return changed
}

// Defaults go into the manifest's "defaults" as they are.
type Defaults struct {
	Type     string         `yaml:"type,omitempty"`
	Priority *int           `yaml:"priority,omitempty"`
	Settings map[string]any `yaml:"settings,omitempty"`
}

// WriteManifest writes a manifest of one job a shot, for people to read and change.
func (c *Conform) WriteManifest(w io.Writer, project string, d Defaults) error {
	type job struct {
		Blend    string            `yaml:"blend"`
		Name     string            `yaml:"name"`
		Settings map[string]string `yaml:"settings"`
	}
	manifest := struct {
		Version  int      `yaml:"version"`
		Project  string   `yaml:"project"`
		Defaults Defaults `yaml:"defaults"`
		Jobs     []job    `yaml:"jobs"`
	}{Version: 1, Project: project, Defaults: d, Jobs: []job{}}
	for _, s := range c.Shots {
		manifest.Jobs = append(manifest.Jobs, job{s.Blend, s.Name, map[string]string{"frames": s.Frames.String()}})
	}
	for _, p := range c.Problems {
		if _, err := fmt.Fprintf(w, "# left out: %s\n", strings.ReplaceAll(p.String(), "\n", " ")); err != nil {
			return err
		}
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(manifest); err != nil {
		return err
	}
	return enc.Close()
}
