package eval

import (
	"strings"

	"github.com/flsync/flsync/internal/place"
)

// addFunctions adds the functions of Python and of the add-on.
func (e *Evaluator) addFunctions() {
	for name, call := range map[string]func(*args) any{
		"str":   func(a *args) any { return str(a.value()) },
		"bool":  func(a *args) any { return truth(a.value()) },
		"int":   func(a *args) any { return toInt(a.value()) },
		"float": func(a *args) any { return toFloat(a.value()) },
		"Path":  func(a *args) any { return e.newPath(a.all()...) },
		"last_n_dir_parts": func(a *args) any {
			count, ok := number(a.value()).(int64)
			if !ok {
				panic(unknown("%s() without a whole number", a.function))
			}
			file, _ := a.next()
			return e.lastDirParts(count, file)
		},
		"abspath":          func(a *args) any { return e.absolute(e.fromBlend(str(a.value()))) },
		"bpy.path.abspath": func(a *args) any { return e.fromBlend(a.text()) },
		"bpy.path.basename": func(a *args) any {
			path := strings.TrimPrefix(a.text(), "//")
			return path[strings.LastIndexAny(path, "/"+e.parse("").separator())+1:]
		},
	} {
		e.addFact(name, &function{name, call})
	}
}

// addScene adds the facts that the add-on provides.
func (e *Evaluator) addScene() {
	f := &e.env.Facts
	file := f.BlendFile
	if f.Windows {
		file = strings.ReplaceAll(file, "/", `\`)
	}
	for name, value := range map[string]any{
		"True": true, "False": false, "None": nil, "jobname": e.env.JobName, "settings": &object{},
		"C.blend_data.filepath": file, "C.blend_data.is_saved": file != "", "C.blend_data.is_dirty": false,
	} {
		e.addFact(name, value)
	}
	for name, value := range f.Attributes {
		e.addFact("C.scene."+name, value)
	}
	if f.Scene != "" {
		e.addFact("C.scene.name", f.Scene)
		e.addFact("C.scene.name_full", f.Scene)
		e.addFact("C.scene.flamenco_job_name", e.env.JobName)
	}
	if f.Custom != nil {
		e.addFact("C.scene.get", &function{"C.scene.get", func(a *args) any {
			key := a.text()
			without, _ := a.next()
			if v, ok := f.Custom[key]; ok {
				return plain("C.scene."+key, v)
			}
			return without
		}})
	}
	if f.ViewLayer != "" {
		e.addFact("C.view_layer.name", f.ViewLayer)
	}
}

// setting is settings.name.
func (e *Evaluator) setting(name string) any {
	v, ok, err := e.env.Setting(name)
	if err != nil {
		panic(failure{err})
	}
	if !ok {
		panic(raise("AttributeError", "the job type has no setting '%s'", name))
	}
	return plain("settings."+name, v)
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

// HasVariable reports whether a path begins with a variable of the Manager, as {storage}/renders does. Its
// value is an absolute path on each platform.
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
	case !p.windows && place.HasDrive(path): // the add-on sets the drive apart, and backslashes are parts of names
		return parsePath(path[:2]+parsePath(p.String()[2:], false).normal().String(), false)
	}
	panic(unknown("abspath of the relative path %q", path))
}

// lastDirParts returns the last n folders of a file, or of the blend file, without drive and root.
func (e *Evaluator) lastDirParts(n int64, file any) pyPath {
	out := e.parse("")
	if n <= 0 {
		return out
	}
	blend := e.env.Facts.BlendFile // a path of this machine, whatever the platform is
	dir := parsePath(blend, out.windows || place.HasDrive(blend)).normal()
	if file != nil {
		text := str(file)
		if !isPath(file) {
			text = e.fromBlend(text)
		}
		if dir = e.absolute(text); HasVariable(text) || place.HasDrive(text) && !out.windows {
			panic(unknown("the folders of %s", text))
		}
	}
	names := dir.parent().names
	out.names = names[max(int64(len(names))-n, 0):]
	return out
}
