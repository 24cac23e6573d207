package pipeline

import (
	"path/filepath"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/submit/eval"
)

// evalFacts hands what deps knows of a blend file to the evaluator of settings, as a plain value.
func evalFacts(b *deps.Blend, scene string) eval.Facts {
	facts := eval.Facts{BlendFile: filepath.ToSlash(b.Path), Scene: scene}
	if facts.Scene == "" {
		facts.Scene = b.ActiveScene
	}
	for i := range b.Scenes {
		s := &b.Scenes[i]
		more := make(map[string]any)
		flatten(more, "", s.RNA())
		facts.Scenes = append(facts.Scenes, eval.Scene{
			Name:       s.Name,
			FrameStart: s.FrameStart, FrameEnd: s.FrameEnd, FrameStep: s.FrameStep, FrameCurrent: s.FrameCurrent,
			FPS: s.FPS, FPSBase: float64(s.FPSBase),
			ResolutionX: s.ResolutionX, ResolutionY: s.ResolutionY, ResolutionPercent: s.ResolutionPercentage,
			Engine: s.Engine, FileFormat: s.FileFormat, FileExtension: s.FileExtension, FilePath: s.Filepath,
			UsePreview: s.UsePreview, Camera: string(s.Camera), ViewLayers: s.ViewLayers, More: more,
		})
	}
	return facts
}

// flatten gives nested maps dotted names. Lists are left to the evaluator's own fields.
func flatten(into map[string]any, prefix string, nested map[string]any) {
	for name, value := range nested {
		switch v := value.(type) {
		case map[string]any:
			flatten(into, prefix+name+".", v)
		case nil, bool, int, int64, float64, string:
			into[prefix+name] = v
		}
	}
}
