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
	for name, value := range flat {
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

func (n *namespace) String() string        { return n.path }
func (n *namespace) Type() string          { return n.path }
func (n *namespace) Freeze()               {}
func (n *namespace) Truth() starlark.Bool  { return n.items == nil || len(n.items) > 0 }
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

// addScene adds the names that the add-on provides.
func (m *machine) addScene(names starlark.StringDict) {
	f := m.env.Facts
	var all items
	var active tree
	for i, s := range f.Scenes {
		scene := grow(s.attributes())
		if i == 0 && f.Scene == "" || s.Name == f.Scene {
			active = scene
		}
		all = append(all, scene)
	}
	data := tree{"filepath": f.BlendFile, "is_saved": f.BlendFile != "", "is_dirty": false, "scenes": all}
	context := tree{"blend_data": data}
	if active != nil {
		context["scene"] = active
		active["flamenco_job_name"] = m.env.JobName
		if layers := active["view_layers"].(items); len(layers) == 1 {
			context["view_layer"] = layers[0]
		}
	}
	names["C"] = &namespace{path: "C", attrs: context}
	names["bpy"] = &namespace{path: "bpy", attrs: tree{"context": context, "data": data, "path": m.pathModule()}}
	names["jobname"] = text(m.env.JobName)
	names["settings"] = &namespace{path: "settings", get: m.setting}
	names["Path"] = builtin("Path", func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
		p, err := m.pathOf(a.pos)
		return p, err
	})
	names["abspath"] = builtin("abspath", func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
		v := a.optional("filepath")
		if v == nil {
			return nil, raise("TypeError", "abspath() missing 1 required positional argument: 'filepath'")
		}
		path, err := m.str(v)
		if err != nil {
			return nil, err
		}
		return newPath(makeAbsolute(newPath(m.blendPath(path)).text(), m.workDir())), a.end()
	})
	names["last_n_dir_parts"] = builtin("last_n_dir_parts", func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
		n, err := a.int("n", 0)
		if err != nil {
			return nil, err
		}
		file := a.optional("filepath")
		if file == nil {
			file = a.keyword("file")
		}
		return m.lastDirParts(n, file)
	})
}

func (m *machine) setting(name string) (starlark.Value, error) {
	if m.env.Setting == nil {
		return nil, nil
	}
	value, ok, err := m.env.Setting(name)
	if err != nil {
		return nil, &passedError{err}
	}
	if !ok {
		return nil, raise("AttributeError", "the job type has no setting '%s'", name)
	}
	return plain(value)
}

func (m *machine) workDir() string {
	if m.env.Facts.WorkDir == "" {
		return "/"
	}
	return m.env.Facts.WorkDir
}

// blendPath is bpy.path.abspath: // is the folder of the blend file.
func (m *machine) blendPath(path string) string {
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		return joinPosix(dirName(m.env.Facts.BlendFile), rest)
	}
	return path
}

// lastDirParts gives the last n parts of the folder of a file, or of the blend
// file, always as a relative path.
func (m *machine) lastDirParts(n int, file starlark.Value) (starlark.Value, error) {
	if n <= 0 {
		return newPath(), nil
	}
	path := m.env.Facts.BlendFile
	if file != nil && file != starlark.None {
		var err error
		if path, err = pathText(file); err != nil {
			return nil, err
		}
		if _, isString := file.(starlark.String); isString {
			path = m.blendPath(path)
		}
	}
	dir := newPath(makeAbsolute(newPath(path).text(), m.workDir())).parent()
	parts := len(dir.names)
	if dir.root != "" {
		parts++
	}
	if n >= parts {
		return pyPath{names: dir.names}, nil
	}
	return pyPath{names: dir.names[len(dir.names)-n:]}, nil
}

// pathModule is bpy.path, without what looks at the disk.
func (m *machine) pathModule() tree {
	f := func(name string, call func(path string, a *arguments) (starlark.Value, error)) starlark.Value {
		return method(name, func(a *arguments) (starlark.Value, error) {
			path, err := a.mustStr()
			if err != nil {
				return nil, err
			}
			if err := m.charge(4 * len(path)); err != nil {
				return nil, err
			}
			return call(path, a)
		})
	}
	start := func(a *arguments) (string, error) {
		if a.keyword("library") != nil {
			return "", &UnknownError{Name: "bpy.path.abspath with a library"}
		}
		v := a.keyword("start")
		if v == nil || v == starlark.None {
			return dirName(m.env.Facts.BlendFile), nil
		}
		return pathText(v)
	}
	return tree{
		"abspath": f("abspath", func(path string, a *arguments) (starlark.Value, error) {
			dir, err := start(a)
			if rest, ok := strings.CutPrefix(path, "//"); ok {
				path = joinPosix(dir, rest)
			}
			return text(path), err
		}),
		"relpath": f("relpath", func(path string, a *arguments) (starlark.Value, error) {
			dir, err := start(a)
			if !strings.HasPrefix(path, "//") {
				path = "//" + relative(absolute(path, m.workDir()), absolute(dir, m.workDir()))
			}
			return text(path), err
		}),
		"basename": f("basename", func(path string, _ *arguments) (starlark.Value, error) { return text(baseName(path)), nil }),
		"native_pathsep": f("native_pathsep", func(path string, _ *arguments) (starlark.Value, error) {
			return text(strings.ReplaceAll(path, `\`, "/")), nil
		}),
		"is_subdir": f("is_subdir", func(path string, a *arguments) (starlark.Value, error) {
			dir, err := a.mustStr()
			if err != nil {
				return nil, err
			}
			path, dir = normalize(path), normalize(dir)
			return starlark.Bool(len(path) > len(dir) && strings.HasPrefix(path, strings.TrimRight(dir, "/")+"/")), nil
		}),
		"ensure_ext": f("ensure_ext", ensureExt),
		"clean_name": f("clean_name", cleanName),
		"display_name": f("display_name", func(path string, a *arguments) (starlark.Value, error) {
			return text(displayName(path, a.truth("has_ext", true), a.truth("title_case", true))), nil
		}),
		"display_name_to_filepath": f("display_name_to_filepath", func(name string, _ *arguments) (starlark.Value, error) {
			return text(strings.NewReplacer(":", "_colon_", "+", "_plus_", "/", "_slash_").Replace(name)), nil
		}),
		"display_name_from_filepath": f("display_name_from_filepath", func(path string, _ *arguments) (starlark.Value, error) {
			root, _ := splitExt(baseName(path))
			return text(root), nil
		}),
	}
}

func ensureExt(path string, a *arguments) (starlark.Value, error) {
	ext, err := a.mustStr()
	if err != nil {
		return nil, err
	}
	has := strings.HasSuffix(path, ext)
	if !a.truth("case_sensitive", false) {
		tail := sliceString(path, max(runeLen(path)-runeLen(ext), 0), runeLen(path))
		has = strings.HasSuffix(lower(tail), lower(ext))
	}
	if has {
		return text(path), nil
	}
	return text(path + ext), nil
}

// cleanName replaces every character below U+00FF that is no ASCII letter or
// digit, underscore or hyphen.
func cleanName(name string, a *arguments) (starlark.Value, error) {
	by := "_"
	if v := a.keyword("replace"); v != nil {
		s, ok := v.(starlark.String)
		if !ok || runeLen(string(s)) != 1 {
			return nil, raise("ValueError", "Value must be a single ascii character")
		}
		by = string(s)
	}
	var out strings.Builder
	for _, r := range name {
		if r < 0xff && r != '-' && (r >= 0x80 || !isNamePart(byte(r))) {
			out.WriteString(by)
		} else {
			out.WriteRune(r)
		}
	}
	return text(out.String()), nil
}

func displayName(name string, hasExt, titleCase bool) string {
	if hasExt {
		name, _ = splitExt(baseName(name))
	}
	name = strings.NewReplacer("_colon_", ":", "_plus_", "+", "_slash_", "/").Replace(name)
	name = strings.TrimLeft(strings.ReplaceAll(name, "_", " "), " ")
	isLower, _ := stringMethods["islower"](nil, name, &arguments{})
	if titleCase && isLower == starlark.True {
		name = title(lower(name))
	}
	return name
}
