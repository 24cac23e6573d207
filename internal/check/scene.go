package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/pattern"
	"github.com/flsync/flsync/internal/place"
)

// A Shot is what is known of a job before it is sent.
type Shot struct {
	Name        string
	Type        string // job type
	Frames      string // the job's frames; "" for the scene's range
	Scene       string // the scene to render; "" for the file's active one
	Trace       *deps.Trace
	FarmBlender string // version of Blender on the farm, such as "4.5"; "" if it is not known
	EditFrames  []int  // frames that the edit shows; nil without an edit
	NoScripts   bool   // the farm's Blender runs no scripts of blend files
}

// scene returns the scene that is rendered; nil if there is none.
func (s *Shot) scene() *deps.Scene {
	b := &s.Trace.Blend
	if s.Scene == "" {
		return b.Active()
	}
	i := slices.IndexFunc(b.Scenes, func(scene deps.Scene) bool { return scene.Name == s.Scene })
	if i < 0 {
		return nil
	}
	return &b.Scenes[i]
}

const (
	fewSamples   = 16
	fullSize     = 100 // percent
	frameLimit   = 1 << 20
	simpleRender = "simple-blender-render"
)

// Facts finds what would go wrong with a shot by the facts of its blend file.
func Facts(s Shot) (lacks []deps.Lack) {
	b := &s.Trace.Blend
	scene := s.scene()
	add := func(code, format string, args ...any) {
		l := New(code, s.Trace.Path, format, args...)
		if scene != nil {
			l.Scene = scene.Name
		}
		lacks = append(lacks, l)
	}
	if newer(b.Version, s.FarmBlender) {
		add(NewerBlender, "the file was saved by Blender %s, and the farm has %s", b.Version, s.FarmBlender)
	}
	if list := b.Scripts; s.NoScripts && len(list) > 0 {
		add(Scripts, "the farm's Blender runs no scripts of blend files, and this has %d, such as %s", len(list), list[0])
	}
	if paths := absolutePaths(s.Trace); len(paths) > 0 {
		add(AbsolutePaths, "%d paths are absolute, such as %s", len(paths), paths[0])
	}
	if scene == nil {
		add(NoScene, "the blend file has no scene of its own to render")
		return lacks
	}
	cameraMarker := slices.ContainsFunc(scene.Markers, func(m deps.Marker) bool { return m.Camera != "" })
	width, height := scene.ResolutionX*scene.ResolutionPercentage/fullSize, scene.ResolutionY*scene.ResolutionPercentage/fullSize
	strips := scene.UseSequencer && scene.HasStrips
	if scene.Camera == "" && !cameraMarker && !strips {
		add(NoCamera, "there is no active camera")
	}
	if scene.UseBorder {
		add(Border, "only the region from %g,%g to %g,%g is rendered%s", scene.BorderMinX, scene.BorderMinY, scene.BorderMaxX, scene.BorderMaxY,
			map[bool]string{true: ", and the picture is cropped to it"}[scene.UseCropToBorder])
	}
	if p := scene.ResolutionPercentage; p < fullSize {
		add(Percentage, "pictures are rendered at %d%%: %d×%d", p, width, height)
	}
	if (width%2 != 0 || height%2 != 0) && (scene.IsMovie || s.Type == simpleRender) {
		add(OddSize, "pictures have %d×%d pixels; movies, also the job type's preview, need even numbers", width, height)
	}
	if scene.UseSimplify {
		add(Simplify, "Simplify is on")
	}
	if n := scene.Samples; scene.Engine == "CYCLES" && n < fewSamples {
		add(FewSamples, "samples of a pixel: %d", n)
	}
	if scene.IsMovie {
		add(Movie, "it renders to a movie (%s), and each task of the job would write it", scene.FileFormat)
	}
	checkRange(&s, scene, add)
	if used := func(l deps.ViewLayer) bool { return l.Use }; len(scene.Layers) > 0 && !slices.ContainsFunc(scene.Layers, used) {
		add(NoLayer, "none of %d view layers is rendered", len(scene.Layers))
	}
	if scene.HasCompositor && scene.UseCompositing && !scene.HasCompositeOutput && !strips {
		add(NoOutput, "the compositor has no output, and Blender renders nothing")
	}
	switch scene.Engine {
	case "CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH", "":
	default:
		add(AddOnEngine, "it renders with %s, an add-on", scene.Engine)
	}
	return lacks
}

// checkRange is about frames: of the scene, of the job, and of the edit.
func checkRange(s *Shot, scene *deps.Scene, add func(code, format string, args ...any)) {
	first, last := scene.FrameStart, scene.FrameEnd
	if last < first {
		add(FrameRange, "the range %d to %d is reversed", first, last)
	} else if last == first && s.Frames == "" {
		add(FrameRange, "the range is the single frame %d", first)
	}
	if s.EditFrames == nil {
		return
	}
	rendered := func(f int) bool { return f >= first && f <= last && (f-first)%max(scene.FrameStep, 1) == 0 }
	if s.Frames != "" {
		set := frameSet(s.Frames)
		rendered = func(f int) bool { return set[f] }
	}
	lacking := slices.DeleteFunc(slices.Clone(s.EditFrames), rendered)
	if len(lacking) > 0 {
		add(EditRange, "the edit shows %d frames that are not rendered, from %d to %d", len(lacking), lacking[0], lacking[len(lacking)-1])
	}
}

// frameSet reads frames as Flamenco's job types take them: "1-48,60".
func frameSet(text string) map[int]bool {
	set := make(map[int]bool)
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, err := strconv.Atoi(from)
		last := first
		if isRange && err == nil {
			last, err = strconv.Atoi(to)
		}
		if err != nil || last-first > frameLimit {
			continue // checking the settings reports it
		}
		for f := first; f <= last; f++ {
			set[f] = true
		}
	}
	return set
}

var versionForm = pattern.Lazy(`^(\d+)\.(\d+)`)

// ValidVersion reports whether text is a version of Blender such as "4.5" or "4.5.1".
func ValidVersion(text string) bool { return versionForm().MatchString(text) }

// newer reports whether version is later than farm; versions are as Blender shows them.
func newer(version, farm string) bool {
	v, f := versionForm().FindStringSubmatch(version), versionForm().FindStringSubmatch(farm)
	if v == nil || f == nil {
		return false
	}
	for i := 1; i < len(v); i++ {
		a, _ := strconv.Atoi(v[i])
		b, _ := strconv.Atoi(f[i])
		if a != b {
			return a > b
		}
	}
	return false
}

// absolutePaths returns paths in blend files of a trace that are absolute on some system.
func absolutePaths(t *deps.Trace) (list []string) {
	for _, b := range t.Blends {
		for _, u := range b.Uses {
			p := u.Path
			if place.HasDrive(p) || strings.HasPrefix(p, `\\`) || strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "//") {
				list = append(list, p)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
