package manifest

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flsync/flsync/internal/lab/long"
)

var update = flag.Bool("update", false, "write what comes out into the files of what should")

// project makes a folder with files, those that end in .blend with the magic of one.
func project(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		content := "text"
		if strings.HasSuffix(name, ".blend") && !strings.Contains(name, "not-a-blend") {
			content = "BLENDER-v304"
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func shots() []string {
	var names []string
	for _, n := range []string{"010", "020", "030", "040", "050", "060", "070", "080", "090"} {
		names = append(names, "shots/sh"+n+".blend")
	}
	return append(names, "shots/not-a-blend.blend", "shots/sq020/a 1.blend", "shots/sq020/b.blend", "tex/a.png", "tex/b.png")
}

// TestMistakes: every manifest of testdata/*.yaml … gives the messages of the .txt
// beside it.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Ext(file) == ".txt" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			dir := project(t, shots()...)
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(file)
			write(t, dir, name, string(data))
			_, err = Load([]string{name}, Options{Dir: dir})
			if err == nil {
				t.Fatal("no error")
			}
			got := filepath.ToSlash(strings.ReplaceAll(err.Error(), dir, "DIR")) + "\n"
			golden := file + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTwentyMistakesAtOnce(t *testing.T) {
	dir := project(t, shots()...)
	data, err := os.ReadFile("testdata/twenty.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "m.yaml", string(data))
	_, err = Load([]string{"m.yaml"}, Options{Dir: dir})
	var errs Errors
	if !errors.As(err, &errs) || len(errs) < 20 {
		t.Fatalf("%d messages, want at least 20", len(errs))
	}
	for _, e := range errs {
		if e.Pos.File != "m.yaml" || e.Pos.Line == 0 || e.Pos.Col == 0 {
			t.Errorf("%v has no place", e)
		}
	}
}

var ignorePlaces = cmp.Options{cmpopts.IgnoreUnexported(Job{}), cmpopts.IgnoreFields(Job{}, "Key", "Pos", "Dir"), cmpopts.IgnoreFields(Setting{}, "Pos", "ForAll"), cmpopts.EquateEmpty()}

// example is the manifest of the documents in three formats.
const exampleYAML = `
# yaml-language-server: $schema=manifest.schema.json
version: 1
project: .
defaults:
  type: simple-blender-render
  priority: 50
  settings: {render_output_root: /render/out, chunk_size: 5}
  metadata: {project: sprite}
jobs:
  - blend: shots/sh010.blend
    settings: {frames: "1-48"}
  - glob: shots/sq020/*.blend
    name: "sq020 {stem}"
    priority: 70
    settings: {render_output_root: "/render/{dir}/{stem}/{timestamp}/{{stem}}", chunk_size: null}
    metadata: {file: "{name}"}
  - name: farm test
    type: echo-sleep-test
    settings: {message: hello, chunk_size: ~, render_output_root: ~}
`

const exampleJSON = "\xef\xbb\xbf" + `{
	"$schema": "manifest.schema.json",
	"version": 1, "project": ".",
	"defaults": {"type": "simple-blender-render", "priority": 50,
		"settings": {"render_output_root": "/render/out", "chunk_size": 5}, "metadata": {"project": "sprite"}},
	"jobs": [
		{"blend": "shots/sh010.blend", "settings": {"frames": "1-48"}},
		{"glob": "shots/sq020/*.blend", "name": "sq020 {stem}", "priority": 70.0,
			"settings": {"render_output_root": "/render/{dir}/{stem}/{timestamp}/{{stem}}", "chunk_size": null},
			"metadata": {"file": "{name}"}},
		{"name": "farm test", "type": "echo-sleep-test", "settings": {"message": "hello", "chunk_size": null, "render_output_root": null}}
	]
}`

func TestLoadExample(t *testing.T) {
	dir := project(t, shots()...)
	write(t, dir, "m.yaml", exampleYAML)
	write(t, dir, "crlf.yml", strings.ReplaceAll(exampleYAML, "\n", "\r\n"))
	write(t, dir, "m.json", exampleJSON)
	metadata := map[string]string{"project": "sprite"}
	want := []*Job{
		{
			Project: dir, Blend: filepath.Join(dir, "shots", "sh010.blend"), Name: "sh010", Type: "simple-blender-render", Priority: 50, HasPriority: true, Metadata: metadata,
			Settings: map[string]Setting{"render_output_root": {Value: "/render/out"}, "chunk_size": {Value: int64(5)}, "frames": {Value: "1-48"}},
		},
		{
			Project: dir, Blend: filepath.Join(dir, "shots", "sq020", "a 1.blend"), Name: "sq020 a 1", Type: "simple-blender-render", Priority: 70, HasPriority: true,
			Metadata: map[string]string{"project": "sprite", "file": "a 1.blend"},
			Settings: map[string]Setting{"render_output_root": {Value: "/render/shots/sq020/a 1/{timestamp}/{stem}"}},
		},
		{
			Project: dir, Blend: filepath.Join(dir, "shots", "sq020", "b.blend"), Name: "sq020 b", Type: "simple-blender-render", Priority: 70, HasPriority: true,
			Metadata: map[string]string{"project": "sprite", "file": "b.blend"},
			Settings: map[string]Setting{"render_output_root": {Value: "/render/shots/sq020/b/{timestamp}/{stem}"}},
		},
		{
			Project: dir, Name: "farm test", Type: "echo-sleep-test", Priority: 50, HasPriority: true, Metadata: metadata,
			Settings: map[string]Setting{"message": {Value: "hello"}},
		},
	}
	for _, tt := range []struct{ name, target, stdin string }{
		{"YAML", "m.yaml", ""},
		{"CRLF", "crlf.yml", ""},
		{"JSON", "m.json", ""},
		{"YAML from standard input", "-", exampleYAML},
		{"JSON from standard input", "-", exampleJSON},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Load([]string{tt.target}, Options{Dir: dir, Stdin: strings.NewReader(tt.stdin)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, ignorePlaces); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestLoadLinesAndRows(t *testing.T) {
	dir := project(t, shots()...)
	jsonl := `{"blend": "shots/sh010.blend", "settings": {"frames": "1-48", "chunk_size": 3, "fast": true}, "metadata": {"a": "b"}, "worker_tag": "gpu"}

{"name": "t", "type": "echo-sleep-test", "priority": 7, "initial_status": "paused", "key": "k1"}
`
	csv := "name,blend,priority,type,worker_tag,settings.frames,settings.chunk_size,settings.fast,metadata.a,initial_status,key\r\n" +
		",shots/sh010.blend,,,gpu,1-48,3,true,b,,\r\n,,,,,,,,,,\r\nt,,7,echo-sleep-test,,,,,,paused,k1\r\n"
	text := func(v any, isCSV bool) Setting {
		if isCSV {
			return Setting{Value: Text(map[any]string{"1-48": "1-48", int64(3): "3", true: "true"}[v])}
		}
		return Setting{Value: v}
	}
	for _, tt := range []struct {
		name, content string
		csv           bool
	}{
		{"m.jsonl", jsonl, false},
		{"m.csv", csv, true},
		{"semicolons.csv", strings.ReplaceAll(csv, ",", ";"), true},
	} {
		write(t, dir, tt.name, tt.content)
		want := []*Job{
			{
				Project: dir, Blend: filepath.Join(dir, "shots", "sh010.blend"), Name: "sh010", Type: "simple-blender-render", Priority: 50, WorkerTag: "gpu",
				Settings: map[string]Setting{"frames": text("1-48", tt.csv), "chunk_size": text(int64(3), tt.csv), "fast": text(true, tt.csv)},
				Metadata: map[string]string{"a": "b"},
			},
			{Project: dir, Name: "t", Type: "echo-sleep-test", Priority: 7, HasPriority: true, InitialStatus: "paused"},
		}
		for _, target := range []string{tt.name, "-"} {
			got, err := Load([]string{target}, Options{Dir: dir, Stdin: strings.NewReader(tt.content)})
			if err != nil {
				t.Fatalf("%s as %s: %v", tt.name, target, err)
			}
			if diff := cmp.Diff(want, got, ignorePlaces); diff != "" {
				t.Errorf("%s as %s: (-want +got)\n%s", tt.name, target, diff)
			}
			if got[1].Key != "k1" {
				t.Errorf("%s: key %q", tt.name, got[1].Key)
			}
		}
	}
}

func TestOptionsWin(t *testing.T) {
	dir := project(t, append(shots(), "sub/m.yaml")...)
	write(t, dir, "sub/m.yaml", "defaults: {priority: 10, settings: {a: 1, b: 2}, metadata: {x: y}, exclude: ['*.tmp']}\njobs:\n- {blend: ../shots/sh010.blend, name: n, worker_tag: t, files: [../tex/*.png, ../shots]}\n")
	priority := 90
	got, err := Load([]string{"sub/m.yaml"}, Options{
		Dir: dir, Project: ".", Name: "night {stem}", Type: "special", WorkerTag: "gpu", Scene: "S2", Priority: &priority, Paused: true,
		Settings: map[string]string{"b": "3", "c": "{dir}"}, Metadata: map[string]string{"x": "z"}, Exclude: []string{"cache/**"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []*Job{{
		Project: dir, Blend: filepath.Join(dir, "shots", "sh010.blend"), Name: "night sh010", Type: "special", Priority: 90, HasPriority: true, WorkerTag: "gpu", Scene: "S2", InitialStatus: "paused",
		Settings: map[string]Setting{"a": {Value: int64(1)}, "b": {Value: Text("3")}, "c": {Value: Text("shots")}},
		Metadata: map[string]string{"x": "z"}, Exclude: []string{"cache/**", "*.tmp"},
		Files: []string{"/tex/*.png", "/shots"},
	}}
	if diff := cmp.Diff(want, got, ignorePlaces); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A template counts only where its value does: what is overridden or taken away needs no blend file.
func TestOverriddenTemplates(t *testing.T) {
	dir := project(t)
	write(t, dir, "m.yaml", `defaults:
  name: "{stem}"
  settings: {message: "{name}"}
  metadata: {shot: "{stem}", from: "{dir}"}
jobs:
  - {name: check, type: echo, settings: {message: "{stem}"}, metadata: {shot: null, from: here}}
`)
	jobs, err := Load([]string{"m.yaml"}, Options{Dir: dir, Settings: map[string]string{"message": "hi"}})
	if err != nil {
		t.Fatal(err)
	}
	if j := jobs[0]; j.Name != "check" || j.Settings["message"].Value != Text("hi") || len(j.Metadata) != 1 || j.Metadata["from"] != "here" {
		t.Errorf("%q %v %v", j.Name, j.Settings, j.Metadata)
	}
}

func TestPlainTargets(t *testing.T) {
	dir := project(t, shots()...)
	got, err := Load([]string{"shots/sh010.blend", filepath.Join(dir, "shots", "sq020", "*.blend")}, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, j := range got {
		names = append(names, j.Name+" "+j.Type+" in "+strings.TrimPrefix(filepath.ToSlash(j.Project), filepath.ToSlash(dir)))
	}
	want := []string{"sh010 simple-blender-render in /shots", "a 1 simple-blender-render in /shots/sq020", "b simple-blender-render in /shots/sq020"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What makes manifests may find that there is nothing to do tonight.
func TestNoJobs(t *testing.T) {
	jobs, err := Load([]string{"-"}, Options{Stdin: strings.NewReader("version: 1\njobs: []\n")})
	if err != nil || len(jobs) != 0 {
		t.Errorf("%+v, %v", jobs, err)
	}
}

func TestWrongTargets(t *testing.T) {
	dir := project(t, shots()...)
	low := -1
	for _, tt := range []struct {
		targets []string
		opts    Options
		want    string
	}{
		{nil, Options{}, "nothing to submit"},
		{[]string{"nope.yaml"}, Options{}, "nope.yaml: there is no such file"},
		{[]string{"nope.blend"}, Options{}, "there is no such file"},
		{[]string{"shots"}, Options{}, "for all blend files in a folder: '" + filepath.Join("shots", "**", "*.blend") + "'"},
		{[]string{"tex/a.png"}, Options{}, "is no blend file"},
		{[]string{"nothing"}, Options{}, "neither a .blend file nor a manifest"},
		{[]string{"shots/x*.blend"}, Options{}, "matches no file"},
		{[]string{"tex/*"}, Options{}, "none of them is a .blend file"},
		{[]string{"-"}, Options{}, "standard input: there is none"},
		{[]string{"-"}, Options{Stdin: strings.NewReader(" \n")}, "standard input:1:1: the manifest is empty"},
		{[]string{"shots/sh010.blend", "shots/sh010.blend"}, Options{}, "would be taken for one"},
		{[]string{"shots/sh010.blend"}, Options{Priority: &low}, "--priority: -1"},
		{[]string{"shots/sh010.blend"}, Options{Project: "nope"}, "--project: the project folder nope"},
		{[]string{"shots/sh010.blend"}, Options{Exclude: []string{"{a"}}, "--exclude"},
		{[]string{"shots/sh010.blend"}, Options{Metadata: map[string]string{"flsync.key": "x"}}, "flsync's own"},
	} {
		tt.opts.Dir = dir
		_, err := Load(tt.targets, tt.opts)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.targets, err, tt.want)
		}
	}
}

func TestKeys(t *testing.T) {
	base := Job{Project: "/p", Blend: "/p/shots/a.blend", Name: "a"}
	keyOf := func(j Job) string { return deriveKey(j.Project, j.Project, j.Name, j.Blend) }
	key := keyOf(base)
	for _, tt := range []struct {
		name string
		job  Job
		same bool
	}{
		{"settings and type do not matter", Job{Project: "/p", Blend: "/p/shots/a.blend", Name: "a", Type: "x", Priority: 3}, true},
		{"name", Job{Project: "/p", Blend: "/p/shots/a.blend", Name: "b"}, false},
		{"file", Job{Project: "/p", Blend: "/p/shots/b.blend", Name: "a"}, false},
		{"project", Job{Project: "/q", Blend: "/q/shots/a.blend", Name: "a"}, false},
	} {
		if same := keyOf(tt.job) == key; same != tt.same {
			t.Errorf("%s: same key %v", tt.name, same)
		}
	}
	composed, decomposed := Job{Project: "/p", Name: "é"}, Job{Project: "/p", Name: "e\u0301"}
	if keyOf(composed) != keyOf(decomposed) {
		t.Error("two forms of one name give two keys")
	}
}

func TestHugeManifests(t *testing.T) {
	bomb := "x-a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += "x-" + string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "]\n"
	}
	for _, tt := range []struct{ name, content, want string }{
		{"aliases", bomb + "jobs: [{blend: a.blend}]\n", "nested or repeated without end"},
		{"nested YAML", "jobs: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "without end"},
		{"nested JSON", `{"jobs": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}", "without end"},
		{"circle", "jobs: &j [{blend: a.blend, settings: {x: *j}}]\n", "is used inside of itself"},
		{"large", strings.Repeat("# comment\n", 7<<20), "larger than 64 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "large" {
				long.Test(t)
			}
			_, err := Load([]string{"-"}, Options{Dir: t.TempDir(), Stdin: strings.NewReader(tt.content)})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%.200v, want %q", err, tt.want)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	dir := project(t, shots()...)
	for _, tt := range []struct{ name, file, content, want string }{
		{"columns", "m.csv", "blend" + strings.Repeat(",settings.a", 500_000) + "\nshots/sh010.blend\n", "m.csv:1:1: 500001 columns"},
		{"braces", "m.yaml", "jobs: [{glob: '" + strings.Repeat("{s,ss}", 28) + ".blend'}]", "stand for more than 1000 patterns"},
		{"nested braces", "m.yaml", "jobs: [{blend: shots/sh010.blend, exclude: '" + strings.Repeat("{a,{b,c}", 20) + strings.Repeat("}", 20) + "{x,y}{x,y}{x,y}{x,y}{x,y}{x,y}'}]", "stand for more than 1000 patterns"},
		{"values", "m.yaml", "jobs: [" + strings.Repeat("1,", 1_100_000) + "1]", "m.yaml:1:1: more than 1000000 lines and commas"},
		{"lines", "m.jsonl", strings.Repeat("{\"name\":\"n\",\"type\":\"t\"}\n", 100_002), "more than 100000 jobs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !long.Wanted() && tt.name == "lines" {
				t.Skip("reads 100,000 jobs")
			}
			write(t, dir, tt.file, tt.content)
			began := time.Now()
			_, err := Load([]string{tt.file}, Options{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%.300v, want %q", err, tt.want)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestWindows: what PowerShell and Windows' paths make of a manifest.
func TestWindows(t *testing.T) {
	dir := project(t, "sh010.blend")
	utf16 := func(mark, text string) string {
		out := mark
		for _, r := range text {
			if mark == "\xff\xfe" {
				out += string([]byte{byte(r), byte(r >> 8)})
			} else {
				out += string([]byte{byte(r >> 8), byte(r)})
			}
		}
		return out
	}
	for _, tt := range []struct{ name, file, content, want string }{
		{"PowerShell", "m.yaml", utf16("\xff\xfe", "jobs: [{blend: sh010.blend, name: 'é'}]\r\n"), ""},
		{"big end first", "m.json", utf16("\xfe\xff", `{"jobs": [{"blend": "sh010.blend", "name": "é"}]}`), ""},
		{"without a mark", "m.yaml", utf16("\xff\xfe", "jobs: []")[2:], "m.yaml:1:2: a NUL byte"},
		{"unknown escape", "m.yaml", "jobs:\n- blend: sh010.blend\n  settings: {out: \"C:\\proj\"}", `m.yaml:3:22: this is not YAML: found unknown escape character; in double quotes a backslash begins an escape`},
		{"control character", "m.yaml", "jobs:\n- blend: sh010.blend\n  settings: {out: \"C:\\new\"}", `m.yaml:3:19: "C:\new" holds a control character; in double quotes`},
		{"in single quotes", "m.yaml", "jobs:\n- blend: sh010.blend\n  name: é\n  settings: {out: 'C:\\new', text: \"two\\nlines: x\"}", ""},
		{"JSON", "m.json", `{"jobs": [{"blend": "C:\proj"}]}`, `m.json:1:25: this is not JSON: invalid character 'p' in string escape code; a backslash is written`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			write(t, dir, tt.file, tt.content)
			jobs, err := Load([]string{tt.file}, Options{Dir: dir})
			if tt.want == "" && (err != nil || len(jobs) != 1 || jobs[0].Name != "é") || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%+v, %v, want %q", jobs, err, tt.want)
			}
		})
	}
}

// TestJSONIsYAML: what JSON has and YAML has not.
func TestJSONIsYAML(t *testing.T) {
	jobs, err := Load([]string{"-"}, Options{Stdin: strings.NewReader(
		`{"jobs": [{"name": "\ud83c\udfac \\ud83c \/ \udfac\ud83c!", "type": "t",` + "\n\t" + `"settings": {"a": 1E2, "b": -0, "c": 12345678901234567890, "d": "010", "e": "yes", "<<": "x"}}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if want := "\U0001f3ac \\ud83c / \ufffd\ufffd!"; jobs[0].Name != want {
		t.Errorf("name %q, want %q", jobs[0].Name, want)
	}
	got := map[string]any{}
	for key, s := range jobs[0].Settings {
		got[key] = s.Value
	}
	if diff := cmp.Diff(map[string]any{"a": 100.0, "b": int64(0), "c": 12345678901234567890.0, "d": "010", "e": "yes", "<<": "x"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMissingAndRules(t *testing.T) {
	jobs, err := Load([]string{"-"}, Options{Stdin: strings.NewReader(`
defaults: {missing: fail, rules: [{require: "scene.fps == 24", say: 24 frames a second}]}
jobs:
- {name: a, type: t}
- {name: b, type: t, missing: warn, rules: [{when: "engine == 'CYCLES'", require: samples <= 512, severity: warning}]}
`)})
	if err != nil {
		t.Fatal(err)
	}
	first := Rule{Require: "scene.fps == 24", Say: "24 frames a second", Severity: "error"}
	second := Rule{When: "engine == 'CYCLES'", Require: "samples <= 512", Severity: "warning"}
	for i, want := range []Job{{Missing: "fail", Rules: []Rule{first}}, {Missing: "warn", Rules: []Rule{first, second}}} {
		got := Job{Missing: jobs[i].Missing, Rules: jobs[i].Rules}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Job{}), cmpopts.IgnoreFields(Rule{}, "Pos")); diff != "" {
			t.Error(diff)
		}
	}
	_, err = Load([]string{"-"}, Options{Stdin: strings.NewReader("jobs:\n- {name: a, type: t, missing: wran, rules: [{say: x, sevrity: error}, 3]}\n")})
	for _, want := range []string{`:2:31: missing is "wran", it can be fail or warn`, ":2:45: require is missing", ":2:54: unknown field sevrity; did you mean severity?", ":2:71: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		strings.ReplaceAll(exampleYAML, "glob: shots/sq020/*", "blend: shots/sh010"), strings.ReplaceAll(exampleJSON, `"glob": "shots/sq020/*`, `"blend": "shots/sh010`),
		"name,blend,settings.frames\na,shots/sh010.blend,1-3\n",
		`{"blend": "a.blend"}` + "\n" + `{"type": "t", "name": "n"}`,
		"x-a: &a {type: t}\njobs:\n- <<: *a\n  name: n\n",
	} {
		f.Add(seed)
	}
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && filepath.Ext(file) != ".txt" {
			f.Add(string(data))
		}
	}
	dir := project(f, "shots/sh010.blend")
	f.Fuzz(func(t *testing.T, content string) {
		if strings.Contains(content, "glob") || strings.Contains(content, "files") || strings.Contains(content, `\`) {
			t.Skip("could search the whole disk")
		}
		jobs, err := Load([]string{"-"}, Options{Dir: dir, Stdin: strings.NewReader(content)})
		if err == nil {
			for _, j := range jobs {
				if j.Name == "" || j.Type == "" || j.Key == "" || j.Priority < 0 || j.Priority > 100 {
					t.Errorf("%+v without an error", j)
				}
			}
			return
		}
		var errs Errors
		if !errors.As(err, &errs) {
			t.Errorf("%v has no places", err)
		}
	})
}

// TestSpelling holds that one file, spelled otherwise, is one job, and that the keys which the spellings once
// made are told. FLSYNC_TEST_CASELESS names a folder that ignores case, where the system itself does not.
func TestSpelling(t *testing.T) {
	dir := t.TempDir()
	if mount := os.Getenv("FLSYNC_TEST_CASELESS"); mount != "" {
		var err error
		if dir, err = os.MkdirTemp(mount, "manifest"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	if err := os.MkdirAll(filepath.Join(dir, "Proj", "Shots"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "Proj/Shots/Sh010.blend", "BLENDER")
	if _, err := os.Stat(filepath.Join(dir, "PROJ")); err != nil {
		t.Skip("the file system knows case")
	}
	var jobs []*Job
	for _, name := range []string{"Proj/Shots/Sh010.blend", "PROJ/shots/SH010.BLEND"} {
		got, err := Load([]string{filepath.Join(dir, name)}, Options{Project: filepath.Join(dir, name[:4])})
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, got...)
	}
	if jobs[0].Key != jobs[1].Key || jobs[0].Name != jobs[1].Name || jobs[0].Project != jobs[1].Project || jobs[0].Blend != jobs[1].Blend {
		t.Errorf("two jobs: %+v and %+v", jobs[0], jobs[1])
	}
	typed := filepath.Join(dir, "PROJ")
	if old := deriveKey(typed, typed, "SH010", filepath.Join(typed, "shots", "SH010.BLEND")); !slices.Contains(jobs[1].OldKeys, old) {
		t.Errorf("the key of earlier versions is forgotten: %q", jobs[1].OldKeys)
	}
}
