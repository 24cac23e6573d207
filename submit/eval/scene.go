package eval

import (
	"math"
	"strings"
	"unicode/utf8"
)

// Facts are what is known of a blend file and the scene that is rendered, without Blender.
type Facts struct {
	// BlendFile is the absolute path with slashes.
	BlendFile string
	// Scene is the name of the scene that C.scene is.
	Scene string
	// Attributes of the scene by their names in Blender's Python API, for example "render.use_border". Values
	// are nil, bool, int, int64, float64 or string.
	Attributes map[string]any
	// Custom are the custom properties, which scene.get() finds. Nil: they are not known. Values of other types
	// than Attributes have are ErrNeedsBlender.
	Custom map[string]any
	// ViewLayer is the name of the scene's view layer. Empty: it has several, and Blender's window decides.
	ViewLayer string
	// Windows makes paths those of Python on Windows: with drives, shares and backslashes.
	Windows bool
}

// object stands for an object of Blender: what it has is in Evaluator.facts. There it has no path itself.
type object struct{ path string }

// addFact adds an attribute by its full name. A parent that is there already keeps its value, as None.
func (e *Evaluator) addFact(name string, value any) {
	e.facts[name] = value
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if _, known := e.facts[name[:i]]; !known {
			e.facts[name[:i]] = &object{}
		}
	}
}

// contextNames has the short name for what has two.
var contextNames = strings.NewReplacer("bpy.context", "C", "bpy.data", "C.blend_data")

// fact returns the value of a full name.
func (e *Evaluator) fact(name string) any {
	same := contextNames.Replace(name)
	if fact, ok := e.facts[same]; ok {
		return plain(name, fact)
	}
	panic(unknown("%s", name))
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
	case *object:
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
		return e.fact(v.path + "." + name)
	case nil:
		panic(raise("AttributeError", "'NoneType' object has no attribute '%s'", name))
	}
	panic(unknown("%s.%s", typeName(v), name))
}
