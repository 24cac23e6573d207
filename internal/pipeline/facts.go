package pipeline

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/submit/eval"
)

// evalFacts converts what deps knows of a blend file and a scene of it, "" for the active one, to the plain value
// that the evaluator of settings takes.
func evalFacts(b *deps.Blend, scene string) eval.Facts {
	facts := eval.Facts{BlendFile: filepath.ToSlash(b.Path), Scene: cmp.Or(scene, b.ActiveScene)}
	i := slices.IndexFunc(b.Scenes, func(s deps.Scene) bool { return s.Name == facts.Scene })
	if i < 0 {
		return facts
	}
	s := &b.Scenes[i]
	facts.Attributes = make(map[string]any)
	flatten(facts.Attributes, "", s.Properties)
	toPython(facts.Attributes, b.Version)
	maps.Copy(facts.Attributes, s.RNA())
	facts.Custom = custom(b.Version, s.Properties)
	if len(s.ViewLayers) == 1 {
		facts.ViewLayer = s.ViewLayers[0]
	}
	return facts
}

// toPython turns settings of render engines into what Python has for them, and drops those that it cannot know. Files
// of Blender before 5 hold yes and no, and the choices of a menu, as whole numbers, as they hold numbers.
func toPython(more map[string]any, version string) {
	for name, value := range more {
		n, whole := value.(int64)
		if !whole {
			continue
		}
		_, last, _ := strings.Cut(name, ".")
		switch {
		case name == "cycles.device" && (n == 0 || n == 1):
			more[name] = [...]string{"CPU", "GPU"}[n]
		case strings.HasPrefix(name, "cycles.use_"):
			more[name] = n != 0
		case strings.HasSuffix(last, "samples"), strings.HasSuffix(last, "bounces"), last == "seed", last == "tile_size":
		default:
			delete(more, name)
		}
	}
	// Blender stores what differs from the defaults. Those of device and seed are the same in all its versions, the
	// others from 3.4 to 5.2 at least.
	defaults := map[string]any{"cycles.device": "CPU", "cycles.seed": int64(0)}
	if number, _ := strconv.ParseFloat(version, 64); number >= 3.4 {
		defaults["cycles.samples"], defaults["cycles.use_denoising"] = int64(4096), true
	}
	for name, value := range defaults {
		if _, stored := more[name]; !stored {
			more[name] = value
		}
	}
}

// custom returns what scene.get() finds. From Blender 5 on what add-ons define is apart, and deps has both together:
// their values are then not known.
func custom(version string, properties map[string]any) map[string]any {
	known := make(map[string]any)
	major, _, _ := strings.Cut(version, ".")
	for name, value := range properties {
		if n, err := strconv.Atoi(major); err != nil || n >= 5 {
			value = struct{}{}
		}
		known[name] = value
	}
	return known
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
