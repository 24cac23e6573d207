package conform

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
)

// mapping finds the blend file behind a clip: patterns take named pieces out of what the edit says of
// it, and a template puts them together.
type mapping struct {
	template string
	matches  []match
}

// match is a pattern on one field of a clip.
type match struct {
	field   string // name, reel, file, or a metadata key
	pattern *regexp.Regexp
}

// usualName is tried on a clip's name when no pattern is given: "sq010_sh020_comp_v003" has the
// sequence sq010 and the shot sh020.
var usualName = pattern.Lazy(`^(?P<sequence>[^_.\- ]+)[_.\- ](?P<shot>[^_.\- ]+)`)

// placeholder is a {name} in the template.
var placeholder = pattern.Lazy(`\{([^{}]*)\}`)

// newMapping checks a template and its patterns, each "FIELD=REGEXP" with named groups (?P<shot>…).
func newMapping(template string, patterns []string) (*mapping, error) {
	if template == "" {
		return nil, fmt.Errorf("no mapping from clips to blend files was given, such as 'shots/{sequence}/{shot}.blend'")
	}
	m := &mapping{template: template}
	for _, p := range patterns {
		field, text, ok := strings.Cut(p, "=")
		if !ok || field == "" {
			return nil, fmt.Errorf("pattern %q is not of the form FIELD=REGEXP, such as 'name=(?P<shot>sh\\d+)'", p)
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", p, err)
		}
		if !slices.ContainsFunc(re.SubexpNames(), func(n string) bool { return n != "" }) {
			return nil, fmt.Errorf("pattern %q names nothing: it needs a group such as (?P<shot>…)", p)
		}
		m.matches = append(m.matches, match{field, re})
	}
	if len(patterns) == 0 {
		m.matches = []match{{"name", usualName()}}
	}
	return m, nil
}

// blend returns the clip's blend file as the template says, with slashes.
func (m *mapping) blend(c Clip) (string, error) {
	values := pieces(c)
	for _, match := range m.matches {
		groups := match.pattern.FindStringSubmatch(values[match.field])
		for i, name := range match.pattern.SubexpNames() {
			if groups != nil && name != "" && groups[i] != "" {
				values[name] = groups[i]
			}
		}
	}
	var lacking []string
	result := placeholder().ReplaceAllStringFunc(m.template, func(p string) string {
		v := values[p[1:len(p)-1]]
		if v == "" {
			lacking = append(lacking, p)
		}
		return v
	})
	if len(lacking) > 0 {
		return "", fmt.Errorf("nothing in it gives %s", strings.Join(lacking, ", "))
	}
	for _, element := range strings.Split(result, "/") {
		if element == ".." {
			return "", fmt.Errorf("%q would climb out of the project", result)
		}
	}
	return path.Clean(result), nil
}

// pieces are the names that a template can use without a pattern. A metadata key may be shortened to its
// last part where only one ends so.
func pieces(c Clip) map[string]string {
	values := make(map[string]string)
	ambiguous := make(map[string]bool)
	for _, key := range slices.Sorted(maps.Keys(c.Metadata)) {
		short := key[strings.LastIndexByte(key, '.')+1:]
		if old, taken := values[short]; taken && old != c.Metadata[key] {
			ambiguous[short] = true
		}
		values[short] = c.Metadata[key]
	}
	for short := range ambiguous {
		delete(values, short)
	}
	maps.Copy(values, c.Metadata)
	file := strings.ReplaceAll(c.File, `\`, "/")
	values["name"], values["reel"], values["file"] = c.Name, c.Reel, file
	if file != "" {
		values["file.stem"] = strings.TrimSuffix(path.Base(file), path.Ext(file))
		values["media"] = mediaStem(file)
		values["file.dir"] = path.Base(path.Dir(file))
	}
	return values
}
