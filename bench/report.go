package bench

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
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

// page is the report and bars a chart of it; their data are Results and a chart.
var (
	//go:embed report.md.tmpl
	page string
	//go:embed bars.svg.tmpl
	bars string
)

// Report writes the results for people into the file path, and charts into the folder charts beside it.
func (r *Results) Report(path string) error {
	charts := filepath.Join(filepath.Dir(path), "charts")
	err := os.MkdirAll(charts, 0o777)
	old, _ := filepath.Glob(filepath.Join(charts, "*.svg"))
	for _, picture := range old {
		err = errors.Join(err, os.Remove(picture))
	}
	if err != nil {
		return err
	}
	for _, s := range r.Scenarios {
		if s.Chart() {
			if err := render(filepath.Join(charts, s.Name+".svg"), bars, s.chart(r.twin(s))); err != nil {
				return err
			}
		}
	}
	return render(path, page, r)
}

func render(path, text string, data any) error {
	parsed, err := template.New(path).Funcs(template.FuncMap{
		"join": strings.Join, "seconds": seconds,
		"bytes":     func(n any) string { return bytesText(reflect.ValueOf(n).Convert(reflect.TypeFor[float64]()).Float()) },
		"firstLine": func(s string) string { line, _, _ := strings.Cut(s, "\n"); return line },
	}).Parse(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, data); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// scenario returns the result of that name; an empty one where there is none.
func (r *Results) scenario(name string) (found Result) {
	if i := slices.IndexFunc(r.Scenarios, func(s Result) bool { return s.Name == name }); i >= 0 {
		found = r.Scenarios[i]
	}
	return found
}

// Verdicts returns all goals with their numbers, from 1.
func (r *Results) Verdicts() (all []Verdict) {
	for _, s := range r.Scenarios {
		for _, v := range s.Goals {
			v.Number = len(all) + 1
			all = append(all, v)
		}
	}
	return all
}

// twin returns the result on shared cores that belongs to one on cores of its own.
func (r *Results) twin(of Result) (twin Result) {
	for _, s := range r.Scenarios {
		if s.Beside == of.Name {
			twin = s
		}
	}
	return twin
}

// Heading returns a scenario's title with a capital letter, or its name where it was not asked for.
func (r *Results) Heading(scenario string) string {
	title := cmp.Or(r.scenario(scenario).Title, scenario)
	return strings.ToUpper(title[:1]) + title[1:]
}

// Time returns what a contender of a scenario took, in words, "–" if it was not measured. Contenders whose
// names only begin so count where none has just that name.
func (r *Results) Time(scenario, contender string) string {
	s := r.scenario(scenario)
	if wall, ok := s.Wall(contender); ok {
		return seconds(wall)
	}
	for _, m := range s.Contenders {
		if wall, ok := s.Wall(m.Name); ok && strings.HasPrefix(m.Name, contender) {
			return seconds(wall)
		}
	}
	return "–"
}

// Shared returns what a contender took on shared cores, "" for scenarios that have no such twin.
func (r *Results) Shared(of Result, contender string) string {
	if twin := r.twin(of); twin.Name != "" {
		return r.Time(twin.Name, contender)
	}
	return ""
}

// Chart reports whether the report has a chart of the scenario.
func (s Result) Chart() bool {
	return s.Curve.Table == "" && s.Beside == "" && len(s.Contenders) > 1 && s.Measured()
}

// Measured reports whether any contender has samples.
func (s Result) Measured() bool {
	return slices.ContainsFunc(s.Contenders, func(m Measured) bool { return len(m.Samples) > 0 })
}

// Rate returns how many bytes a contender did in a second.
func (s Result) Rate(m Measured) float64 { return float64(s.Bytes) / m.Median.Wall }

// Compared returns how many times as long as the first contender another takes, "" without a figure of the
// first.
func (s Result) Compared(m Measured) string {
	first := s.Contenders[0].Median.Wall
	if first <= 0 {
		return ""
	}
	return number(m.Median.Wall / first)
}

// Cost returns the time of a contender or of the best in a group, for each of Curve.Per where that is above
// 1.
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

// Curves returns the tables, in the order of their first scenarios.
func (r *Results) Curves() (all []*Curve) {
	for _, s := range r.Scenarios {
		if s.Curve.Table == "" || !s.Measured() {
			continue
		}
		i := slices.IndexFunc(all, func(c *Curve) bool { return c.Title == s.Curve.Table })
		if i < 0 {
			i, all = len(all), append(all, &Curve{Title: s.Curve.Table})
		}
		c := all[i]
		c.Points = append(c.Points, s)
		for _, m := range s.Contenders {
			if name := cmp.Or(m.Group, m.Name); !slices.Contains(c.Names, name) {
				c.Names = append(c.Names, name)
			}
		}
	}
	return all
}

// chart is a picture with a bar for each contender.
type chart struct {
	Title         string
	Width, Height int
	Bars          []bar
}

type bar struct {
	Name, Figure, Colour string
	Left, X, Y, Text     int
	Length, End          float64
}

// chart draws a scenario, and below each bar a paler one of its twin.
func (s Result) chart(twin Result) chart {
	const width, row, left, right = 860, 26, 330, 90 // left is for names, right for figures
	c := chart{Title: s.Title, Width: width, Height: 40}
	longest := 0.0
	for _, m := range slices.Concat(s.Contenders, twin.Contenders) {
		longest = max(longest, m.Median.Wall)
	}
	add := func(name, colour string, m *Measured) {
		if m != nil {
			length := max(1, m.Median.Wall/longest*(width-left-right))
			c.Bars = append(c.Bars, bar{name, seconds(m.Median.Wall), colour, left - 8, left, c.Height, c.Height + 15, length, left + length + 6})
			c.Height += row
		}
	}
	for _, m := range s.Contenders {
		add(m.Name, "#5470c6", s.contender(m.Name))
		add("shared cores", "#b4c0e6", twin.contender(m.Name))
	}
	c.Height += 8
	return c
}

// noise is by how much two runs of one program differ on a quiet machine.
const noise = 0.05

// Compare writes which of flsync's times changed between two results by more than noise: more than the spread
// of the samples of either, and at least 5 %. It returns the number of those that became slower.
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
