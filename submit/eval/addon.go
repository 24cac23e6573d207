package eval

import (
	"strings"

	"go.starlark.net/starlark"
)

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
		if layers, ok := active["view_layers"].(items); ok && len(layers) == 1 {
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
