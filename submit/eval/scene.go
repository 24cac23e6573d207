package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// Facts are what is known of a blend file without Blender.
type Facts struct {
	// BlendFile is the absolute path with slashes: bpy.data.filepath.
	BlendFile string
	// Scenes of the file, in its order.
	Scenes []Scene
	// Scene names the one that C.scene is; when empty, the first.
	Scene string
	// WorkDir makes relative paths absolute, as the working directory of Blender
	// would; when empty, /.
	WorkDir string
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
	// More facts by their name below the scene, for example
	// "render.use_border": true. Values are nil, bool, int, float64 or string.
	More map[string]any
}

// attributes of a scene under their names in Blender's API.
func (s Scene) attributes() map[string]any {
	var camera any
	if s.Camera != "" {
		camera = tree{"name": s.Camera}
	}
	var layers items
	for _, name := range s.ViewLayers {
		layers = append(layers, tree{"name": name})
	}
	known := map[string]any{
		"name": s.Name, "name_full": s.Name,
		"frame_start": s.FrameStart, "frame_end": s.FrameEnd, "frame_step": s.FrameStep, "frame_current": s.FrameCurrent,
		"camera": camera, "view_layers": layers,
		"render.fps": s.FPS, "render.fps_base": s.FPSBase,
		"render.resolution_x": s.ResolutionX, "render.resolution_y": s.ResolutionY, "render.resolution_percentage": s.ResolutionPercent,
		"render.engine": s.Engine, "render.filepath": s.FilePath, "render.file_extension": s.FileExtension,
		"render.image_settings.file_format": s.FileFormat, "render.image_settings.use_preview": s.UsePreview,
	}
	maps.Copy(known, s.More)
	return known
}

// tree is an object of Blender by its attributes; items is a collection of such
// objects, found by number or by name. A func() any is made on demand.
type (
	tree  map[string]any
	items []tree
)

// grow makes a tree of dotted names.
func grow(flat map[string]any) tree {
	root := tree{}
	for _, name := range slices.Sorted(maps.Keys(flat)) { // an object before its attributes
		value := flat[name]
		at := root
		path := strings.Split(name, ".")
		for _, step := range path[:len(path)-1] {
			next, ok := at[step].(tree)
			if !ok {
				next = tree{}
				at[step] = next
			}
			at = next
		}
		at[path[len(path)-1]] = value
	}
	return root
}

// namespace is an object of Blender, of which some attributes are known.
type namespace struct {
	path  string // as an expression has it
	attrs tree
	items items
	// get finds attributes that are not in attrs; nil error and value: there is none.
	get func(name string) (starlark.Value, error)
}

func (n *namespace) String() string { return n.path }

func (n *namespace) Type() string { return n.path }

func (n *namespace) Freeze() {}

func (n *namespace) Truth() starlark.Bool { return n.items == nil || len(n.items) > 0 }

func (n *namespace) Hash() (uint32, error) { return starlark.String(n.path).Hash() }

func (n *namespace) attr(name string) (starlark.Value, error) {
	if value, ok := n.attrs[name]; ok {
		return n.wrap(n.path+"."+name, value)
	}
	if n.get != nil {
		if v, err := n.get(name); v != nil || err != nil {
			return v, err
		}
	}
	if n.items != nil {
		if method := n.collectionMethod(name); method != nil {
			return method, nil
		}
	}
	return nil, &UnknownError{Name: n.path + "." + name}
}

// wrap turns a fact into a value.
func (n *namespace) wrap(path string, value any) (starlark.Value, error) {
	switch v := value.(type) {
	case tree:
		return &namespace{path: path, attrs: v}, nil
	case items:
		if v == nil {
			v = items{}
		}
		return &namespace{path: path, items: v}, nil
	case starlark.Value:
		return v, nil
	}
	return plain(value)
}

// plain turns nil, bool, numbers, strings and slices of them into values.
func plain(value any) (starlark.Value, error) {
	switch v := value.(type) {
	case nil:
		return starlark.None, nil
	case bool:
		return starlark.Bool(v), nil
	case int:
		return starlark.MakeInt(v), nil
	case int32:
		return starlark.MakeInt64(int64(v)), nil
	case int64:
		return starlark.MakeInt64(v), nil
	case float32:
		return starlark.Float(v), nil
	case float64:
		return starlark.Float(v), nil
	case string:
		return starlark.String(v), nil
	case []any:
		out := make([]starlark.Value, len(v))
		for i, e := range v {
			var err error
			if out[i], err = plain(e); err != nil {
				return nil, err
			}
		}
		return starlark.NewList(out), nil
	}
	return nil, raise("TypeError", "a fact of type %T", value)
}

func (n *namespace) child(i int) *namespace {
	return &namespace{path: fmt.Sprintf("%s[%d]", n.path, i), attrs: n.items[i]}
}

// elements of a collection.
func (n *namespace) elements() ([]starlark.Value, error) {
	if n.items == nil {
		return nil, &UnknownError{Name: "the elements of " + n.path}
	}
	out := make([]starlark.Value, len(n.items))
	for i := range n.items {
		out[i] = n.child(i)
	}
	return out, nil
}

func (n *namespace) find(name string) int {
	return slices.IndexFunc(n.items, func(item tree) bool { return item["name"] == name })
}

// item is collection[0] or collection["name"].
func (n *namespace) item(key starlark.Value) (starlark.Value, error) {
	if n.items == nil {
		return nil, &UnknownError{Name: n.path + "[…]"}
	}
	if name, ok := starlark.AsString(key); ok {
		i := n.find(name)
		if i < 0 {
			return nil, raise("KeyError", "'bpy_prop_collection[key]: key \"%s\" not found'", name)
		}
		return n.child(i), nil
	}
	i, err := position(n, key, len(n.items))
	if err != nil {
		return nil, err
	}
	return n.child(i), nil
}

func (n *namespace) has(key starlark.Value) (bool, error) {
	if n.items == nil {
		return false, &UnknownError{Name: "the elements of " + n.path}
	}
	name, _ := starlark.AsString(key)
	return n.find(name) >= 0, nil
}

func (n *namespace) collectionMethod(name string) starlark.Value {
	switch name {
	case "keys", "values":
		return method(name, func(*arguments) (starlark.Value, error) {
			values, err := n.elements()
			if name == "keys" {
				for i, item := range n.items {
					if values[i], err = plain(item["name"]); err != nil {
						return nil, err
					}
				}
			}
			return starlark.NewList(values), err
		})
	case "get":
		return method(name, func(a *arguments) (starlark.Value, error) {
			key, err := a.mustStr()
			if err != nil {
				return nil, err
			}
			without := a.optional("default")
			if i := n.find(key); i >= 0 {
				return n.child(i), nil
			}
			if without != nil {
				return without, nil
			}
			return starlark.None, nil
		})
	}
	return nil
}
