package settings

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/submit/manifest"
)

// TestTooMuch has job types that a hostile Manager could send. Each ends within a second.
func TestTooMuch(t *testing.T) {
	chain := func(n int) (all []api.AvailableJobSetting) {
		for i := range n {
			all = append(all, api.AvailableJobSetting{Key: fmt.Sprintf("s%d", i), Type: "int32", Eval: fmt.Sprintf("settings.s%d", i+1)})
		}
		return all
	}
	many := func(n int, expr string) (all []api.AvailableJobSetting) {
		for i := range n {
			all = append(all, api.AvailableJobSetting{Key: fmt.Sprintf("s%d", i), Type: "string", Eval: expr})
		}
		return all
	}
	for name, tt := range map[string]struct {
		settings []api.AvailableJobSetting
		want     []string
	}{
		"90,000 settings":       {many(90_000, "'x' * 16000000"), []string{"there are 90000", "2000"}},
		"100,000 chained":       {chain(100_000), []string{"there are 100000"}},
		"2,000 chained":         {chain(2_000), []string{"setting s101", "more than 100 ask for each other"}},
		"2,000 that take steps": {many(2_000, strings.Repeat("1,", 4_000)), []string{"setting s"}},
		"2,000 that take room":  {many(2_000, "f'{1:999}'.replace('', f'{1:999}') == ''"), []string{"setting s", "memory"}},
		"one that takes room":   {many(1, "f'{1:999}'"+strings.Repeat(".replace('', f'{1:999}')", 3)), []string{"setting s0", "memory"}},
	} {
		begin := time.Now()
		_, err := Resolve(t.Context(), Input{Job: job(nil), Type: &api.AvailableJobType{Name: "evil", Settings: tt.settings}, Facts: shotFacts()})
		var much *TooMuchError
		if !errors.As(err, &much) {
			t.Errorf("%s: %.200v is no *TooMuchError", name, err)
			continue
		}
		for _, want := range append(tt.want, "job sh010", "evil") {
			if !strings.Contains(strings.ReplaceAll(err.Error(), "take too much", "takes too much"), want) || len(err.Error()) > 1000 {
				t.Errorf("%s: %.500q lacks %q", name, err, want)
			}
		}
		if took := time.Since(begin); took > 5*time.Second { // under one on a machine of its own
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestFrames(t *testing.T) {
	for frames, want := range map[string]string{
		"1-10": "", "47": "", "3, 5-10, 47..327": "", "": "", "1-1048574": "", "whatever": "", "10-1": "",
		"1-999999999999":         "beyond 1048574",
		"1-99999999999999999999": "beyond 1048574",
		"1..2147483647":          "beyond 1048574",
		"2147483647":             "beyond 1048574",
		"0-1048574":              "more than 1048574",
		"1-1000000, 1-1000000":   "more than 1048574",
		"-5":                     "below 0",
		"-10-5":                  "below 0",
		"1-5, -3":                "below 0",
	} {
		if err := checkFrames(frames); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", frames, err, want)
		}
	}
	given := &manifest.Job{Name: "sh", Blend: "/a.blend", Settings: map[string]manifest.Setting{
		"frames": {Value: "1-999999999999", Pos: manifest.Pos{File: "night.yaml", Line: 7}},
	}}
	if err := CheckJobs([]*manifest.Job{given}).Err(); err == nil || !strings.Contains(err.Error(), "night.yaml:7") {
		t.Errorf("frames of a manifest: %v", err)
	}
	facts := shotFacts()
	facts.Attributes["frame_end"] = 2147483647
	_, err := Resolve(t.Context(), Input{Job: job(map[string]any{"render_output_root": "/r"}), Type: builtInType(t, "simple-blender-render"), Facts: facts})
	if err == nil || !strings.Contains(err.Error(), "setting frames") || !strings.Contains(err.Error(), "beyond 1048574") {
		t.Errorf("a scene that ends at 2147483647: %v", err)
	}
}

func FuzzFrames(f *testing.F) {
	for _, seed := range []string{"1-10", "3, 5..10", "-1", "1-99999999999999999999", ",,-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, frames string) {
		if err := checkFrames(frames); err != nil && err.Error() == "" {
			t.Error("an error without a message")
		}
	})
}

func TestJobNames(t *testing.T) {
	for name, want := range map[string]string{
		"sq010/sh 010_é.v1": "", strings.Repeat("x", 255): "", "a..b": "",
		strings.Repeat("x", 300): "of 300 bytes", strings.Repeat("é", 200): "of 400 bytes",
		"a/" + strings.Repeat("x", 256): "of 256 bytes",
		"..":                            "has the part ..", "a/../../b": "has the part ..", "/abs": "absolute path", "a\nb": "control characters", "a\x1b[0m": "control characters",
	} {
		err := CheckJobs([]*manifest.Job{{Name: name, Blend: "/a.blend"}}).Err()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

func TestOutputRoots(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a table for other systems")
	}
	dir := t.TempDir()
	for _, tt := range []struct {
		root, platform, from, want, err string
		blend                           string
	}{
		{root: "/render", want: "/render/sh010/{timestamp}/######"},
		{root: "//render", want: "/proj/sq/render/sh010/{timestamp}/######"},
		{root: "{storage}/renders", want: "{storage}/renders/sh010/{timestamp}/######"},
		{root: "{storage}", want: "{storage}/sh010/{timestamp}/######"},
		{root: `X:\renders`, want: `X:\renders/sh010/{timestamp}/######`},
		{root: "X:/renders/../out", want: "X:/out/sh010/{timestamp}/######"},
		{root: "renders", from: "night.yaml", want: filepath.Join(dir, "renders") + "/sh010/{timestamp}/######"},
		{root: "../renders", from: "night.yaml", want: filepath.Join(filepath.Dir(dir), "renders") + "/sh010/{timestamp}/######"},
		{root: "renders", from: "--set render_output_root", err: "//renders for beside the blend file, or {name}/renders"},
		{root: "~/renders", from: "--set render_output_root", err: "is no absolute path on linux"},
		{root: "~/renders", from: "night.yaml", err: "is no absolute path on linux"},
		{root: "{storage}renders", from: "night.yaml", err: "is no absolute path on linux"},
		{root: `\\nas\share`, err: "--platform windows"},
		{root: `\\nas\share\out`, platform: "windows", want: `\\nas\share\out\sh010\{timestamp}\######`},
		{root: `X:\renders`, platform: "windows", want: `X:\renders\sh010\{timestamp}\######`},
		{root: `X:renders`, platform: "windows", err: "is no absolute path on windows"},
		{root: "/render", platform: "windows", err: "is no absolute path on windows"},
		{root: "//render", platform: "windows", err: "relative to the blend file, whose folder on this machine"},
		{root: "renders", platform: "windows", from: "night.yaml", err: "is no absolute path on windows"},
	} {
		j := job(nil)
		j.Dir, j.Type = dir, "simple-blender-render"
		j.Settings["render_output_root"] = manifest.Setting{Value: tt.root, Pos: manifest.Pos{File: tt.from}}
		platform := tt.platform
		if platform == "" {
			platform = "linux"
		}
		typ := builtInType(t, "simple-blender-render")
		static := Static([]*manifest.Job{j}, &Farm{Types: []api.AvailableJobType{*typ}, Platform: platform}).Err()
		values, err := Resolve(t.Context(), Input{Job: j, Type: typ, Facts: shotFacts(), Platform: platform})
		if tt.err != "" {
			for _, err := range []error{static, err} {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%s on %s: %v, want %q", tt.root, platform, err, tt.err)
				}
			}
			continue
		}
		if err != nil || static != nil || values["render_output_path"] != tt.want {
			t.Errorf("%s on %s gives %v, %v, %v, want %s", tt.root, platform, values["render_output_path"], err, static, tt.want)
		}
	}
}

func TestDeepFoldersStayBelowTheRoot(t *testing.T) {
	for blend, want := range map[string]string{
		"/proj/sq/sh010.blend": "/r/proj/sq/sh010", "C:/proj/sq/sh010.blend": "/r/proj/sq/sh010", "//server/share/sq/sh010.blend": "/r/server/share/sq/sh010",
	} {
		facts := shotFacts()
		facts.BlendFile = blend
		j := job(map[string]any{"render_output_root": "/r", "add_path_components": int64(32)})
		values, err := Resolve(t.Context(), Input{Job: j, Type: builtInType(t, "simple-blender-render"), Facts: facts, Platform: "linux"})
		if got := fmt.Sprint(values["render_output_path"]); err != nil || got != want+"/{timestamp}/######" {
			t.Errorf("%s gives %s, %v, want %s", blend, got, err, want)
		}
	}
}

func TestHiddenSettingsAreLenient(t *testing.T) {
	hidden := func(key string, typ api.AvailableJobSettingType, expr string) api.AvailableJobSetting {
		return api.AvailableJobSetting{Key: key, Type: typ, Eval: expr, Visible: api.AvailableJobSettingVisibilityHidden}
	}
	typ := &api.AvailableJobType{Settings: []api.AvailableJobSetting{
		hidden("text", "string", "4"), hidden("whole", "int32", "64 / 3"), hidden("truth", "bool", "1"), hidden("none", "string", "None"),
	}}
	got, err := Resolve(t.Context(), Input{Job: job(nil), Type: typ, Facts: shotFacts()})
	want := api.JobSettings{"text": int64(4), "whole": 64.0 / 3, "truth": int64(1), "none": nil}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestCheckout(t *testing.T) {
	values := api.JobSettings{"scene": "{checkout}/scene.bsz", "n": int64(1), "other": "{jobs}/x"}
	FillCheckout(values, "sh-ab12")
	if diff := cmp.Diff(api.JobSettings{"scene": "{jobs}/sh-ab12/scene.bsz", "n": int64(1), "other": "{jobs}/x"}, values); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	given := map[string]manifest.Setting{"scene": {Value: "{checkout}/x"}}
	if err := CheckJobs([]*manifest.Job{{Name: "a", Settings: given}}).Err(); err == nil || !strings.Contains(err.Error(), "has no files") {
		t.Errorf("{checkout} without files: %v", err)
	}
	if err := CheckJobs([]*manifest.Job{{Name: "a", Settings: given, Files: []string{"/x"}}}).Err(); err != nil {
		t.Error(err)
	}
}

func TestInStorage(t *testing.T) {
	storages := []string{"/shared/flamenco", `S:\farm`, "{storage}"}
	for output, want := range map[string]bool{
		"/shared/flamenco/renders/x": true, "/shared/flamenco": true, "/shared/flamenco2/x": false, "/shared/flamenco/../x": false,
		`s:/FARM/out`: true, "{storage}/renders": true, "/render/x": false, "": false,
	} {
		if InStorage(output, storages) != want {
			t.Errorf("%s: want %v", output, want)
		}
	}
}

func TestDiff(t *testing.T) {
	older := api.JobSettings{"chunk_size": 3.0, "frames": "1-10", "gone": true, "blendfile": "a", "same": int64(2)}
	newer := api.JobSettings{"chunk_size": int64(5), "frames": "1-10", "new": "", "blendfile": "b", "same": 2.0}
	want := []string{"chunk_size 3 → 5", "gone true → nothing", `new nothing → ""`}
	if diff := cmp.Diff(want, Diff(older, newer)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
