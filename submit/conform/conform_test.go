package conform

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

func readFile(t *testing.T, name string, opt Options) []Clip {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	edit, err := Read(name, f, opt)
	if err != nil || len(edit.Problems) > 0 {
		t.Fatal(err, edit)
	}
	return edit.Clips
}

func at(start, duration, rate float64) Range { return Range{Float(start), Float(duration), Rate(rate)} }

const ntsc24, ntsc30 = 24000.0 / 1001, 30000.0 / 1001

// What was read off each timeline by hand.
func TestRead(t *testing.T) {
	type used struct {
		Name                  string
		Start, Duration, Rate float64 // with transitions, speed applied
	}
	tests := []struct {
		file string
		opt  Options
		want []used
	}{
		{"cut.otio", Options{}, []used{
			{"sq010_sh010", 1010, 26, 24}, // 6 frames on into the dissolve
			{"sq010_sh020", 2, 28, 24},    // 4 frames earlier, at double speed
			{"sq020_sh010", 0, 1, 25},     // held
		}},
		{"cut.otio", Options{Cuts: true}, []used{
			{"sq010_sh010", 1010, 20, 24},
			{"sq010_sh020", 10, 20, 24},
			{"sq020_sh010", 0, 1, 25},
		}},
		{"cut.edl", Options{}, []used{
			{"sq010_sh010_comp_v003", 86400, 48, 24},
			{"sq010_sh010_comp_v003", 86448, 12, 24}, // goes in the dissolve
			{"sq010_sh020_comp_v001", 86424, 72, 24},
			{"sq010_sh030_comp_v001", 86400, 48, 24}, // 48 frames shown for 96
			{"sq010_sh040_comp_v001", 86400, 96, 24}, // as long as in the edit: the speed tells
		}},
		{"nested.otio", Options{}, []used{
			{"sq010_sh010", 1009, 56, 24},
			{"sq010_sh020", 999, 46, 24},
			{"sq020_sh010", 1011, 20, 24}, // trimmed by the stack that it is in
			{"sq020_sh020", 100, 20, 24},
			{"sq020_sh040", 230, 40, 24}, // trimmed by its track and the stack, at double speed
			{"sq030_sh010", 1, 25, 25},
			{"sq030_sh030", 1001, 1, 24},  // held
			{"sq030_sh040", 1001, 24, 24}, // backwards
			{"sq030_sh050", 1001, 36, 24}, // no range of its own
			{"bars", 0, 24, 24},
			{"sq030_sh060", 0, 14, 24}, // its track ends in a transition
			{"sq040_sh010", 1001, 50, 24},
		}},
		{"trimmed.otio", Options{}, []used{ // a stack of 10 to 60 that dissolves show 4 frames earlier and 5 longer
			{"sq010_sh010", 0, 30, 24},
			{"sq010_sh020", 106, 24, 24},
			{"sq010_sh030", 200, 30, 24},
			{"sq010_sh040", 1001, 45 * ntsc24 / 24, ntsc24}, // 45 frames of 24 a second
			{"sq010_sh050", 42, 54, 24},                     // 3 frames earlier, at double speed
		}},
		{"trimmed.otio", Options{Cuts: true}, []used{
			{"sq010_sh010", 0, 24, 24},
			{"sq010_sh020", 110, 20, 24},
			{"sq010_sh030", 200, 25, 24},
			{"sq010_sh040", 1001, 40 * ntsc24 / 24, ntsc24},
			{"sq010_sh050", 48, 48, 24},
		}},
		{"reel.edl", Options{}, []used{
			{"sq010_sh010", 109652, 42, ntsc30},
			{"sq010_sh010", 109694, 15, ntsc30}, // goes in the wipe
			{"sq010_sh020", 215784, 60, ntsc30},
			{"sq010_sh030", 300, 1, ntsc30}, // held
			{"sq010_sh040.anim", 600, 30, ntsc30},
			{"sq010_sh050", 600, 60, ntsc30}, // backwards at double speed, as the edit runs
			{"sq010_sh060", 100, 30, ntsc30}, // frame numbers
			{"sq010_sh070", 900, 30, ntsc30},
			{"sq010_sh080", 1200, 30, ntsc30},
			{"sq010_title", 1500, 30, ntsc30},
		}},
		{"shots.csv", Options{}, []used{
			{"sq010_sh010", 1001, 48, 24},
			{"sq010_sh010", 1040, 21, 24},
			{"sq010_sh020", 250, 50, 25},
		}},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			var got []used
			for _, c := range readFile(t, test.file, test.opt) {
				got = append(got, used{c.Name, c.Source.Start.Float64(), c.Source.Duration.Float64(), c.Source.Rate.Float64()})
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Text as old editing systems write it.
func TestEDLText(t *testing.T) {
	const event = "001  A  V  C  00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00"
	for what, text := range map[string]string{
		"Latin-1":       event + "\n* FROM CLIP NAME: caf\xe9\n",
		"a Mac's lines": event + "\r* FROM CLIP NAME: café\r",
		"no asterisk":   event + "\nFROM CLIP NAME: café",
		"of the file":   event + "\n* FROM FILE: S:\\edit\\café.mov",
	} {
		edit, err := Read("x.edl", strings.NewReader(text), Options{})
		if err != nil || len(edit.Clips) != 1 || edit.Clips[0].Name != "café" {
			t.Errorf("%s: %+v, %v", what, edit, err)
		}
	}
}

// OpenTimelineIO writes numbers that JSON does not have.
func TestNumbersThatAreNone(t *testing.T) {
	edit, err := Read("x.otio", strings.NewReader(`{"OTIO_SCHEMA": "Clip.2", "name": "NaN, \"Infinity", "metadata": {"a": Inf, "b": [-Infinity, NaN]},
		"source_range": {"start_time": {"rate": 24, "value": 5}, "duration": {"rate": 24, "value": 7}}}`), Options{})
	want := []Clip{{Name: `NaN, "Infinity`, Source: at(5, 7, 24), EditRate: Rate(24), Event: "1", RecordIn: "00:00:00:00", Where: `x.otio: NaN, "Infinity`}}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, edit.Clips, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// What is not a whole timeline trims its clips all the same, and a collection does not.
func TestOTIORoots(t *testing.T) {
	const clip = `{"OTIO_SCHEMA": "Clip.2", "name": "c", "source_range": {"start_time": {"rate": 24, "value": 5}, "duration": {"rate": 24, "value": 7}}}`
	for root, want := range map[string]Range{
		`{"OTIO_SCHEMA": "Track.1", "children": [` + clip + `], "source_range": {"start_time": {"rate": 24, "value": 2}, "duration": {"rate": 24, "value": 3}}}`: at(7, 3, 24),
		`{"OTIO_SCHEMA": "SerializableCollection.1", "children": [` + clip + `]}`:                                                                                at(5, 7, 24),
		// a range that begins at the record's timecode, beside all that is in the stack
		`{"OTIO_SCHEMA": "Stack.1", "children": [` + clip + `], "source_range": {"start_time": {"rate": 24, "value": 86400}, "duration": {"rate": 24, "value": 7}}}`: at(5, 7, 24),
	} {
		edit, err := Read("x.otio", strings.NewReader(root), Options{})
		if err != nil || len(edit.Clips) != 1 || !cmp.Equal(edit.Clips[0].Source, want) {
			t.Errorf("%s: %+v, %v, want %v", root, edit, err, want)
		}
	}
}

func TestTimecode(t *testing.T) {
	tests := []struct {
		text string
		rate float64
		drop bool
		want int64
		fail string
	}{
		{text: "01:00:00:00", rate: 24, want: 86400},
		{text: "00:00:10:12", rate: 25, want: 262},
		{text: "00:00:01:00", rate: 23.976, want: 24},
		{text: "00:01:00;02", rate: 29.97, want: 1800}, // the first two numbers of minute 1 are skipped
		{text: "00:10:00;00", rate: 29.97, want: 17982},
		{text: "01:00:00:00", rate: 29.97, drop: true, want: 107892},
		{text: "01:00:00;00", rate: 59.94, want: 215784},
		{text: "00:01:00;00", rate: 29.97, fail: "does not exist"},
		{text: "00:00:00;00", rate: 24, fail: "only at 29.97"},
		{text: "00:00:00:24", rate: 24, fail: "up to 23"},
		{text: "00:61:00:00", rate: 24, fail: "up to 59"},
		{text: "hello", rate: 24, fail: "no timecode"},
	}
	for _, test := range tests {
		got, err := parseTimecode(test.text, Rate(test.rate), test.drop)
		if test.fail != "" {
			if err == nil || !strings.Contains(err.Error(), test.fail) {
				t.Errorf("%s at %g: error %v, want %q", test.text, test.rate, err, test.fail)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s at %g = %d, %v, want %d", test.text, test.rate, got, err, test.want)
		}
		drop := test.drop || strings.Contains(test.text, ";")
		want := test.text
		if drop {
			want = want[:8] + ";" + want[9:]
		}
		if back := formatTimecode(got, Rate(test.rate), drop); back != want {
			t.Errorf("frame %d at %g is %s, want %s", got, test.rate, back, want)
		}
	}
}

func TestSpans(t *testing.T) {
	tests := []struct {
		name  string
		media Range
		start float64
		first int64
		fps   float64
		want  Span
	}{
		{"as numbered", at(1010, 20, 24), 0, 0, 0, Span{1010, 1029}},
		{"from the media's start", at(86410, 20, 24), 86400, 1001, 0, Span{1011, 1030}},
		{"to another rate", at(50, 25, 25), 0, 1, 24, Span{49, 72}},
		{"23.976 into 24", at(2398, 24, 23.976), 0, 0, 24, Span{2400, 2424}},
		{"part of a frame", at(0, 2.5, 24), 0, 0, 0, Span{0, 2}},
		{"nothing is at least a frame", at(7, 0, 24), 0, 0, 0, Span{7, 7}},
	}
	for _, test := range tests {
		if got := test.media.span(Float(test.start), test.first, Rate(test.fps)); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestFrames(t *testing.T) {
	f := union([]Span{{50, 60}, {1, 10}, {11, 20}, {5, 6}, {30, 30}})
	if got, want := f.String(), "1-20,30,50-60"; got != want {
		t.Errorf("union %s, want %s", got, want)
	}
	if f.Count() != 32 {
		t.Errorf("%d frames, want 32", f.Count())
	}
	for cut, want := range map[string]Frames{
		"1-20,30,50-60":     f.minus(nil),
		"1-4,7-20,30,50-60": f.minus(Frames{{5, 6}}),
		"":                  f.minus(Frames{{0, 100}}),
		"1-9,60":            f.minus(Frames{{10, 59}}),
		"2-20,30,50-55":     f.minus(Frames{{1, 1}, {56, 70}}),
	} {
		if want.String() != cut {
			t.Errorf("got %s, want %s", want, cut)
		}
	}
}

func project(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPlanMergesUsesAndListsProblems(t *testing.T) {
	dir := project(t, "shots/sq010/sh010.blend", "shots/sq010/sh020.blend")
	clips := append(readFile(t, "shots.csv", Options{}), Clip{Name: "titles", Where: "here", Source: at(0, 1, 24)},
		Clip{Name: "sq010_sh099", Where: "there", Source: at(0, 1, 24)})
	clips = append(clips, Clip{Name: "sq010_sh010", Where: "early", Source: at(-20, 5, 24)}, Clip{Name: "sq010_sh010", Where: "unknown"},
		Clip{Name: "sq010_sh010", Where: "far", Source: at(1e11, 5, 24)})
	plan, err := Plan(&Edit{Clips: clips}, Rules{Map: "shots/{sequence}/{shot}.blend", Project: dir, Handles: 8})
	if err != nil {
		t.Fatal(err)
	}
	want := &Conform{
		Shots: []Shot{
			{Blend: "shots/sq010/sh010.blend", Name: "sh010", Frames: Frames{{993, 1068}}, From: []Use{{"2", "", "sq010_sh010", Span{993, 1056}}, {"3", "", "sq010_sh010", Span{1032, 1068}}}},
			{Blend: "shots/sq010/sh020.blend", Name: "sh020", Frames: Frames{{242, 307}}, From: []Use{{"4", "", "sq010_sh020", Span{242, 307}}}},
		},
		Problems: []Problem{
			{Clip: "titles", Where: "here", Reason: "nothing in it gives {sequence}, {shot}"},
			{Clip: "sq010_sh099", Where: "there", Blend: "shots/sq010/sh099.blend", Reason: "shots/sq010/sh099.blend: no such file"},
			{Clip: "sq010_sh010", Where: "early", Blend: "shots/sq010/sh010.blend", Reason: "it uses frames -20 to -16 of the scene, which Flamenco cannot render; see --first-frame and --media-start"},
			{Clip: "sq010_sh010", Where: "unknown", Blend: "shots/sq010/sh010.blend", Reason: "the edit says neither which part of it is used nor how long its media is"},
			{Clip: "sq010_sh010", Where: "far", Blend: "shots/sq010/sh010.blend", Reason: "it uses frame 100000000000 and 5 more, which no media has"},
		},
	}
	if diff := cmp.Diff(want, plan, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}

	before := &Conform{Shots: []Shot{{Blend: "shots/sq010/sh010.blend", Frames: Frames{{1000, 1068}}}, {Blend: "shots/sq010/sh020.blend", Frames: Frames{{0, 500}}}}}
	changed := plan.Since(before)
	if len(changed.Shots) != 1 || changed.Shots[0].Frames.String() != "993-999" {
		t.Errorf("since: %+v, want only frames 993-999 of sh010", changed.Shots)
	}

	var out bytes.Buffer
	if err := changed.WriteManifest(&out, "/p", "/p", "/e/cut{}.otio", Defaults{Type: "simple-blender-render"}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"# left out: here: clip \"titles\"", "version: 1\nproject: /p\n", "blend: shots/sq010/sh010.blend", "frames: 993-999", "edit: cut().otio"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, out.String())
		}
	}
}

// What an edit names its clips must not become part of the manifest.
func TestManifestWithOddNames(t *testing.T) {
	plan := &Conform{
		Problems: []Problem{{Clip: "sq_sh010\rpriority: 99", Where: "cut\u2028.otio\nx: 1", Reason: "no\u0085pe\x1b"}},
		Shots:    []Shot{{Blend: "a.blend", Name: "a", Frames: Frames{{1, 2}}, From: []Use{{Event: "1\r2", RecordIn: "{stem}"}}}},
	}
	var out bytes.Buffer
	if err := plan.WriteManifest(&out, "/p", "/p", "cut.otio", Defaults{}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Version int
		Jobs    []struct{ Metadata map[string]string }
		Other   map[string]any `yaml:",inline"`
	}
	if err := yaml.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"edit": "cut.otio", "event": "1 2", "record_in": "(stem)"}
	if diff := cmp.Diff(want, doc.Jobs[0].Metadata); diff != "" || doc.Version != 1 || strings.Count(out.String(), "\n#") != 0 {
		t.Errorf("%s\n%s", diff, out.String())
	}
	if doc.Other["priority"] != nil || doc.Other["x"] != nil {
		t.Errorf("a name became a field:\n%s", out.String())
	}
}

func TestMapping(t *testing.T) {
	clip := Clip{
		Name: "EP01_SC02_SH0030", Reel: "R7", File: `\\server\edit\SH0030\plate.mov`,
		Metadata: map[string]string{"studio.shot": "sh0030", "studio.seq.name": "sc02", "a.dup": "1", "b.dup": "2"},
	}
	tests := []struct {
		template string
		patterns []string
		want     string
		fails    string
	}{
		{template: "{sequence}/{shot}.blend", want: "EP01/SC02.blend"},
		{template: "{shot}.blend", patterns: []string{`name=_(?P<shot>SH\d+)`}, want: "SH0030.blend"},
		{template: "{studio.seq.name}/{studio.shot}.blend", patterns: []string{`reel=(?P<n>\d)`}, want: "sc02/sh0030.blend"},
		{template: "{reel}/{n}.blend", patterns: []string{`reel=(?P<n>\d)`}, want: "R7/7.blend"},
		{template: "{file.dir}/{file.stem}.blend", want: "SH0030/plate.blend"},
		{template: "{dup}.blend", fails: "gives {dup}"},
		{template: "../{shot}.blend", fails: "climb out"},
		{template: "{shot}.blend", patterns: []string{"name"}, fails: "FIELD=REGEXP"},
		{template: "{shot}.blend", patterns: []string{"name=("}, fails: "missing closing"},
		{template: "{shot}.blend", patterns: []string{"name=x"}, fails: "names nothing"},
		{template: "", fails: "no mapping"},
	}
	for _, test := range tests {
		m, err := newMapping(test.template, test.patterns)
		got := ""
		if err == nil {
			got, err = m.blend(clip)
		}
		if test.fails != "" {
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%s %v: error %v, want %q", test.template, test.patterns, err, test.fails)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s %v = %q, %v, want %q", test.template, test.patterns, got, err, test.want)
		}
	}
}

func TestBadTimelines(t *testing.T) {
	for name, text := range map[string]string{
		"a.otio": "{}", "b.otio": "no json", "c.edl": "TITLE: nothing\n", "d.csv": "in,out\n1,2\n", "e.csv": "name,in,out\na,5,2\nb,x,3\n",
		"f.edl": "001 A V C 00:00:00:99 00:00:01:00 00:00:00:00 00:00:01:00\n", "g.xml": "", "g2.xml": "<other/>", "g3.xml": "<xmeml><sequence><media/></sequence></xmeml>", "h.edl": "M2 A 24 00:00:00:00\n",
		"j.edl": "001 A V X 00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n", // an event that is not understood is not passed over
		"k.edl": "001 A V C 00:00:02:00 00:00:01:00 00:00:00:00 00:00:01:00\n",
	} {
		edit, err := Read(name, strings.NewReader(text), Options{})
		if err == nil && len(edit.Problems) > 0 {
			err = errors.New(edit.Problems[0].String())
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v, want one that names the file", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"cut.otio", "nested.otio", "cut.edl", "reel.edl", "shots.csv", "edits/cut.xml", "edits/cut.fcpxml", "edits/edl_forms.edl", "edits/lookup.otio"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(filepath.Ext(name), string(text))
	}
	f.Fuzz(func(t *testing.T, ext, text string) {
		edit, err := Read("x"+ext, strings.NewReader(text), Options{})
		if err != nil {
			return
		}
		for _, c := range edit.Clips {
			p := planner{Rules: Rules{FPS: 24}, fps: Rate(24), noted: make(map[string]bool)}
			if s, err := p.span("", c); err == nil && (s.First < 0 || s.Last < s.First) {
				t.Errorf("%+v has frames %v", c, s)
			}
		}
	})
}
