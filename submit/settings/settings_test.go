package settings

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/long"
	"github.com/flsync/flsync/submit/eval"
	"github.com/flsync/flsync/submit/manifest"
)

// builtIn are the job types that come with Flamenco, as the embedded Manager publishes them.
func builtIn(t *testing.T) *Farm {
	t.Helper()
	data, err := os.ReadFile("../../internal/manager/jobtypes.json")
	if err != nil {
		t.Fatal(err)
	}
	farm := &Farm{Tags: []api.WorkerTag{{ID: "0001-gpu", Name: "GPU"}, {ID: "0002-cpu", Name: "CPU"}}}
	if err := json.Unmarshal(data, &farm.Types); err != nil {
		t.Fatal(err)
	}
	return farm
}

func builtInType(t *testing.T, name string) *api.AvailableJobType {
	t.Helper()
	typ, ok := builtIn(t).Type(name)
	if !ok {
		t.Fatalf("no job type %s", name)
	}
	return typ
}

func TestConvert(t *testing.T) {
	one := func(typ api.AvailableJobSettingType) api.AvailableJobSetting {
		return api.AvailableJobSetting{Type: typ}
	}
	text, whole, float, truth := one("string"), one("int32"), one("float"), one("bool")
	menu := api.AvailableJobSetting{Type: "string", Choices: []string{"PNG", "OPEN_EXR"}}
	bounded := api.AvailableJobSetting{Type: "int32", Propargs: map[string]any{"min": 0.0, "max": 32.0}}
	tests := []struct {
		setting api.AvailableJobSetting
		value   any
		want    any
		err     string
	}{
		{text, "a", "a", ""},
		{text, manifest.Text("12"), "12", ""},
		{text, int64(12), nil, "wants text, not the number 12"},
		{text, true, nil, "wants text, not the truth value true"},
		{whole, int64(-5), int64(-5), ""},
		{whole, 5.0, int64(5), ""},
		{whole, 5.5, nil, "wants a whole number from -2147483648 to 2147483647, not 5.5"},
		{whole, int64(1) << 31, nil, "wants a whole number from"},
		{whole, int64(-1) << 31, int64(-1) << 31, ""},
		{whole, "5", nil, `wants a whole number, not the text "5"`},
		{whole, manifest.Text(" 5 "), int64(5), ""},
		{whole, manifest.Text("5.5"), nil, "wants a whole number"},
		{whole, manifest.Text("five"), nil, `wants a whole number, not "five"`},
		{whole, manifest.Text(""), nil, "wants a whole number"},
		{whole, true, nil, "wants a whole number, not the truth value true"},
		{float, int64(24), 24.0, ""},
		{float, 23.976, 23.976, ""},
		{float, math.Inf(1), nil, "JSON has no such number"},
		{float, manifest.Text("23.976"), 23.976, ""},
		{float, manifest.Text("inf"), nil, "JSON has no such number"},
		{float, "24", nil, "wants a number"},
		{truth, true, true, ""},
		{truth, manifest.Text("TRUE"), true, ""},
		{truth, manifest.Text("0"), false, ""},
		{truth, manifest.Text("maybe"), nil, `wants true or false, not "maybe"`},
		{truth, int64(1), nil, "wants true or false, not the number 1"},
		{menu, "PNG", "PNG", ""},
		{menu, "OPENEXR", nil, `"OPENEXR" is none of its choices: PNG, OPEN_EXR; did you mean OPEN_EXR?`},
		{menu, manifest.Text("png"), nil, "did you mean PNG?"},
		{bounded, int64(32), int64(32), ""},
		{bounded, int64(33), nil, "is 33, the highest is 32"},
		{bounded, manifest.Text("-1"), nil, "is -1, the lowest is 0"},
		{one("vector"), []any{1.0}, []any{1.0}, ""},
	}
	for _, tt := range tests {
		got, err := Convert(&tt.setting, tt.value)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s of %#v: %v, want %q", tt.setting.Type, tt.value, err, tt.err)
			}
			continue
		}
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%s of %#v = %#v, %v, want %#v", tt.setting.Type, tt.value, got, err, tt.want)
		}
	}
}

// load reads a manifest over a project with one blend file.
func load(t *testing.T, text string) []*manifest.Job {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sh010.blend"), []byte("BLENDER-v304"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "night.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	jobs, err := manifest.Load([]string{"night.yaml"}, manifest.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

func TestStaticTellsEverythingWithItsPlace(t *testing.T) {
	jobs := load(t, `defaults:
  settings: {chunk_size: 5, sleep_repeats: 2, framez: "1-2"}
jobs:
  - blend: sh010.blend
    name: a
    type: simple-blender-rendr
  - blend: sh010.blend
    name: b
    worker_tag: GPUs
    settings: {render_output_root: /out, chunk_size: many, blendfile: x, add_path_components: 50}
  - blend: sh010.blend
    name: c
  - name: d
    type: echo-sleep-test
    settings: {message: "", sleep_duration: 3}
  - name: e
    type: simple-blender-render
    settings: {render_output_root: /out}
`)
	got := strings.Split(Static(jobs, builtIn(t)).Err().Error(), "\n")
	want := []string{
		`night.yaml:2:55: the job type simple-blender-render has no setting "framez"; did you mean frames?`,
		`night.yaml:2:55: the job type echo-sleep-test has no setting "framez"`,
		`night.yaml:6:11: the Manager has no job type "simple-blender-rendr"; did you mean simple-blender-render? (it has: echo-sleep-test, simple-blender-render)`,
		`night.yaml:9:17: the Manager has no worker tag "GPUs"; did you mean GPU?`,
		`night.yaml:10:54: setting chunk_size: wants a whole number, not the text "many"`,
		`night.yaml:10:71: the setting blendfile is made from the checkout; name the file as the job's blend`,
		`night.yaml:10:95: setting add_path_components: is 50, the highest is 32`,
		`night.yaml:11:5: the job type simple-blender-render needs the setting render_output_root (text); give it under settings, or with --set render_output_root=…`,
		`night.yaml:15:25: setting message: the job type echo-sleep-test needs a value, not an empty text`,
		`night.yaml:15:45: the job type echo-sleep-test has no setting "sleep_duration"; did you mean sleep_duration_seconds?`,
		`night.yaml:16:5: the job type simple-blender-render needs a blend file; give the job a blend`,
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || g == w
		}
		if !found {
			t.Errorf("missing: %s", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d messages, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
}

// A misspelled job type is one mistake: the defaults that were meant for it are none.
func TestStaticMisspelledType(t *testing.T) {
	jobs := load(t, `defaults: {settings: {render_output_root: /out, message: hello}}
jobs:
  - {blend: sh010.blend, type: simple-blender-rendr}
  - {name: t, type: echo-sleep-test}
`)
	if errs := Static(jobs, builtIn(t)); len(errs) != 1 || !strings.Contains(errs[0].Message, "did you mean simple-blender-render?") {
		t.Error(errs)
	}
}

func TestStaticAcceptsWhatIsRight(t *testing.T) {
	jobs := load(t, `defaults: {settings: {render_output_root: /out, message: hello}, worker_tag: GPU}
jobs:
  - {blend: sh010.blend, worker_tag: 0002-cpu}
  - {name: t, type: echo-sleep-test}
`)
	if errs := Static(jobs, builtIn(t)); len(errs) > 0 {
		t.Error(errs)
	}
}

func shotFacts() *eval.Facts {
	return &eval.Facts{BlendFile: "/proj/sq/sh010.blend", Scene: "Scene", Attributes: map[string]any{
		"frame_start": 1, "frame_end": 48, "render.fps": 24, "render.fps_base": 1.0010000467300415,
		"render.image_settings.file_format": "PNG", "render.file_extension": ".png", "render.image_settings.use_preview": false,
	}}
}

func job(values map[string]any) *manifest.Job {
	j := &manifest.Job{Name: "sh010", Blend: "/proj/sq/sh010.blend", Settings: map[string]manifest.Setting{}}
	for key, value := range values {
		j.Settings[key] = manifest.Setting{Value: value}
	}
	return j
}

func TestResolveRender(t *testing.T) {
	got, err := Resolve(t.Context(), Input{
		Job: job(map[string]any{"render_output_root": "/out", "add_path_components": int64(1)}), Type: builtInType(t, "simple-blender-render"), Facts: shotFacts(),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := api.JobSettings{
		"frames": "1-48", "chunk_size": int64(1), "render_output_root": "/out", "add_path_components": int64(1),
		"render_output_path": "/out/sq/sh010/{timestamp}/######", "fps": 24 / 1.0010000467300415, "format": "PNG",
		"image_file_extension": ".png", "has_previews": false, "scene": "Scene",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestResolveWithoutScene(t *testing.T) {
	j := &manifest.Job{Name: "t", Settings: map[string]manifest.Setting{"message": {Value: manifest.Text("hi")}, "sleep_repeats": {Value: manifest.Text("3")}}}
	got, err := Resolve(t.Context(), Input{Job: j, Type: builtInType(t, "echo-sleep-test")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(api.JobSettings{"message": "hi", "sleep_duration_seconds": int64(1), "sleep_repeats": int64(3)}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestResolveOrder is about which of given value, expression and default wins.
func TestResolveOrder(t *testing.T) {
	linked := &api.AvailableJobSettingEvalInfo{ShowLinkButton: true}
	typ := &api.AvailableJobType{Name: "t", Settings: []api.AvailableJobSetting{
		{Key: "late", Type: "string", Eval: "settings.early + '!'"}, // asks for one that comes behind it
		{Key: "early", Type: "string", Eval: "C.scene.name"},
		{Key: "seen", Type: "int32", Eval: "7", Default: 3.0},
		{Key: "linked", Type: "int32", Eval: "7", Default: 3.0, EvalInfo: linked},
		{Key: "hidden", Type: "int32", Eval: "7", Default: 3.0, Visible: "hidden"},
		{Key: "zero", Type: "int32", Eval: "7", Default: 0.0},
		{Key: "given", Type: "int32", Eval: "7", Visible: "hidden"},
		{Key: "plain", Type: "float", Default: 3.0},
		{Key: "menu", Type: "string", Choices: []string{"a", "b"}},
		{Key: "empty", Type: "string"},
		{Key: "path", Type: "string", Eval: "Path('/a') / settings.menu"},
		{Key: "sum", Type: "float", Eval: "settings.seen + settings.hidden + settings.given"},
	}}
	got, err := Resolve(t.Context(), Input{Job: job(map[string]any{"given": int64(5)}), Type: typ, Facts: shotFacts()})
	if err != nil {
		t.Fatal(err)
	}
	want := api.JobSettings{
		"late": "Scene!", "early": "Scene", "seen": int64(3), "linked": int64(7), "hidden": int64(7), "zero": int64(7), "given": int64(5),
		"plain": 3.0, "menu": "a", "empty": "", "path": "/a/a", "sum": 15.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestResolveErrors(t *testing.T) {
	one := func(key, expr string) api.AvailableJobSetting {
		return api.AvailableJobSetting{Key: key, Type: "string", Eval: expr}
	}
	tests := []struct {
		name     string
		settings []api.AvailableJobSetting
		want     []string
	}{
		{"unknown name", []api.AvailableJobSetting{one("x", "C.scene.cycles.samples")},
			[]string{"setting x", "C.scene.cycles is not known without Blender", "--blender PATH, which runs the Manager's expression as Python on this machine", "--set x="}},
		{"all at once", []api.AvailableJobSetting{one("x", "1 / 0"), one("y", "frob()")}, []string{"ZeroDivisionError", "setting y"}},
		{"itself", []api.AvailableJobSetting{one("x", "settings.x")}, []string{"setting x needs itself"}},
		{"a circle", []api.AvailableJobSetting{one("a", "settings.b"), one("b", "settings.a")}, []string{"setting a needs itself"}},
		{"one that failed", []api.AvailableJobSetting{one("a", "1/0"), one("b", "settings.a")}, []string{"the setting a has no value"}},
		{"no such setting", []api.AvailableJobSetting{one("a", "settings.nope")}, []string{"AttributeError"}},
		{"wrong type", []api.AvailableJobSetting{one("a", "1 + 1")}, []string{"setting a", "wants text, not the number 2"}},
		{"not Python", []api.AvailableJobSetting{one("a", "C.scene.")}, []string{"ends too early"}},
	}
	for _, tt := range tests {
		_, err := Resolve(t.Context(), Input{Job: job(nil), Type: &api.AvailableJobType{Settings: tt.settings}, Facts: shotFacts()})
		var evaluated *EvalError
		if !errors.As(err, &evaluated) {
			t.Errorf("%s: %v is no *EvalError", tt.name, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", tt.name, err, want)
			}
		}
	}
	if _, err := Resolve(t.Context(), Input{Job: job(map[string]any{"a": int64(1)}), Type: &api.AvailableJobType{Settings: []api.AvailableJobSetting{one("a", "")}}, Facts: shotFacts()}); err == nil {
		t.Error("a given value of a wrong type was accepted")
	}
}

// fakeBlender answers from a table and remembers what it was asked.
type fakeBlender struct {
	answers map[string]eval.Outcome
	err     error
	asked   []eval.Request
}

func (f *fakeBlender) Eval(_ context.Context, r eval.Request) (map[string]eval.Outcome, error) {
	f.asked = append(f.asked, r)
	return f.answers, f.err
}

func TestResolveAsksBlenderForWhatIsLeft(t *testing.T) {
	typ := &api.AvailableJobType{Settings: []api.AvailableJobSetting{
		{Key: "samples", Type: "int32", Eval: "C.scene.cycles.samples"},
		{Key: "double", Type: "int32", Eval: "settings.samples * 2"},
		{Key: "name", Type: "string", Eval: "C.scene.name"},
		{Key: "plain", Type: "string", Default: "p"},
	}}
	blender := &fakeBlender{answers: map[string]eval.Outcome{"samples": {Value: int64(64)}, "double": {Value: int64(128)}}}
	got, err := Resolve(t.Context(), Input{Job: job(nil), Type: typ, Facts: shotFacts(), Blender: blender})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(api.JobSettings{"samples": int64(64), "double": int64(128), "name": "Scene", "plain": "p"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	want := []eval.Request{{
		BlendFile: "/proj/sq/sh010.blend", Scene: "Scene", JobName: "sh010",
		Settings:    map[string]any{"name": "Scene", "plain": "p", "blendfile": "/proj/sq/sh010.blend"},
		Expressions: map[string]string{"samples": "C.scene.cycles.samples", "double": "settings.samples * 2"},
	}}
	if diff := cmp.Diff(want, blender.asked); diff != "" {
		t.Errorf("asked: (-want +got)\n%s", diff)
	}

	for name, b := range map[string]*fakeBlender{
		"one answer is an exception": {answers: map[string]eval.Outcome{"samples": {Err: &eval.Exception{Type: "AttributeError", Message: "x"}}, "double": {Value: int64(1)}}},
		"one answer is missing":      {answers: map[string]eval.Outcome{"samples": {Value: int64(1)}}},
		"one is of a wrong type":     {answers: map[string]eval.Outcome{"samples": {Value: "many"}, "double": {Value: int64(1)}}},
		"Blender fails":              {err: errors.New("crashed")},
	} {
		if _, err := Resolve(t.Context(), Input{Job: job(nil), Type: typ, Facts: shotFacts(), Blender: b}); err == nil {
			t.Errorf("%s, and there is no error", name)
		}
	}
}

func TestFingerprint(t *testing.T) {
	typ := &api.AvailableJobType{Name: "t", Etag: "1"}
	values := api.JobSettings{"a": int64(1), "b": "x"}
	files := []api.ShamanFileSpec{{Sha: "aa", Size: 1, Path: "a.blend"}, {Sha: "bb", Size: 2, Path: "tex/b.png"}}
	base, err := Fingerprint(typ, values, "a.blend", files)
	if err != nil {
		t.Fatal(err)
	}
	// Jobs that lie at Managers have it; another one would have all of them submitted again.
	if want := "e9710dd4af97c08ab5aa644e624b98ed7a3c220ea116be4db69da5bbc38ba1e3"; base != want {
		t.Errorf("the fingerprint is %s, was %s", base, want)
	}
	earlier, err := EarlierFingerprint(typ, values, "a.blend", files)
	if want := "d414b53f82f3cd2d39f84b4d67e28e9ea99bf0487659d9406a5d7bc63bcb302c"; err != nil || earlier != want {
		t.Errorf("the fingerprint of earlier releases is %s, %v, was %s", earlier, err, want)
	}
	tests := []struct {
		name   string
		typ    *api.AvailableJobType
		values api.JobSettings
		blend  string
		files  []api.ShamanFileSpec
		same   bool
	}{
		{"another order", typ, api.JobSettings{"b": "x", "a": int64(1)}, "a.blend", []api.ShamanFileSpec{files[1], files[0]}, true},
		{"content", typ, values, "a.blend", []api.ShamanFileSpec{{Sha: "ab", Size: 1, Path: "a.blend"}, files[1]}, false},
		{"place", typ, values, "a.blend", []api.ShamanFileSpec{files[0], {Sha: "bb", Size: 2, Path: "b.png"}}, false},
		{"one file less", typ, values, "a.blend", files[:1], false},
		{"setting", typ, api.JobSettings{"a": int64(2), "b": "x"}, "a.blend", files, false},
		{"type of a setting", typ, api.JobSettings{"a": "1", "b": "x"}, "a.blend", files, false},
		{"etag", &api.AvailableJobType{Name: "t", Etag: "2"}, values, "a.blend", files, true},
		{"a new setting at its default", &api.AvailableJobType{Name: "t", Etag: "2", Settings: []api.AvailableJobSetting{{Key: "new", Type: "int32", Default: 3.0}}},
			api.JobSettings{"a": int64(1), "b": "x", "new": int64(3)}, "a.blend", files, true},
		{"a new setting at another value", &api.AvailableJobType{Name: "t", Etag: "2", Settings: []api.AvailableJobSetting{{Key: "new", Type: "int32", Default: 3.0}}},
			api.JobSettings{"a": int64(1), "b": "x", "new": int64(4)}, "a.blend", files, false},
		{"job type", &api.AvailableJobType{Name: "u", Etag: "1"}, values, "a.blend", files, false},
		{"blend file", typ, values, "tex/b.png", files, false},
	}
	for _, tt := range tests {
		got, err := Fingerprint(tt.typ, tt.values, tt.blend, tt.files)
		if err != nil || (got == base) != tt.same {
			t.Errorf("%s: %v, the same: %v, want %v", tt.name, err, got == base, tt.same)
		}
	}
	if _, err := Fingerprint(typ, api.JobSettings{"a": math.NaN()}, "", nil); err == nil {
		t.Error("a setting that cannot be sent has a fingerprint")
	}
}

// TestBuiltInTypesAsBlender compares every expression of the built-in job types with Blender itself.
func TestBuiltInTypesAsBlender(t *testing.T) {
	program := long.Blender(t)
	file := filepath.Join(t.TempDir(), "sq 020", "sh010.blend")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "-b", "--factory-startup", "--python-exit-code", "1",
		"--python", "../eval/testdata/make_scenes.py", "--", file).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, line, _ := strings.Cut(string(out), "\nFACTS")
	line, _, _ = strings.Cut(line, "\n")
	var made struct{ Scenes []eval.Facts }
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	if err := decoder.Decode(&made); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	const scene = "Movie" // package eval has more of them
	facts := made.Scenes[slices.IndexFunc(made.Scenes, func(f eval.Facts) bool { return f.Scene == scene })]
	facts.BlendFile = file
	for name, value := range facts.Attributes {
		if n, ok := value.(json.Number); ok {
			if facts.Attributes[name], err = n.Int64(); err != nil {
				facts.Attributes[name], _ = n.Float64()
			}
		}
	}
	blender, err := eval.NewBlender(program, "--factory-startup")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range builtIn(t).Types {
		expressions := make(map[string]string)
		for _, s := range typ.Settings {
			if s.Eval != "" {
				expressions[s.Key] = s.Eval
			}
		}
		if len(expressions) == 0 {
			continue
		}
		j := job(map[string]any{"render_output_root": "//../out/./x", "add_path_components": int64(2)})
		j.Name, j.Blend = "jöb 1", file
		got, err := Resolve(t.Context(), Input{Job: j, Type: &typ, Facts: &facts})
		if err != nil {
			t.Fatal(err)
		}
		want, err := blender.Eval(t.Context(), eval.Request{
			BlendFile: file, Scene: scene, JobName: j.Name, Expressions: expressions,
			Settings: map[string]any{"render_output_root": "//../out/./x", "add_path_components": 2},
		})
		if err != nil {
			t.Fatal(err)
		}
		for key, w := range want {
			if w.Err != nil || !cmp.Equal(w.Value, got[key]) {
				t.Errorf("%s, scene %s: %s is %#v, Blender says %#v, %v", typ.Name, scene, key, got[key], w.Value, w.Err)
			}
		}
	}
}
