package pipeline

import (
	"maps"
	"path/filepath"
	"strings"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/submit/eval"
)

// evalFacts converts what deps knows of a blend file to the plain value that the evaluator of settings takes.
func evalFacts(b *deps.Blend, scene string) eval.Facts {
	facts := eval.Facts{BlendFile: filepath.ToSlash(b.Path), Scene: scene}
	if facts.Scene == "" {
		facts.Scene = b.ActiveScene
	}
	for i := range b.Scenes {
		s := &b.Scenes[i]
		more := make(map[string]any)
		flatten(more, "", s.Properties)
		maps.DeleteFunc(more, func(name string, value any) bool { return !sameInPython(name, value) })
		native := *s
		native.Properties = nil
		flatten(more, "", native.RNA())
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

// sameInPython reports whether a setting of a render engine, such as cycles.samples, has the same value in Python as
// in the file. The file stores booleans and menu choices as whole numbers too: only the name reveals a real number.
func sameInPython(name string, value any) bool {
	if _, whole := value.(int64); !whole {
		return true
	}
	_, last, _ := strings.Cut(name, ".")
	return strings.HasSuffix(last, "samples") || strings.HasSuffix(last, "bounces") || last == "seed" || last == "tile_size"
}

// flatten copies nested maps into one with dotted names. It leaves lists out: the evaluator has fields for those.
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
