package pipeline

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/submit/eval"
)

// Files keep yes, no and the choices of menus as whole numbers. Python has them as True, False and 'GPU'.
func TestFactsOfEngines(t *testing.T) {
	facts := evalFacts(&deps.Blend{ActiveScene: "Shot", Scenes: []deps.Scene{{
		Name: "Shot", FPS: 24,
		Properties: map[string]any{"cycles": map[string]any{
			"samples": int64(64), "max_bounces": int64(8), "device": int64(1), "use_denoising": int64(0), "exposure": 1.5, "name": "x",
		}},
	}}}, "")
	more := facts.Attributes
	got := make(map[string]any)
	for _, name := range []string{"cycles.samples", "cycles.max_bounces", "cycles.device", "cycles.use_denoising", "cycles.exposure", "render.fps"} {
		if value, known := more[name]; known {
			got[name] = value
		}
	}
	want := map[string]any{"cycles.samples": int64(64), "cycles.max_bounces": int64(8), "cycles.device": "GPU", "cycles.use_denoising": false, "cycles.exposure": 1.5, "render.fps": int64(24)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Every expression of Flamenco's own job types and of public ones evaluates over the facts of a file. Blender
// 3.4.1 made the file and says the same of it.
func TestListedExpressionsOverFile(t *testing.T) {
	data, err := os.ReadFile("../../submit/eval/testdata/jobtypes.json")
	if err != nil {
		t.Fatal(err)
	}
	var listed []struct{ Expr string }
	if err := json.Unmarshal(data, &listed); err != nil {
		t.Fatal(err)
	}
	tracer, err := deps.New(deps.Config{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs("../../testdata/blend/02-scene-facts/main.blend")
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]any{"render_output_root": "/render", "add_path_components": 1, "stable_directory": false,
		"playblast_output_root": "//blasts", "render_output_path": "/render/x/../y"}
	blend, err := tracer.Inspect(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	for scene, want := range map[string]map[string]any{
		"First": {"C.scene.eevee.taa_render_samples": int64(64), "C.scene.render.ffmpeg.format": "MPEG1", "C.scene.cycles.samples": int64(4096),
			"C.scene.cycles.use_denoising": true, "C.scene.view_settings.view_transform": "Filmic", `C.scene.get("name")`: nil},
	} {
		e := eval.New(&eval.Env{JobName: "shot", Facts: evalFacts(blend, scene), Setting: func(name string) (any, bool, error) {
			v, ok := settings[name]
			return v, ok, nil
		}})
		for _, l := range listed {
			got, err := e.Eval(l.Expr)
			if err != nil {
				t.Errorf("scene %s: %s: %v", scene, l.Expr, err)
			}
			if w, ok := want[l.Expr]; ok && w != got {
				t.Errorf("scene %s: %s gives %v, want %v", scene, l.Expr, got, w)
			}
		}
	}
}
