package bench

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"text/template"
)

// String is a goal on one line, as the run ends with.
func (v Verdict) String() string {
	return fmt.Sprintf("%-8s %s: %s (goal %s)", v.State(), v.Goal, v.Measure(), v.Aim())
}

// State returns whether the goal is met, in words.
func (v Verdict) State() string {
	switch {
	case !v.Measured:
		return "unknown"
	case v.Met:
		return "met"
	}
	return "not met"
}

// Measure returns what was measured, with its unit.
func (v Verdict) Measure() string {
	if !v.Measured {
		return "not measured"
	}
	return number(v.Value) + " " + v.Unit
}

// Aim returns the limit with its sign and unit.
func (v Verdict) Aim() string {
	sign := "≤"
	if v.AtLeast {
		sign = "≥"
	}
	return sign + " " + number(v.Limit) + " " + v.Unit
}

// number is short, with three digits that count.
func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

func seconds(x float64) string {
	switch {
	case x < 0.01:
		return fmt.Sprintf("%.1f ms", x*1e3)
	case x < 1:
		return fmt.Sprintf("%.0f ms", x*1e3)
	}
	return number(x) + " s"
}

func bytesText(n float64) string {
	switch {
	case n >= 1e9:
		return number(n/1e9) + " GB"
	case n >= 1e6:
		return number(n/1e6) + " MB"
	case n >= 1e3:
		return number(n/1e3) + " kB"
	}
	return fmt.Sprintf("%.0f B", n)
}

// page is the report; its data are the Results.
//
//go:embed report.md.tmpl
var page string

// Report writes the results for people into the file path, and charts into the folder charts beside it.
func (r *Results) Report(path string) error {
	charts := filepath.Join(filepath.Dir(path), "charts")
	if err := os.MkdirAll(charts, 0o777); err != nil {
		return err
	}
	for _, s := range r.Scenarios {
		if s.Chart() {
			if err := os.WriteFile(filepath.Join(charts, s.Name+".svg"), []byte(s.bars()), 0o666); err != nil {
				return err
			}
		}
	}
	parsed, err := template.New("report").Funcs(template.FuncMap{
		"join": strings.Join, "seconds": seconds,
		"bytes":     func(n any) string { return bytesText(reflect.ValueOf(n).Convert(reflect.TypeFor[float64]()).Float()) },
		"firstLine": func(s string) string { line, _, _ := strings.Cut(s, "\n"); return line },
	}).Parse(page)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, r); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// Chart reports whether the report has a chart of the scenario.
func (s Result) Chart() bool { return s.Curve.Table == "" && len(s.Contenders) > 1 && s.Error == "" }

// Measured reports whether any contender has samples.
func (s Result) Measured() bool {
	return slices.ContainsFunc(s.Contenders, func(m Measured) bool { return len(m.Samples) > 0 })
}

// Heading returns the title with a capital letter.
func (s Result) Heading() string { return strings.ToUpper(s.Title[:1]) + s.Title[1:] }

// Rate returns how many bytes a contender did in a second.
func (s Result) Rate(m Measured) float64 { return float64(s.Bytes) / m.Median.Wall }

// Compared returns how many times as long as the first contender another takes, "" without a figure of the first.
func (s Result) Compared(m Measured) string {
	first := s.Contenders[0].Median.Wall
	if first <= 0 {
		return ""
	}
	return number(m.Median.Wall / first)
}

// Cost returns the time of a contender or of the best in a group, for each of Curve.Per where that is above 1.
func (s Result) Cost(name string) string {
	wall, ok := s.Wall(name)
	switch {
	case !ok:
		return ""
	case s.Curve.Per > 1:
		return number(wall/s.Curve.Per*1e6) + " µs"
	}
	return seconds(wall)
}

// Curve is a table over several scenarios: a row for each contender or group, a column for each scenario.
type Curve struct {
	Title  string
	Names  []string
	Points []Result
}

// Curves returns the tables that have scenarios.
func (r *Results) Curves() (all []Curve) {
	for _, t := range [][2]string{
		{"walk", "Cost per file: walk, stat and lookup of tiny files"},
		{"growth", "Cost per file: whole syncs"},
		{"shots", "Many shots that share 500 textures"},
		{"jobs", "One shot that has not changed, by how many jobs the Manager has"},
		{"distance", "First sync over distance"},
	} {
		c := Curve{Title: t[1]}
		for _, s := range r.Scenarios {
			if s.Curve.Table != t[0] || s.Error != "" {
				continue
			}
			c.Points = append(c.Points, s)
			for _, m := range s.Contenders {
				if name := cmp.Or(m.Group, m.Name); !slices.Contains(c.Names, name) {
					c.Names = append(c.Names, name)
				}
			}
		}
		if len(c.Points) > 0 {
			all = append(all, c)
		}
	}
	return all
}

// bars draws one bar for each contender, as SVG.
func (s Result) bars() string {
	const width, row, left, right = 760, 28, 250, 80 // left is for names, right for figures
	var rows strings.Builder
	longest, y := 0.0, 40
	for _, m := range s.Contenders {
		longest = max(longest, m.Median.Wall)
	}
	for _, m := range s.Contenders {
		if len(m.Samples) == 0 {
			continue
		}
		length := m.Median.Wall / longest * (width - left - right)
		fmt.Fprintf(&rows, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="#5470c6"/>`+
			`<text x="%.1f" y="%d">%s</text>`+"\n", left-8, y+15, html.EscapeString(m.Name), left, y, length, row-8, left+length+6, y+15, seconds(m.Median.Wall))
		y += row
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+
		`<rect width="100%%" height="100%%" fill="white"/><text x="12" y="24" font-weight="bold">%s</text>`+"\n%s</svg>\n", width, y+8, html.EscapeString(s.Title), rows.String())
}

// noise is by how much two runs of one program differ on a quiet machine.
const noise = 0.05

// Compare writes which of flsync's times changed between two results by more than noise: more than the spread of the
// samples of either, and at least 5 %. It returns the number of those that became slower.
func Compare(w io.Writer, before, after *Results) (slower int) {
	old := map[string]Measured{}
	for _, s := range before.Scenarios {
		for _, m := range s.Contenders {
			old[s.Name+" "+m.Name] = m
		}
	}
	for _, s := range after.Scenarios {
		for _, now := range s.Contenders {
			was := old[s.Name+" "+now.Name]
			if !strings.HasPrefix(now.Name, "flsync") || len(was.Samples) == 0 || len(now.Samples) == 0 {
				continue
			}
			change, word := now.Median.Wall/was.Median.Wall-1, "as before"
			if change > noise && now.Least() > was.Most() {
				word = "SLOWER"
				slower++
			} else if change < -noise && now.Most() < was.Least() {
				word = "faster"
			}
			fmt.Fprintf(w, "%-24s %-28s %10s → %-10s %+6.1f %%  %s\n",
				s.Name, now.Name, seconds(was.Median.Wall), seconds(now.Median.Wall), change*100, word)
		}
	}
	return slower
}
