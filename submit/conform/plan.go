package conform

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/submit/internal/jobname"
)

// Rules are a studio's conventions: which blend file is behind a clip, and how frames of media relate to
// frames of a scene.
type Rules struct {
	Map      string   // template, such as "shots/{sequence}/{shot}.blend", relative to Project; clips with a Blend need none
	Patterns []string // "FIELD=REGEXP" with named groups
	Project  string   // folder

	// Handles is how many frames before and after each cut are rendered too. Default 0.
	Handles int

	// FirstFrame is the scene's frame that shows the media's first one. Default nil: the numbers in the names of
	// an image sequence, else frames of the media and of the scene have the same numbers, less MediaStart.
	FirstFrame *int

	// MediaStart is the media's first frame: a number, or a timecode at each clip's own rate. Default "":
	// with FirstFrame the start of the clip's available range, or 0 where the edit does not say.
	MediaStart string

	// FPS is the scenes' frame rate. Default 0: that of each clip's media.
	FPS float64

	// Scene returns what a blend file's active scene says. Its error is a note, not a problem: submitting tells.
	// Default nil: scenes are not compared with the edit.
	Scene func(path string) (Scene, error)

	// Clamp cuts to the scene's own range what lies beyond it. By default this is a problem.
	Clamp bool
}

// Scene is what a blend file says of the frames that it renders.
type Scene struct {
	Range Span
	FPS   Rational
}

// Validate says what is wrong with the rules.
func (r Rules) Validate() error {
	var errs []error
	if r.Map != "" || len(r.Patterns) > 0 {
		_, err := newMapping(r.Map, r.Patterns)
		errs = append(errs, err)
	}
	if r.Handles < 0 || r.Handles > maxFrame {
		errs = append(errs, fmt.Errorf("handles of %d frames make no sense", r.Handles))
	}
	if r.FPS < 0 || r.FPS > 1000 || math.IsNaN(r.FPS) {
		errs = append(errs, fmt.Errorf("a rate of %g frames a second makes no sense", r.FPS))
	}
	if r.FirstFrame != nil && (*r.FirstFrame < -maxFrame || *r.FirstFrame > maxFrame) {
		errs = append(errs, fmt.Errorf("frame %d is none that Blender has", *r.FirstFrame))
	}
	if _, _, err := frame(r.MediaStart, frames(60), false); r.MediaStart != "" && err != nil {
		errs = append(errs, fmt.Errorf("the media's start: %w", err))
	}
	return errors.Join(errs...)
}

// Shot is a blend file and the frames of it that the edit uses.
type Shot struct {
	Blend  string // slash path below the project
	Name   string
	Frames Frames
	From   []Use
}

// Use is a clip that shows a shot.
type Use struct {
	Event    string `json:"event,omitempty"` // its number in the edit
	RecordIn string `json:"record_in,omitempty"`
	Clip     string `json:"clip,omitempty"`
	Frames   Span   `json:"-"`
}

// Problem is a clip that leads to no shot.
type Problem struct {
	Clip   string
	Where  string
	Blend  string // what it maps to, if it maps to anything
	Reason string
}

func (p Problem) String() string {
	if p.Clip == "" {
		return p.Where + ": " + p.Reason
	}
	return fmt.Sprintf("%s: clip %q: %s", p.Where, p.Clip, p.Reason)
}

// Conform is what an edit needs, in the order in which the edit first shows each shot.
type Conform struct {
	Shots    []Shot
	Problems []Problem
	Notes    []Note
}

// planner works out the shots of one edit.
type planner struct {
	Rules
	fps    Rational
	plan   Conform
	scenes map[string]*Scene // nil: could not be read
	noted  map[string]bool   // codes of notes that are told once
}

// Plan works out the shots of an edit. Several uses of one blend file become one shot with the union of their
// frames. The error is ErrNoPicture, that of Rules.Validate, or that the clips need a mapping and there is
// none.
func Plan(edit *Edit, r Rules) (*Conform, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	m, err := newMapping(r.Map, r.Patterns)
	if err != nil && !slices.ContainsFunc(edit.Clips, func(c Clip) bool { return c.Blend != "" }) && len(edit.Clips) > 0 {
		return nil, err
	}
	p := planner{Rules: r, fps: Rate(r.FPS), scenes: make(map[string]*Scene), noted: make(map[string]bool)}
	p.plan.Problems = slices.Clone(edit.Problems)
	p.plan.Notes = slices.Clone(edit.Notes)
	var order []string
	uses := make(map[string][]Use)
	for _, c := range edit.Clips {
		blend, span, err := p.clip(m, c)
		if err != nil && c.Generated && (blend == "" || p.missing(blend)) {
			p.note("generated", "", "%s: clip %q is left out: the editing system makes it (a title, a colour, black), and no blend file has its name", c.Where, c.Name)
			continue
		}
		if err != nil {
			p.plan.Problems = append(p.plan.Problems, Problem{c.Name, c.Where, blend, err.Error()})
			continue
		}
		if uses[blend] == nil {
			order = append(order, blend)
		}
		uses[blend] = append(uses[blend], Use{c.Event, c.RecordIn, c.Name, span})
	}
	if len(order)+len(p.plan.Problems) == 0 && len(edit.Clips) > 0 {
		return nil, fmt.Errorf("%w: the editing system itself makes all that it shows", ErrNoPicture)
	}
	names := jobname.Distinct(order)
	for _, blend := range order {
		var spans []Span
		for _, u := range uses[blend] {
			spans = append(spans, u.Frames)
		}
		p.plan.Shots = append(p.plan.Shots, Shot{Blend: blend, Name: names[blend], Frames: union(spans), From: uses[blend]})
	}
	return &p.plan, nil
}

// clip returns the blend file behind a clip, and the frames of it that are to be rendered.
func (p *planner) clip(m *mapping, c Clip) (string, Span, error) {
	blend, err := p.below(c.Blend)
	switch {
	case c.Blend != "":
	case m == nil:
		err = errors.New("the edit does not name its blend file, and there is no --map")
	default:
		blend, err = m.blend(c)
	}
	if err != nil {
		return "", Span{}, err
	}
	if stem := mediaStem(c.Name); m != nil && stem != c.Name && p.missing(blend) && (movieEnding().MatchString(c.Name) || imageEnding().MatchString(c.Name)) {
		c.Name = stem // it has the name of its media's file
		if other, err := m.blend(c); err == nil && !p.missing(other) {
			blend = other
		}
	}
	cut, err := p.span(blend, c)
	if err != nil {
		return blend, Span{}, err
	}
	path := p.path(blend)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return blend, Span{}, errors.New(blend + ": " + reason(err))
	}
	whole := Span{cut.First - p.Handles, cut.Last + p.Handles}
	if whole, err = p.meet(blend, path, c, cut, whole); err != nil {
		return blend, Span{}, err
	}
	if whole.First = max(0, whole.First); whole.Last > maxFrame {
		return blend, Span{}, fmt.Errorf("it uses frames %s of the scene, and Blender has none beyond %d; see --first-frame and --media-start", whole, maxFrame)
	}
	return blend, whole, nil
}

func (p *planner) path(blend string) string {
	return filepath.Join(p.Project, filepath.FromSlash(blend))
}

func (p *planner) missing(blend string) bool {
	_, err := os.Stat(p.path(blend))
	return errors.Is(err, fs.ErrNotExist)
}

// below makes a path that the edit itself names one below the project.
func (p *planner) below(blend string) (string, error) {
	if blend == "" || !filepath.IsAbs(blend) {
		return filepath.ToSlash(blend), nil
	}
	project, err := filepath.Abs(p.Project)
	if err != nil {
		return "", err
	}
	rel, ok := place.Inside(project, filepath.Clean(blend))
	if !ok {
		return "", fmt.Errorf("%s is not below the project %s; see --project", blend, project)
	}
	return rel, nil
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

const (
	// maxFrame is the last frame that a scene of Blender can have.
	maxFrame = 1_048_574
	// maxTime bounds the times of an edit, in frames.
	maxTime = 1 << 30
)

// span is the frames of the scene that c shows. Frames below 0 are left out: Flamenco's frame ranges cannot
// say them.
func (p *planner) span(blend string, c Clip) (Span, error) {
	rate := c.Source.Rate
	if rate.sign() <= 0 || c.Source.Duration.sign() < 0 {
		return Span{}, errors.New("the edit says neither which part of it is used nor how long its media is")
	}
	fps, first, start := p.fps, int64(0), Rational{}
	switch byRule := p.FirstFrame != nil || p.MediaStart != ""; {
	case c.Blend != "":
		fps = Rational{}
	case !byRule && c.FirstNumber != nil:
		fps, first, start = Rational{}, *c.FirstNumber, c.Available.Start
	case p.MediaStart != "":
		var err error
		if start, _, err = frame(p.MediaStart, rate, c.Drop); err != nil {
			return Span{}, fmt.Errorf("--media-start: %w", err)
		}
	case byRule:
		start = c.Available.Start
	}
	if p.FirstFrame != nil && c.Blend == "" {
		first = int64(*p.FirstFrame)
	}
	most := frames(maxTime)
	if far := c.Source.Start.abs().add(start.abs()).add(c.Source.Duration); far.cmp(most) > 0 || far.mul(fps).div(rate).cmp(most) > 0 || first > maxTime {
		return Span{}, fmt.Errorf("it uses frame %s and %s more, which no media has", c.Source.Start, c.Source.Duration)
	}
	s := c.Source.span(start, first, fps)
	p.noteOddities(blend, c, s)
	switch {
	case s.Last < 0:
		return Span{}, fmt.Errorf("it uses frames %d to %d of the scene, which Flamenco cannot render; see --first-frame and --media-start", s.First, s.Last)
	case s.First < 0:
		p.note("below-zero", blend, "%s: clip %q uses frames %d to -1 of the scene, which are left out: Flamenco cannot render them", c.Where, c.Name, s.First)
		s.First = 0
	}
	return s, nil
}

// noteOddities notes what is odd about a clip's frames, each kind once.
func (p *planner) noteOddities(blend string, c Clip, s Span) {
	if c.EditRate.sign() > 0 && !c.EditRate.Equal(c.Source.Rate) && !c.ByFrame {
		p.once("rates", blend, "%s: clip %q has media of %s frames a second in an edit of %s, and others may have too; frames are the media's",
			c.Where, c.Name, c.Source.Rate, c.EditRate)
	}
	// Frames of a scene do not lie hours into it; timecodes, which by custom begin at 01:00:00:00, do.
	hour := nominal(c.Source.Rate) * 3600
	if p.FirstFrame != nil || p.MediaStart != "" || c.FirstNumber != nil || c.ByFrame || int64(s.First) < hour*23/24 {
		return
	}
	separator, first := ":", "--media-start "
	if c.Drop && (hour == 30*3600 || hour == 60*3600) {
		separator, hour = ";", hour-hour/1000
	}
	begin := max(1, c.Source.Start.floor()/hour)
	switch {
	case c.Available.Duration.sign() > 0:
		first = ""
	case separator == ";":
		first += fmt.Sprintf("'%02d:00:00;00' ", begin)
	default:
		first += fmt.Sprintf("%02d:00:00:00 ", begin)
	}
	p.once("timecode", blend, "%s uses frames %s, which look like timecodes; %s--first-frame 1001 says that the scene shows the media's first frame at 1001",
		blend, s, first)
}

func (p *planner) note(code, path, format string, args ...any) {
	p.plan.Notes = append(p.plan.Notes, Note{code, path, fmt.Sprintf(format, args...)})
}

// once notes something unless another clip was it before.
func (p *planner) once(code, path, format string, args ...any) {
	if !p.noted[code] {
		p.noted[code] = true
		p.note(code, path, format, args...)
	}
}

// meet compares frames with the scene's own, which is right where they differ.
func (p *planner) meet(blend, path string, c Clip, cut, whole Span) (Span, error) {
	scene, known := p.scenes[blend]
	if !known && p.Scene != nil {
		s, err := p.Scene(path)
		if scene = &s; err != nil {
			scene = nil
			p.note("scene", blend, "%s: its frames are not compared with the edit: %v", blend, err)
		}
		p.scenes[blend] = scene
	}
	if scene == nil {
		return whole, nil
	}
	hint := ""
	if c.Hint != "" {
		hint = "; " + c.Hint
	}
	exact := c.Blend != "" || c.ByFrame && p.FPS == 0
	switch rate := positive(p.fps, c.Source.Rate); {
	case exact || rate.Equal(scene.FPS):
	case p.FPS > 0:
		p.once("fps", blend, "%s runs at %s frames a second, and others may not be at %s either, as --fps says", blend, scene.FPS, rate)
	case c.FirstNumber != nil && p.FirstFrame == nil && p.MediaStart == "":
		p.once("fps", blend, "%s runs at %s frames a second, its images in the edit at %s; the names of the images say which frames they are",
			blend, scene.FPS, rate)
	default:
		return whole, fmt.Errorf("its media runs at %s frames a second (frames %s), the scene at %s (frames %s): --fps %s converts, --fps %s takes one for one%s",
			rate, cut, scene.FPS, scene.Range, scene.FPS, rate, hint)
	}
	switch {
	case scene.Range.First <= whole.First && whole.Last <= scene.Range.Last:
		return whole, nil
	case !cut.meets(scene.Range):
		return whole, fmt.Errorf("it uses frames %s, none of the scene's %s%s", cut, scene.Range, hint)
	case p.Clamp:
		return Span{max(whole.First, scene.Range.First), min(whole.Last, scene.Range.Last)}, nil
	case whole != cut:
		return whole, fmt.Errorf("it uses frames %s, with handles %s, and the scene has %s; --clamp cuts to it%s", cut, whole, scene.Range, hint)
	}
	return whole, fmt.Errorf("it uses frames %s, and the scene has %s; --clamp cuts to it%s", cut, scene.Range, hint)
}

// Since keeps only what a cut needs beyond an earlier one: new shots, and of the others the frames that
// were not asked for before.
func (c *Conform) Since(before *Conform) *Conform {
	had := make(map[string]Frames)
	for _, s := range before.Shots {
		had[s.Blend] = s.Frames
	}
	changed := &Conform{Problems: c.Problems, Notes: c.Notes}
	for _, s := range c.Shots {
		if s.Frames = s.Frames.minus(had[s.Blend]); len(s.Frames) > 0 {
			changed.Shots = append(changed.Shots, s)
		}
	}
	return changed
}

// places lists the events and times in the edit that show a shot, for a job's metadata.
func (s *Shot) places() (events, times string) {
	const most = 20
	var e, t []string
	for i, u := range s.From {
		if i == most {
			e, t = append(e, fmt.Sprintf("and %d more", len(s.From)-most)), append(t, "…")
			break
		}
		e, t = append(e, u.Event), append(t, u.RecordIn)
	}
	return strings.Trim(strings.Join(e, ", "), ", "), strings.Trim(strings.Join(t, ", "), ", ")
}

// plain makes text of an edit fit for comments and for strings in which braces mean something.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '{':
			return '('
		case r == '}':
			return ')'
		case !strconv.IsPrint(r):
			return ' '
		}
		return r
	}, text)
}
