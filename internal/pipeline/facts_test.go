package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps"
)

// Files keep yes, no and the choices of menus as whole numbers. Python has them as True, False and 'GPU'.
func TestFactsOfEngines(t *testing.T) {
	facts := evalFacts(&deps.Blend{ActiveScene: "Shot", Scenes: []deps.Scene{{
		Name: "Shot", FPS: 24,
		Properties: map[string]any{"cycles": map[string]any{
			"samples": int64(64), "max_bounces": int64(8), "device": int64(1), "use_denoising": int64(0), "exposure": 1.5, "name": "x",
		}},
	}}}, "")
	more := facts.Scenes[0].More
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
