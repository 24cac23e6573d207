package eval

import (
	"maps"
	"math"
	"strings"
	"unicode/utf8"
)

// Facts are what is known of a blend file without Blender.
type Facts struct {
	// BlendFile is the absolute path with slashes.
	BlendFile string
	// Scenes of the file, in its order.
	Scenes []Scene
	// Scene names the one that C.scene is; when empty, the first.
	Scene string
	// WorkDir makes relative paths absolute, as the working directory of Blender would. Empty: abspath of a
	// relative path is ErrNeedsBlender.
	WorkDir string
	// Windows makes paths those of Python on Windows: with drives, shares and backslashes.
	Windows bool
}

// Scene holds the facts of one scene, in the units of Blender's Python API.
type Scene struct {
	Name                                          string
	FrameStart, FrameEnd, FrameStep, FrameCurrent int
	FPS                                           int
	FPSBase                                       float64
	ResolutionX, ResolutionY, ResolutionPercent   int
	Engine                                        string
	FileFormat, FileExtension                     string
	FilePath                                      string // as stored, perhaps beginning with //
	UsePreview                                    bool
	Camera                                        string // "" without
	ViewLayers                                    []string
	// More facts by their name below the scene, for example "render.use_border": true. Values are nil, bool,
	// int, int64, float64 or string.
	More map[string]any
	// Custom are the custom properties, which scene.get() finds. Nil: they are not known. Values of other
	// types than in More are ErrNeedsBlender.
	Custom map[string]any
}

// attributes returns the scene's by their names in Blender's API.
func (s Scene) attributes() map[string]any {
	all := map[string]any{
		"name": s.Name, "name_full": s.Name,
		"frame_start": s.FrameStart, "frame_end": s.FrameEnd, "frame_step": s.FrameStep, "frame_current": s.FrameCurrent,
		"render.fps": s.FPS, "render.fps_base": s.FPSBase,
		"render.resolution_x": s.ResolutionX, "render.resolution_y": s.ResolutionY, "render.resolution_percentage": s.ResolutionPercent,
		"render.engine": s.Engine, "render.filepath": s.FilePath, "render.image_settings.use_preview": s.UsePreview,
	}
	if s.Camera != "" {
		all["camera.name"] = s.Camera
	} else {
		all["camera"] = nil
	}
	if s.FileFormat != "" { // else of a Blender that is not known: an error is better than a guess
		all["render.file_extension"], all["render.image_settings.file_format"] = s.FileExtension, s.FileFormat
	}
	maps.Copy(all, s.More)
	if s.Custom != nil {
		all["get"] = &function{"get", func(a *args) any {
			key := a.text()
			without, _ := a.next()
			if v, ok := s.Custom[key]; ok {
				return plain("C.scene."+key, v)
			}
			return without
		}}
	}
	return all
}

// object stands for an object of Blender: what it has is in Evaluator.facts.
type object struct{ path string }

// parent is the fact of a name below which there are others.
type parent struct{}

// addFact adds an attribute by its full name. A parent that is there already keeps its value, as None.
func (e *Evaluator) addFact(name string, value any) {
	e.facts[name] = value
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if _, known := e.facts[name[:i]]; !known {
			e.facts[name[:i]] = parent{}
		}
	}
}

// plain turns a fact into a value.
func plain(path string, value any) any {
	switch v := value.(type) {
	case nil, bool, int64, string, *function:
		return v
	case int:
		return int64(v)
	case float64:
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			return v
		}
	case parent:
		return &object{path}
	}
	panic(unknown("%s", path))
}

// attribute is v.name.
func (e *Evaluator) attribute(v any, name string) any {
	switch v := v.(type) {
	case string:
		if method, ok := textMethods[name]; ok {
			if !utf8.ValidString(v) {
				panic(unknown("str.%s of text that is not UTF-8", name))
			}
			return &function{"str." + name, func(a *args) any { return method(e, v, a) }}
		}
	case pyPath:
		if get, ok := pathAttributes[name]; ok {
			return get(v)
		} else if method, ok := pathMethods[name]; ok {
			return &function{"Path." + name, func(a *args) any { return method(e, v, a) }}
		}
	case *object:
		if v.path == "settings" {
			return e.setting(name)
		}
		path := v.path + "." + name
		same := strings.NewReplacer("bpy.context", "C", "bpy.data", "C.blend_data").Replace(path)
		if fact, ok := e.facts[same]; ok {
			return plain(path, fact)
		}
	case nil:
		panic(raise("AttributeError", "'NoneType' object has no attribute '%s'", name))
	}
	panic(unknown("%s.%s", typeName(v), name))
}
