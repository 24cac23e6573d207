package conform

import (
	"path"
	"strings"
	"testing"
)

// FuzzMapping: a template gives a path below the project, or an error.
func FuzzMapping(f *testing.F) {
	f.Add("shots/{sequence}/{shot}.blend", "name=(?P<shot>sh\\d+)", "sq010_sh020", "C:\\media\\a.mov")
	f.Add("{file.stem}/../x", "", "a", "/m/b.mov")
	f.Add("{name}", "", "../..", "")
	f.Add("{}{{x}}", "x=(?P<y>.*)", "\r\n", "\xff")
	f.Fuzz(func(t *testing.T, template, pattern, name, file string) {
		var patterns []string
		if pattern != "" {
			patterns = []string{pattern}
		}
		m, err := newMapping(template, patterns)
		if err != nil {
			return
		}
		got, err := m.blend(Clip{Name: name, File: file, Metadata: map[string]string{"a.b": name, "c.b": file}})
		if err != nil {
			return
		}
		if got == ".." || strings.HasPrefix(got, "../") || path.Clean(got) != got {
			t.Errorf("template %q, clip %q: %q", template, name, got)
		}
	})
}
