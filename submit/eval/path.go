package eval

import (
	"hash/fnv"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// pyPath is a pathlib.PosixPath, without what looks at the disk.
type pyPath struct {
	root  string // "", "/" or "//"
	names []string
}

func (p pyPath) String() string       { return "PosixPath(" + reprString(p.text()) + ")" }
func (p pyPath) Type() string         { return "Path" }
func (p pyPath) Freeze()              {}
func (p pyPath) Truth() starlark.Bool { return true }
func (p pyPath) Hash() (uint32, error) {
	h := fnv.New32a()
	h.Write([]byte(p.text()))
	return h.Sum32(), nil
}

// CompareSameType lets paths be keys of dicts and elements of sets.
func (p pyPath) CompareSameType(op syntax.Token, other starlark.Value, _ int) (bool, error) {
	same := p.text() == other.(pyPath).text()
	switch op {
	case syntax.EQL:
		return same, nil
	case syntax.NEQ:
		return !same, nil
	}
	return false, raise("TypeError", "paths are compared by their parts")
}

// newPath joins as Path(a, b, c) does: an absolute part begins anew, empty parts
// and "." vanish, ".." stays.
func newPath(parts ...string) pyPath {
	joined := ""
	for _, part := range parts {
		joined = joinPosix(joined, part)
	}
	p := pyPath{root: rootOf(joined)}
	for name := range strings.SplitSeq(joined, "/") {
		if name != "" && name != "." {
			p.names = append(p.names, name)
		}
	}
	return p
}

// rootOf keeps exactly two slashes, which POSIX leaves open; three are one.
func rootOf(s string) string {
	switch {
	case strings.HasPrefix(s, "//") && !strings.HasPrefix(s, "///"):
		return "//"
	case strings.HasPrefix(s, "/"):
		return "/"
	}
	return ""
}

// joinPosix is os.path.join.
func joinPosix(a, b string) string {
	switch {
	case strings.HasPrefix(b, "/") || a == "":
		return b
	case strings.HasSuffix(a, "/"):
		return a + b
	}
	return a + "/" + b
}

func (p pyPath) text() string {
	if s := p.root + strings.Join(p.names, "/"); s != "" {
		return s
	}
	return "."
}

func (p pyPath) partsTuple() starlark.Tuple {
	var parts starlark.Tuple
	if p.root != "" {
		parts = append(parts, text(p.root))
	}
	for _, name := range p.names {
		parts = append(parts, text(name))
	}
	return parts
}

func (p pyPath) name() string {
	if len(p.names) == 0 {
		return ""
	}
	return p.names[len(p.names)-1]
}

func (p pyPath) suffix() string {
	name := p.name()
	if i := strings.LastIndexByte(name, '.'); i > 0 && i < len(name)-1 {
		return name[i:]
	}
	return ""
}

func (p pyPath) stem() string { return strings.TrimSuffix(p.name(), p.suffix()) }

func (p pyPath) suffixes() starlark.Value {
	name := p.name()
	var out []starlark.Value
	if !strings.HasSuffix(name, ".") {
		for _, s := range strings.Split(strings.TrimLeft(name, "."), ".")[1:] {
			out = append(out, text("."+s))
		}
	}
	return starlark.NewList(out)
}

func (p pyPath) parent() pyPath {
	if len(p.names) == 0 {
		return p
	}
	return pyPath{root: p.root, names: p.names[:len(p.names)-1]}
}

func (p pyPath) parents() starlark.Tuple {
	var out starlark.Tuple
	for len(p.names) > 0 {
		p = p.parent()
		out = append(out, p)
	}
	return out
}

// withName replaces the last part.
func (p pyPath) withName(name string) (starlark.Value, error) {
	if p.name() == "" {
		return nil, raise("ValueError", "%s has an empty name", p)
	}
	if name == "" || name == "." || strings.Contains(name, "/") {
		return nil, raise("ValueError", "Invalid name %s", reprString(name))
	}
	return pyPath{root: p.root, names: append(slices.Clone(p.names[:len(p.names)-1]), name)}, nil
}

func (p pyPath) relativeTo(to pyPath) (pyPath, bool) {
	if p.root != to.root || len(p.names) < len(to.names) || !slices.Equal(p.names[:len(to.names)], to.names) {
		return pyPath{}, false
	}
	return pyPath{names: p.names[len(to.names):]}, true
}

// pathText is what Path() takes: a str or a Path.
func pathText(v starlark.Value) (string, error) {
	switch v := v.(type) {
	case starlark.String:
		return string(v), nil
	case pyPath:
		return v.text(), nil
	case *namespace:
		return "", &UnknownError{Name: v.path + " as a path"}
	}
	return "", raise("TypeError", "expected str, bytes or os.PathLike object, not %s", typeName(v))
}

// pathOf is Path(…).
func (m *machine) pathOf(values starlark.Tuple) (pyPath, error) {
	parts := make([]string, len(values))
	size := 0
	for i, v := range values {
		part, err := pathText(v)
		if err != nil {
			return pyPath{}, err
		}
		parts[i] = part
		size += 8 * len(part)
	}
	if err := m.charge(size); err != nil {
		return pyPath{}, err
	}
	return newPath(parts...), nil
}

// joinPaths is a / b, where one is a Path.
func joinPaths(x, y starlark.Value) (starlark.Value, error) {
	_, xIsPath := x.(pyPath)
	_, yIsPath := y.(pyPath)
	a, err := pathText(x)
	b, err2 := pathText(y)
	if !xIsPath && !yIsPath || err != nil || err2 != nil {
		return nil, badOperands("/", x, y)
	}
	return newPath(a, b), nil
}

func (m *machine) pathAttr(p pyPath, name string) (starlark.Value, error) {
	switch name {
	case "name":
		return text(p.name()), nil
	case "stem":
		return text(p.stem()), nil
	case "suffix":
		return text(p.suffix()), nil
	case "suffixes":
		return p.suffixes(), nil
	case "parent":
		return p.parent(), nil
	case "parents":
		return p.parents(), nil
	case "parts":
		return p.partsTuple(), nil
	case "root", "anchor":
		return text(p.root), nil
	case "drive":
		return text(""), nil
	case "as_posix", "__str__", "__fspath__":
		return method(name, func(*arguments) (starlark.Value, error) { return text(p.text()), nil }), nil
	case "is_absolute":
		return method(name, func(*arguments) (starlark.Value, error) { return starlark.Bool(p.root != ""), nil }), nil
	case "joinpath":
		return method(name, func(a *arguments) (starlark.Value, error) {
			values := append(starlark.Tuple{p}, a.pos...)
			a.pos = nil
			return m.pathOf(values)
		}), nil
	case "with_name":
		return method(name, func(a *arguments) (starlark.Value, error) {
			to, err := a.mustStr()
			if err != nil {
				return nil, err
			}
			return p.withName(to)
		}), nil
	case "with_stem":
		return method(name, func(a *arguments) (starlark.Value, error) {
			stem, err := a.mustStr()
			if err != nil {
				return nil, err
			}
			return p.withName(stem + p.suffix())
		}), nil
	case "with_suffix":
		return method(name, func(a *arguments) (starlark.Value, error) {
			suffix, err := a.mustStr()
			if err != nil {
				return nil, err
			}
			if strings.Contains(suffix, "/") || suffix != "" && (suffix[0] != '.' || suffix == ".") {
				return nil, raise("ValueError", "Invalid suffix %s", reprString(suffix))
			}
			return p.withName(p.stem() + suffix)
		}), nil
	case "relative_to", "is_relative_to":
		return method(name, func(a *arguments) (starlark.Value, error) {
			to, err := m.pathOf(a.pos)
			if err != nil {
				return nil, err
			}
			a.pos = nil
			relative, ok := p.relativeTo(to)
			if name == "is_relative_to" {
				return starlark.Bool(ok), nil
			}
			if !ok {
				return nil, raise("ValueError", "%s is not in the subpath of %s", reprString(p.text()), reprString(to.text()))
			}
			return relative, nil
		}), nil
	}
	// exists, resolve, glob and others look at the disk.
	return nil, &UnknownError{Name: "Path." + name}
}

// method is a function that takes nothing but its arguments, all of them.
func method(name string, f func(*arguments) (starlark.Value, error)) starlark.Value {
	return builtin(name, func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
		v, err := f(a)
		if err != nil {
			return nil, err
		}
		return v, a.end()
	})
}

// normalize is os.path.normpath.
func normalize(path string) string {
	root := rootOf(path)
	var names []string
	for name := range strings.SplitSeq(path, "/") {
		switch {
		case name == "" || name == ".":
		case name != ".." || root == "" && (len(names) == 0 || names[len(names)-1] == ".."):
			names = append(names, name)
		case len(names) > 0:
			names = names[:len(names)-1]
		}
	}
	return pyPath{root: root, names: names}.text()
}

// absolute is os.path.abspath.
func absolute(path, workDir string) string {
	return normalize(joinPosix(workDir, path))
}

// makeAbsolute is what Flamenco's add-on does: a path with a drive letter keeps it.
func makeAbsolute(path, workDir string) string {
	if hasDrive(path) {
		return path[:2] + normalize(path[2:])
	}
	return absolute(path, workDir)
}

func hasDrive(path string) bool {
	return len(path) >= 2 && path[1] == ':' && (path[0]|0x20) >= 'a' && (path[0]|0x20) <= 'z'
}

// relative is os.path.relpath of two absolute, normal paths.
func relative(path, start string) string {
	from, to := newPath(start).names, newPath(path).names
	same := 0
	for same < min(len(from), len(to)) && from[same] == to[same] {
		same++
	}
	names := slices.Repeat([]string{".."}, len(from)-same)
	return pyPath{names: append(names, to[same:]...)}.text()
}

// dirName is os.path.dirname.
func dirName(path string) string {
	i := strings.LastIndexByte(path, '/') + 1
	head := path[:i]
	if trimmed := strings.TrimRight(head, "/"); trimmed != "" {
		return trimmed
	}
	return head
}

// baseName is bpy.path.basename.
func baseName(path string) string {
	path = strings.TrimPrefix(path, "//")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// splitExt is os.path.splitext: leading dots are no extension.
func splitExt(path string) (root, ext string) {
	base := path[strings.LastIndexByte(path, '/')+1:]
	i := strings.LastIndexByte(base, '.')
	if i < 0 || strings.Trim(base[:i], ".") == "" {
		return path, ""
	}
	return path[:len(path)-len(base)+i], base[i:]
}
