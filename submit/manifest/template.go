package manifest

import (
	"path/filepath"
	"strings"
)

// template replaces {stem}, {name} and {dir} by parts of a blend file's path.
type template struct {
	errs           *Errors
	blend, project string
}

// expand replaces what it knows and leaves all other braces: Flamenco has its own
// variables. A job without a blend file has nothing to put there.
func (t *template) expand(pos Pos, s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		inner, after, closed := strings.Cut(rest, "}")
		name := strings.TrimPrefix(inner, "{")
		switch {
		case !closed || name != "stem" && name != "name" && name != "dir":
			out.WriteByte('{')
			s = rest
		case name == inner:
			out.WriteString(t.value(pos, name))
			s = after
		default: // {{stem}}
			out.WriteString("{" + name + "}")
			s = strings.TrimPrefix(after, "}")
		}
	}
}

func (t *template) value(pos Pos, name string) string {
	if t.blend == "" {
		t.errs.Add(pos, "{%s} needs a blend file, and this job has none; the text {%s} is written {{%s}}", name, name, name)
		return ""
	}
	base := filepath.Base(t.blend)
	switch name {
	case "stem":
		return strings.TrimSuffix(base, filepath.Ext(base))
	case "name":
		return base
	}
	dir := filepath.Dir(t.blend)
	rel, err := filepath.Rel(t.project, dir)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		// Outside of the project its own name has to do.
		return filepath.Base(dir)
	}
	return filepath.ToSlash(rel)
}
