package check

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps"
)

// good is a scene that nothing is wrong with.
func good() deps.Scene {
	return deps.Scene{Name: "Scene", FrameStart: 1, FrameEnd: 48, FrameStep: 1, ResolutionX: 1920, ResolutionY: 1080, ResolutionPercentage: 100,
		Engine: "CYCLES", Samples: 128, Camera: "Camera", Layers: []deps.ViewLayer{{Name: "ViewLayer", Use: true}}}
}

func shot(change func(*deps.Scene)) Shot {
	scene := good()
	if change != nil {
		change(&scene)
	}
	blend := deps.Blend{Path: "/p/sh010.blend", Version: "4.2", ActiveScene: "Scene", Scenes: []deps.Scene{scene}}
	return Shot{Name: "sh010", Type: simpleRender, Trace: &deps.Trace{Path: blend.Path, Blend: blend}}
}

func codesOf(lacks []deps.Lack) (list []string) {
	for _, l := range lacks {
		list = append(list, l.Code)
	}
	return list
}

// TestFacts plants one fault at a time: each is told once, with a remedy.
func TestFacts(t *testing.T) {
	for _, tt := range []struct {
		want   string
		change func(*deps.Scene)
		shot   func(*Shot)
	}{
		{"", nil, nil},
		{NoCamera, func(s *deps.Scene) { s.Camera = "" }, nil},
		{NoCamera, func(s *deps.Scene) { s.Camera, s.UseSequencer = "", true }, nil}, // as each new scene has it
		{"", func(s *deps.Scene) { s.Camera, s.UseSequencer, s.HasStrips = "", true, true }, nil},
		{"", func(s *deps.Scene) { s.Camera, s.Markers = "", []deps.Marker{{Camera: "A"}} }, nil},
		{Border, func(s *deps.Scene) { s.UseBorder = true }, nil},
		{Percentage, func(s *deps.Scene) { s.ResolutionPercentage = 50 }, nil},
		{OddSize, func(s *deps.Scene) { s.ResolutionX = 1919 }, nil},
		{Simplify, func(s *deps.Scene) { s.UseSimplify = true }, nil},
		{FewSamples, func(s *deps.Scene) { s.Samples = 8 }, nil},
		{Movie, func(s *deps.Scene) { s.IsMovie, s.FileFormat = true, "FFMPEG" }, nil},
		{FrameRange, func(s *deps.Scene) { s.FrameEnd = 1 }, nil},
		{FrameRange, func(s *deps.Scene) { s.FrameEnd = 0 }, nil},
		{"", func(s *deps.Scene) { s.FrameEnd = 1 }, func(s *Shot) { s.Frames = "1-48" }},
		{NoLayer, func(s *deps.Scene) { s.Layers[0].Use = false }, nil},
		{NoOutput, func(s *deps.Scene) { s.HasCompositor, s.UseCompositing = true, true }, nil},
		{"", func(s *deps.Scene) { s.HasCompositor, s.UseCompositing, s.HasCompositeOutput = true, true, true }, nil},
		{Scripts, nil, func(s *Shot) { s.NoScripts, s.Trace.Blend.Scripts = true, []string{"TXrig_ui.py"} }},
		{"", nil, func(s *Shot) { s.Trace.Blend.Scripts = []string{"TXrig_ui.py"} }},
		{AddOnEngine, func(s *deps.Scene) { s.Engine = "LUXCORE" }, nil},
		{NewerBlender, nil, func(s *Shot) { s.FarmBlender = "3.6.1" }},
		{"", nil, func(s *Shot) { s.FarmBlender = "4.10" }},
		{EditRange, nil, func(s *Shot) { s.EditFrames = []int{48, 49} }},
		{EditRange, nil, func(s *Shot) { s.Frames, s.EditFrames = "1-10,20", []int{10, 19, 20} }},
		{"", nil, func(s *Shot) { s.Frames, s.EditFrames = "1-60", []int{1, 60} }},
		{NoScene, nil, func(s *Shot) { s.Trace.Blend.ActiveScene = "" }},
		{AbsolutePaths, nil, func(s *Shot) {
			s.Trace.Blends = []deps.BlendUses{{Uses: []deps.Use{
				{Reference: &deps.Reference{Path: `C:\tex\a.png`}}, {Reference: &deps.Reference{Path: "/tex/a.png"}}, {Reference: &deps.Reference{Path: "//tex/a.png"}},
			}}}
		}},
	} {
		s := shot(tt.change)
		if tt.shot != nil {
			tt.shot(&s)
		}
		got := Facts(s)
		if strings.Join(codesOf(got), " ") != tt.want {
			t.Errorf("got %v, want %q", codesOf(got), tt.want)
		}
		for _, l := range got {
			if l.Remedy == "" || l.Severity == "" || l.Path == "" || l.Message == "" {
				t.Errorf("incomplete: %+v", l)
			}
		}
	}
}

// TestRules evaluates rules over the fields of inspect.
func TestRules(t *testing.T) {
	for _, tt := range []struct {
		rule Rule
		want string
	}{
		{Rule{Require: "scene.resolution_x == 1920 && scene.frame_end % 2 == 0"}, ""},
		{Rule{Require: "scene.resolution_x == 2048", Say: "wide enough"}, "error wide enough"},
		{Rule{When: `shot.name startsWith "sq"`, Require: "false"}, ""},
		{Rule{When: `shot.name startsWith "sh"`, Require: `scene.camera == "Main"`, Severity: "warning"}, `warning it must be that scene.camera == "Main"`},
		{Rule{Require: "scene.samples >= 128 && len(blend.scripts) == 0"}, ""},
		{Rule{Require: "all(scene.view_layer_settings, .use) && blend.version >= '4.2'"}, ""},
	} {
		rules, err := Compile([]Rule{tt.rule})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, l := range rules.Check(shot(nil), []Rule{tt.rule}) {
			got += string(l.Severity) + " " + l.Message
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.rule.Require, got, tt.want)
		}
	}
}

// TestRuleMistakes names the rule, and what is wrong with it.
func TestRuleMistakes(t *testing.T) {
	for require, want := range map[string]string{
		"scene.resolutionx == 1":     "resolutionx",
		"scen.fps == 1":              "scen",
		"scene.fps":                  "bool",
		"scene.fps ==":               "unexpected",
		"":                           "empty",
		"scene.name == 3":            "string",
		"let x = 1; x == 1":          "let",
		"len(1..1000000) > 1":        "..",
		`repeat("a", 1000000) == ""`: "repeat",
		"all(scene.markers, any(scene.markers, true))": "inside of another",
		"true" + strings.Repeat(" && true", 1000):      "longer",
	} {
		_, err := Compile([]Rule{{Require: require, Place: "night.yaml:3:5"}})
		if err == nil || !strings.Contains(err.Error(), "night.yaml:3:5: require: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v", require, err)
		}
	}
	if _, err := Compile([]Rule{{Require: "true", Severity: "fatal", Place: "p"}}); err == nil {
		t.Error("a severity that is none is accepted")
	}
}

// TestCodes holds docs/check.md to the table of codes.
func TestCodes(t *testing.T) {
	text, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	for _, c := range Codes() {
		want = append(want, "| `"+c.Name+"` | "+string(c.Severity)+" | "+c.What+" | "+c.Remedy+" |")
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("-want +got:\n" + diff)
	}
}
