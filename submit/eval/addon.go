package eval

import (
	"strings"

	"github.com/flsync/flsync/internal/place"
)

// addScene adds the names that the add-on provides.
func (e *Evaluator) addScene() {
	f := &e.env.Facts
	file := f.BlendFile
	if f.Windows {
		file = strings.ReplaceAll(file, "/", `\`)
	}
	e.addFact("C.blend_data.filepath", file)
	e.addFact("C.blend_data.is_saved", file != "")
	e.addFact("C.blend_data.is_dirty", false)
	for name, value := range f.Attributes {
		e.addFact("C.scene."+name, value)
	}
	if f.Scene != "" {
		e.addFact("C.scene.name", f.Scene)
		e.addFact("C.scene.name_full", f.Scene)
		e.addFact("C.scene.flamenco_job_name", e.env.JobName)
	}
	if f.Custom != nil {
		e.addFact("C.scene.get", &function{"get", f.get})
	}
	if f.ViewLayer != "" {
		e.addFact("C.view_layer.name", f.ViewLayer)
	}
	e.addPathModule()
	e.names["C"], e.names["bpy"], e.names["settings"] = &object{"C"}, &object{"bpy"}, &object{"settings"}
	e.names["jobname"] = e.env.JobName
	e.names["Path"] = &function{"Path", func(a *args) any {
		parts := a.rest
		a.rest = nil
		return e.newPath(parts...)
	}}
	e.names["abspath"] = &function{"abspath", func(a *args) any { return e.absolute(e.fromBlend(str(a.value()))) }}
	e.names["last_n_dir_parts"] = &function{"last_n_dir_parts", func(a *args) any {
		n := a.int(0)
		file, _ := a.next()
		return e.lastDirParts(n, file)
	}}
}

// setting is settings.name.
func (e *Evaluator) setting(name string) any {
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
	out.names = names[max(len(names)-n, 0):]
	return out
}

// addPathModule adds functions of bpy.path that only work on text.
func (e *Evaluator) addPathModule() {
	for name, call := range map[string]func(string) string{
		"abspath": e.fromBlend,
		"basename": func(path string) string {
			path = strings.TrimPrefix(path, "//")
			return path[strings.LastIndexAny(path, "/"+e.parse("").separator())+1:]
		},
	} {
		e.addFact("bpy.path."+name, &function{name, func(a *args) any { return call(a.text()) }})
	}
}
