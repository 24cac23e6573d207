package manifest

import (
	"path/filepath"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
)

// template replaces {stem}, {name} and {dir} by parts of a blend file's path.
type template struct {
	errs           *Errors
	blend, project string
}

var templateName = pattern.Lazy(`\{(stem|name|dir)\}|\{\{(stem|name|dir)\}\}?`)

// expand replaces what it knows and leaves all other braces: Flamenco has its own variables. {{stem}} stands
// for {stem}.
func (t *template) expand(pos Pos, s string) string {
	return templateName().ReplaceAllStringFunc(s, func(found string) string {
		if name := strings.Trim(found, "{}"); found[1] == '{' {
			return "{" + name + "}"
		} else {
			return t.value(pos, name)
		}
	})
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
