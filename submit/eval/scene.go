package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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
	// Custom are the custom properties, which scene.get() finds. Nil: they are not known. Values of other types
	// than in More are ErrNeedsBlender.
	Custom map[string]any
}

// tree is an object of Blender by its attributes; items is a collection, whose objects are found by number or name.
type (
	tree  map[string]any
	items []tree
)

// attributes of a scene by their names in Blender's API.
func (s Scene) attributes() tree {
	var camera any
	if s.Camera != "" {
		camera = tree{"name": s.Camera}
	}
	layers := items{}
	for _, name := range s.ViewLayers {
		layers = append(layers, tree{"name": name})
	}
	flat := map[string]any{
		"name": s.Name, "name_full": s.Name,
		"frame_start": s.FrameStart, "frame_end": s.FrameEnd, "frame_step": s.FrameStep, "frame_current": s.FrameCurrent,
		"camera": camera, "view_layers": layers,
		"render.fps": s.FPS, "render.fps_base": s.FPSBase,
		"render.resolution_x": s.ResolutionX, "render.resolution_y": s.ResolutionY, "render.resolution_percentage": s.ResolutionPercent,
		"render.engine": s.Engine, "render.filepath": s.FilePath, "render.file_extension": s.FileExtension,
		"render.image_settings.file_format": s.FileFormat, "render.image_settings.use_preview": s.UsePreview,
	}
	if s.FileFormat == "" { // of a Blender that is not known: an error is better than a guess
		delete(flat, "render.file_extension")
		delete(flat, "render.image_settings.file_format")
	}
	maps.Copy(flat, s.More)
	root := tree{}
	for _, name := range slices.Sorted(maps.Keys(flat)) { // an object before its attributes
		at, path := root, strings.Split(name, ".")
		for _, step := range path[:len(path)-1] {
			next, ok := at[step].(tree)
			if !ok {
				next = tree{}
				at[step] = next
			}
			at = next
		}
		at[path[len(path)-1]] = flat[name]
	}
	if s.Custom != nil {
		root["get"] = &function{"get", func(a *args) any {
			key := a.text()
			without, _ := a.next("")
			if v, ok := s.Custom[key]; ok {
				return plain("C.scene."+key, v)
			}
			return without
		}}
	}
	return root
}

// object is an object or a collection of Blender.
type object struct {
	path  string // as an expression has it
	attrs tree
	items items // nil for what is no collection
	get   func(name string) any
}

// plain turns a fact into a value.
func plain(path string, value any) any {
	switch v := value.(type) {
	case nil, bool, int64, float64, string, *function:
		return v
	case int:
		return int64(v)
	case tree:
		return &object{path: path, attrs: v}
	case items:
		return &object{path: path, items: v}
	}
	panic(unknown("%s", path))
}

// attribute is v.name.
func (e *Evaluator) attribute(v any, name string) any {
	switch v := v.(type) {
	case string:
		return &function{name, func(a *args) any { return e.callText(v, name, a) }}
	case pyPath:
		return e.pathAttribute(v, name)
	case *object:
		if v.get != nil {
			return v.get(name)
		}
		if v.items != nil && name == "get" {
			return &function{"get", func(a *args) any {
				i := v.find(a.text())
				without, _ := a.next("")
				if i < 0 {
					return without
				}
				return v.child(i)
			}}
		}
		if fact, ok := v.attrs[name]; ok {
			return plain(v.path+"."+name, fact)
		}
		panic(unknown("%s.%s", v.path, name))
	case nil:
		panic(raise("AttributeError", "'NoneType' object has no attribute '%s'", name))
	}
	panic(unknown("%s.%s", typeName(v), name))
}

func (o *object) child(i int) any {
	return &object{path: fmt.Sprintf("%s[%d]", o.path, i), attrs: o.items[i]}
}

func (o *object) find(name string) int {
	return slices.IndexFunc(o.items, func(item tree) bool { return item["name"] == name })
}

// item is o[index] of a collection, by number or name.
func (o *object) item(index any) any {
	name, ok := index.(string)
	switch i := o.find(name); {
	case o.items == nil:
		panic(unknown("%s[…]", o.path))
	case !ok:
		return o.child(position(o, index, len(o.items)))
	case i < 0:
		panic(raise("KeyError", "'bpy_prop_collection[key]: key \"%s\" not found'", name))
	default:
		return o.child(i)
	}
}
