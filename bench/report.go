package bench

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// String is a goal on one line, as the run ends with.
func (v Verdict) String() string {
	return fmt.Sprintf("%-8s %s: %s (goal %s)", v.state(), v.Goal, v.value(), v.goal())
}

func (v Verdict) state() string {
	switch {
	case !v.Measured:
		return "unknown"
	case v.Met:
		return "met"
	}
	return "not met"
}

func (v Verdict) value() string {
	if !v.Measured {
		return "not measured"
	}
	return number(v.Value) + " " + v.Unit
}

func (v Verdict) goal() string {
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

// Report writes the results for people into the file page, and charts into the folder charts beside it.
func (r *Results) Report(page string) error {
	charts := filepath.Join(filepath.Dir(page), "charts")
	if err := os.MkdirAll(charts, 0o777); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Measured\n\nWritten by `make bench-report`; changes by hand are lost.\n\n")
	r.Environment.markdown(&b)
	r.goals(&b)
	b.WriteString("## Scenarios\n\n" + howToRead)
	for _, s := range r.Scenarios {
		if s.Curve.Table != "" || len(s.Contenders) == 0 && s.Error == "" {
			continue
		}
		s.markdown(&b)
		if len(s.Contenders) > 1 && s.Error == "" {
			fmt.Fprintf(&b, "![%s](charts/%s.svg)\n\n", s.Title, s.Name)
			if err := os.WriteFile(filepath.Join(charts, s.Name+".svg"), []byte(s.bars()), 0o666); err != nil {
				return err
			}
		}
	}
	for _, c := range []curve{
		{"walk", "Cost per file: walk, stat and lookup of empty files", true},
		{"growth", "Cost per file: whole syncs", true},
		{"distance", "First sync over distance", false},
	} {
		c.markdown(&b, r)
	}
	return os.WriteFile(page, []byte(b.String()), 0o666)
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

const howToRead = `Times are medians, with the least and the most in brackets. The last column compares with flsync: 2.00 takes
twice as long. Processor time and memory are those of the client, not of the Manager. The upper bounds and the passes of digests are
timed without their start and the reading of their lists; flsync and all tools are timed as whole processes.

`

func (e Environment) markdown(b *strings.Builder) {
	manager := e.Manager
	if e.Embedded {
		manager += " (embedded in flsync)"
	}
	flsync := e.Flsync
	if flsync == "" {
		flsync = "not recorded"
	}
	rows := [][2]string{
		{"when", fmt.Sprintf("%s, %.0f minutes", e.Time.Format("2006-01-02 15:04 MST"), e.Minutes)},
		{"machine", fmt.Sprintf("%s, %s, %d cores (%s)", e.System, e.CPU, e.Cores, strings.Join(e.Features, " "))},
		{"flsync", fmt.Sprintf("revision %s, %s", flsync, e.FlsyncGo)},
		{"Manager", manager},
		{"samples", fmt.Sprintf("%d of each contender, in turn", e.Reps)},
	}
	if e.Load != "" {
		rows = append(rows, [2]string{"load before", e.Load + " (the lower, the truer)"})
	}
	b.WriteString("| | |\n|---|---|\n")
	for _, row := range rows {
		fmt.Fprintf(b, "| %s | %s |\n", row[0], row[1])
	}
	b.WriteString("\nClient and Manager share the cores, but where it says that each has its own; all files are in the page cache.\n\n")
}

func (r *Results) goals(b *strings.Builder) {
	b.WriteString("## Goals\n\n| what | goal | measured | |\n|---|---:|---:|---|\n")
	for _, s := range r.Scenarios {
		for _, g := range s.Goals {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", g.Goal, g.goal(), g.value(), g.state())
		}
	}
	b.WriteString("\n")
}

func (s Result) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "### %s\n\n", upperFirstLetter(s.Title))
	if s.Files > 0 {
		fmt.Fprintf(b, "%d files, %s.\n\n", s.Files, bytesText(float64(s.Bytes)))
	}
	if s.Error != "" {
		fmt.Fprintf(b, "Not measured: %s\n\n", firstLine(s.Error))
	}
	s.table(b)
}

// table has a row for each contender; the first is what others are compared with.
func (s Result) table(b *strings.Builder) {
	if !slices.ContainsFunc(s.Contenders, func(m Measured) bool { return len(m.Samples) > 0 }) {
		return
	}
	first := s.Contenders[0].Median.Wall
	b.WriteString("| contender | time | rate | user + system | memory | compared |\n|---|---:|---:|---:|---:|---:|\n")
	for _, m := range s.Contenders {
		if len(m.Samples) == 0 {
			fmt.Fprintf(b, "| %s | %s | | | | |\n", m.Name, m.Skipped)
			continue
		}
		least, most := m.spread()
		rate, compared := "", ""
		if s.AllRead {
			rate = bytesText(float64(s.Bytes)/m.Median.Wall) + "/s"
		}
		if first > 0 {
			compared = number(m.Median.Wall / first)
		}
		fmt.Fprintf(b, "| %s | %s (%s–%s) | %s | %s + %s | %s | %s |\n", m.Name,
			seconds(m.Median.Wall), seconds(least), seconds(most), rate,
			seconds(m.Median.User), seconds(m.Median.System), bytesText(float64(m.Median.MaxRSS)), compared)
	}
	b.WriteString("\n")
}

// curve is a table over several scenarios: a row for each contender or group, a column for each scenario.
type curve struct {
	name, title string
	perFile     bool // the values are a cost per file
}

func (c curve) markdown(b *strings.Builder, r *Results) {
	var points []Result
	var names []string
	for _, s := range r.Scenarios {
		if s.Curve.Table != c.name || s.Error != "" {
			continue
		}
		points = append(points, s)
		for _, m := range s.Contenders {
			if name := cmp.Or(m.Group, m.Name); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if len(points) == 0 {
		return
	}
	fmt.Fprintf(b, "### %s\n\n| |", c.title)
	for _, s := range points {
		fmt.Fprintf(b, " %s |", s.Curve.Label)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(points)) + "\n")
	for _, name := range names {
		fmt.Fprintf(b, "| %s |", name)
		for _, s := range points {
			text := ""
			if v, ok := s.Wall(name); ok && c.perFile {
				text = number(v/s.Curve.Per*1e6) + " µs"
			} else if ok {
				text = seconds(v)
			}
			fmt.Fprintf(b, " %s |", text)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

func upperFirstLetter(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
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
			wasLeast, wasMost := was.spread()
			nowLeast, nowMost := now.spread()
			change, word := now.Median.Wall/was.Median.Wall-1, "as before"
			if change > noise && nowLeast > wasMost {
				word = "SLOWER"
				slower++
			} else if change < -noise && nowMost < wasLeast {
				word = "faster"
			}
			fmt.Fprintf(w, "%-24s %-28s %10s → %-10s %+6.1f %%  %s\n",
				s.Name, now.Name, seconds(was.Median.Wall), seconds(now.Median.Wall), change*100, word)
		}
	}
	return slower
}
