package eval

import "strings"

// addScene adds the names that the add-on provides.
func (e *Evaluator) addScene() {
	f := &e.env.Facts
	file := f.BlendFile
	if f.Windows {
		file = strings.ReplaceAll(file, "/", `\`)
	}
	all := items{}
	var active tree
	for i, s := range f.Scenes {
		all = append(all, s.attributes())
		if i == 0 && f.Scene == "" || s.Name == f.Scene {
			active = all[i]
		}
	}
	data := tree{"filepath": file, "is_saved": file != "", "is_dirty": false, "scenes": all}
	context := tree{"blend_data": data}
	if active != nil {
		context["scene"] = active
		active["flamenco_job_name"] = e.env.JobName
		if layers, ok := active["view_layers"].(items); ok && len(layers) == 1 {
			context["view_layer"] = layers[0]
		}
	}
	e.names["C"] = &object{path: "C", attrs: context}
	e.names["bpy"] = &object{path: "bpy", attrs: tree{"context": context, "data": data, "path": e.pathModule()}}
	e.names["jobname"] = e.env.JobName
	e.names["settings"] = &object{path: "settings", get: func(name string) any {
		if e.env.Setting == nil {
			panic(unknown("settings.%s", name))
		}
		v, ok, err := e.env.Setting(name)
		if err != nil {
			panic(failure{err})
		}
		if !ok {
			panic(raise("AttributeError", "the job type has no setting '%s'", name))
		}
		return plain("settings."+name, v)
	}}
	e.names["Path"] = &function{"Path", func(a *args) any {
		parts := a.positional
		a.positional = nil
		return e.newPath(parts...)
	}}
	e.names["abspath"] = &function{"abspath", func(a *args) any { return e.absolute(e.fromBlend(str(a.value()))) }}
	e.names["last_n_dir_parts"] = &function{"last_n_dir_parts", func(a *args) any {
		n := a.int("n", 0)
		file, ok := a.next("filepath")
		if !ok {
			file, _ = a.next("file")
		}
		return e.lastDirParts(n, file)
	}}
}

// fromBlend is bpy.path.abspath: // is the folder of the blend file.
func (e *Evaluator) fromBlend(path string) string {
	rest, ok := strings.CutPrefix(path, "//")
	if !ok || e.env.Facts.BlendFile == "" {
		return path
	}
	if e.parse(rest).anchor() != "" {
		return rest // os.path.join with an absolute path
	}
	blend := strings.ReplaceAll(e.env.Facts.BlendFile, "/", e.parse("").separator())
	return blend[:strings.LastIndex(blend, e.parse("").separator())+1] + rest
}

func (e *Evaluator) parse(path string) pyPath { return parsePath(path, e.env.Facts.Windows) }

// HasVariable reports whether a path begins with a variable of the Manager, as {storage}/renders does. Its value is
// an absolute path on each platform.
func HasVariable(path string) bool {
	name, rest, ok := strings.Cut(path, "}")
	return ok && strings.HasPrefix(name, "{") && len(name) > 1 && !strings.ContainsAny(name, `/\ `) &&
		strings.Trim(rest[:min(len(rest), 1)], `/\`) == ""
}

// absolute is what the add-on makes of a path: absolute, and without "..".
func (e *Evaluator) absolute(path string) pyPath {
	p := e.parse(path)
	switch {
	case p.isAbsolute() || HasVariable(path):
		return p.normal()
	case !p.windows && hasDrive(path): // the add-on sets the drive apart, and backslashes are parts of names
		return parsePath(path[:2]+parsePath(p.String()[2:], false).normal().String(), false)
	case e.env.Facts.WorkDir == "" || p.anchor() != "":
		panic(unknown("abspath of the relative path %q", path))
	}
	return e.parse(e.env.Facts.WorkDir).join(p).normal()
}

// lastDirParts returns the last n folders of a file, or of the blend file, without drive and root.
func (e *Evaluator) lastDirParts(n int, file any) pyPath {
	out := e.parse("")
	if n <= 0 {
		return out
	}
	blend := e.env.Facts.BlendFile // a path of this machine, whatever the platform is
	dir := parsePath(blend, out.windows || hasDrive(blend)).normal()
	if file != nil {
		text := str(file)
		if !isPath(file) {
			text = e.fromBlend(text)
		}
		if dir = e.absolute(text); HasVariable(text) || hasDrive(text) && !out.windows {
			panic(unknown("the folders of %s", text))
		}
	}
	names := dir.parent().names
	out.names = names[max(len(names)-n, 0):]
	return out
}

// pathModule is bpy.path, as far as it only works on text.
func (e *Evaluator) pathModule() tree {
	base := func(path string) string {
		path = strings.TrimPrefix(path, "//")
		return path[strings.LastIndexAny(path, "/"+e.parse("").separator())+1:]
	}
	module := tree{}
	for name, call := range map[string]func(string, *args) any{
		"basename": func(path string, _ *args) any { return base(path) },
		"abspath":  func(path string, _ *args) any { return e.fromBlend(path) },
		"display_name_from_filepath": func(path string, _ *args) any {
			name := base(path)
			if i := strings.LastIndexByte(name, '.'); i > 0 && strings.Trim(name[:i], ".") != "" {
				return name[:i]
			}
			return name
		},
		"ensure_ext": func(path string, a *args) any {
			ext := a.text()
			if strings.HasSuffix(cased(path, strings.ToLower), cased(ext, strings.ToLower)) {
				return path
			}
			return path + ext
		},
		"clean_name": func(name string, _ *args) any {
			if strings.IndexFunc(name, beyondASCII) >= 0 {
				panic(unknown("bpy.path.clean_name of %q", name))
			}
			return strings.Map(func(r rune) rune {
				if r == '-' || isNamePart(byte(r)) {
					return r
				}
				return '_'
			}, name)
		},
	} {
		module[name] = &function{name, func(a *args) any { return call(a.text(), a) }}
	}
	return module
}
