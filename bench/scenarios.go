package bench

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

//go:embed scenarios.yaml
var table string

// Sizes of a run: of the goals, and such as only show that everything works.
const (
	Full  = "full"
	Smoke = "smoke"
)

// Scenarios returns what is measured, from the table in scenarios.yaml, in one of its sizes.
func Scenarios(size string) (all []Scenario, err error) {
	head, body, _ := strings.Cut(table, "\n---\n")
	var sizes map[string]map[string]any
	if err := yaml.Unmarshal([]byte(head), &sizes); err != nil {
		return nil, fmt.Errorf("sizes of scenarios: %w", err)
	}
	parsed, err := template.New("scenarios").Option("missingkey=error").Funcs(template.FuncMap{
		"count": count,
		"div":   func(a, b int) float64 { return float64(a) / float64(b) },
		"cost":  func(base, each float64, n int) string { return fmt.Sprintf("%.1fs", base+each*float64(n)) },
	}).Parse(body)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, sizes[size]); err != nil {
		return nil, err
	}
	var scenarios []Scenario
	decoder := yaml.NewDecoder(&text)
	decoder.KnownFields(true)
	if err := decoder.Decode(&scenarios); err != nil {
		return nil, fmt.Errorf("scenarios: %w", err)
	}
	for _, s := range scenarios {
		s.Title = strings.ReplaceAll(s.Title, "{link}", s.Link.String())
		s.Curve.Label = strings.ReplaceAll(s.Curve.Label, "{link}", s.Link.String())
		for i, g := range s.Goals {
			if g.Unit == "" {
				s.Goals[i].Unit = "×"
			}
		}
		all = append(all, s)
		if s.Both {
			all[len(all)-1].Apart = true
			s.Name, s.Beside, s.Goals = s.Name+"-shared", s.Name, slices.Clone(s.Goals)
			for i, g := range s.Goals {
				s.Goals[i].Text, s.Goals[i].Limit = g.Text+", shared cores", g.Shared
			}
			all = append(all, s)
		}
	}
	return all, nil
}

func count(n int) string {
	if n >= 1_000_000 && n%1_000_000 == 0 {
		return fmt.Sprintf("%d M", n/1_000_000)
	}
	if n >= 1_000 && n%1_000 == 0 {
		return fmt.Sprintf("%d k", n/1_000)
	}
	return fmt.Sprint(n)
}
