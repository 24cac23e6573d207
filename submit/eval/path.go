package eval

import (
	"path"
	"slices"
	"strings"

	"github.com/flsync/flsync/internal/place"
)

// pyPath is Python's PosixPath, or WindowsPath where windows is set, without what looks at the disk.
type pyPath struct {
	windows bool
	drive   string // of Windows: X: or \\server\share
	root    string // "", /, // (POSIX leaves two slashes open), or \ on Windows
	names   []string
}

// parsePath reads one path: empty parts and "." vanish, ".." stays.
func parsePath(s string, windows bool) (p pyPath) {
	p.windows = windows
	if windows {
		s = strings.ReplaceAll(s, `\`, "/")
		if parts := strings.SplitN(s, "/", 5); len(parts) >= 4 && parts[0] == "" && parts[1] == "" && parts[2] != "" && parts[3] != "" {
			p.drive, p.root, s = `\\`+parts[2]+`\`+parts[3], `\`, strings.Join(parts[4:], "")
		} else if place.HasDrive(s) {
			p.drive, s = s[:2], s[2:]
		}
		if strings.HasPrefix(s, "/") {
			p.root = `\`
		}
	} else if strings.HasPrefix(s, "//") && !strings.HasPrefix(s, "///") {
		p.root = "//"
	} else if strings.HasPrefix(s, "/") {
		p.root = "/"
	}
	for name := range strings.SplitSeq(s, "/") {
		if name != "" && name != "." {
			p.names = append(p.names, name)
		}
	}
	return p
}

// join is p / q: an absolute q begins anew.
func (p pyPath) join(q pyPath) pyPath {
	switch {
	case q.drive != "" && (q.root != "" || !strings.EqualFold(q.drive, p.drive)), q.root != "" && q.drive == "" && p.drive == "":
		return q
	case q.root != "":
		return pyPath{p.windows, p.drive, q.root, q.names}
	}
	p.names = slices.Concat(p.names, q.names)
	return p
}

func (p pyPath) anchor() string { return p.drive + p.root }

func (p pyPath) isAbsolute() bool { return p.root != "" && (p.drive != "" || !p.windows) }

func (p pyPath) separator() string {
	if p.windows {
		return `\`
	}
	return "/"
}

func (p pyPath) String() string {
	if p.anchor() == "" && len(p.names) == 0 {
		return "."
	}
	return p.anchor() + strings.Join(p.names, p.separator())
}

func (p pyPath) name() string {
	if len(p.names) == 0 {
		return ""
	}
	return p.names[len(p.names)-1]
}

// suffix is the last extension with its dot. Python 3.14 has other rules for names with dots at their ends.
func (p pyPath) suffix() string {
	name := p.name()
	if strings.HasPrefix(name, "..") || strings.HasSuffix(name, ".") {
		panic(unknown("the extension of %s", name))
	}
	return path.Ext(strings.TrimPrefix(name, ".")) // a name is no extension
}

func (p pyPath) stem() string { return strings.TrimSuffix(p.name(), p.suffix()) }

func (p pyPath) parent() pyPath {
	p.names = p.names[:max(len(p.names)-1, 0)]
	return p
}

func (p pyPath) withName(name string) pyPath {
	if p.name() == "" || name == "" || name == "." || strings.ContainsAny(name, "/"+p.separator()) || p.windows && strings.Contains(name, ":") {
		panic(unknown("%s with the name %q", p, name))
	}
	p.names = append(slices.Clone(p.names[:len(p.names)-1]), name)
	return p
}

// normal is os.path.normpath: .. takes the part before it away.
func (p pyPath) normal() pyPath {
	var names []string
	for _, name := range p.names {
		switch {
		case name != ".." || p.root == "" && (len(names) == 0 || names[len(names)-1] == ".."):
			names = append(names, name)
		case len(names) > 0:
			names = names[:len(names)-1]
		}
	}
	p.names = names
	return p
}

// newPath is Path(parts…).
func (e *Evaluator) newPath(parts ...any) pyPath {
	p := pyPath{windows: e.env.Facts.Windows}
	for _, part := range parts {
		q, ok := part.(pyPath)
		if !ok {
			q = parsePath(textOf(part, "Path"), p.windows)
		}
		p = p.join(q)
		e.room(16 * len(p.names))
	}
	return p
}

// Attributes and methods of Path. What looks at the disk is not among them.
var (
	pathAttributes = map[string]func(pyPath) any{
		"name":   func(p pyPath) any { return p.name() },
		"stem":   func(p pyPath) any { return p.stem() },
		"suffix": func(p pyPath) any { return p.suffix() },
		"parent": func(p pyPath) any { return p.parent() },
	}
	pathMethods = map[string]func(*Evaluator, pyPath, *args) any{
		"as_posix":  func(_ *Evaluator, p pyPath, _ *args) any { return strings.ReplaceAll(p.String(), p.separator(), "/") },
		"with_name": func(_ *Evaluator, p pyPath, a *args) any { return p.withName(a.text()) },
		"with_suffix": func(_ *Evaluator, p pyPath, a *args) any {
			suffix := a.text()
			if suffix != "" && (suffix[0] != '.' || suffix == ".") {
				panic(raise("ValueError", "Invalid suffix %q", suffix))
			}
			return p.withName(p.stem() + suffix)
		},
		"joinpath": func(e *Evaluator, p pyPath, a *args) any { return e.newPath(append([]any{p}, a.all()...)...) },
	}
)
