package bench

import (
	"fmt"
	"io"
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

// Markdown writes the results for people. charts maps a scenario's or a
// chart's name to the file that shows it.
func (r *Results) Markdown(w io.Writer, charts map[string]string) error {
	var b strings.Builder
	b.WriteString("# Measured\n\nWritten by `make bench-report`; changes by hand are lost.\n\n")
	r.Environment.markdown(&b)
	r.goals(&b)
	b.WriteString("## Scenarios\n\n" + howToRead)
	for _, s := range r.Scenarios {
		if s.Chart.Chart == "" && (len(s.Contenders) > 0 || s.Error != "") {
			s.markdown(&b, charts[s.Name])
		}
	}
	for _, c := range chartGroups(r) {
		c.markdown(&b, charts[c.name])
	}
	_, err := io.WriteString(w, b.String())
	return err
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

func (s Result) markdown(b *strings.Builder, chart string) {
	fmt.Fprintf(b, "### %s\n\n", upperFirstLetter(s.Title))
	if s.Files > 0 {
		fmt.Fprintf(b, "%d files, %s.\n\n", s.Files, bytesText(float64(s.Bytes)))
	}
	if s.Error != "" {
		fmt.Fprintf(b, "Not measured: %s\n\n", firstLine(s.Error))
	}
	s.table(b)
	if chart != "" {
		fmt.Fprintf(b, "![%s](%s)\n\n", s.Title, chart)
	}
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

// markdown shows a chart over several scenarios, with its numbers.
func (c chartGroup) markdown(b *strings.Builder, chart string) {
	fmt.Fprintf(b, "### %s\n\n| |", c.title)
	for _, l := range c.labels {
		fmt.Fprintf(b, " %s |", l)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(c.labels)) + "\n")
	for i, name := range c.series {
		fmt.Fprintf(b, "| %s |", name)
		for _, v := range c.values[i] {
			fmt.Fprintf(b, " %s |", c.text(v))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	if chart != "" {
		fmt.Fprintf(b, "![%s](%s)\n\n", c.title, chart)
	}
}

func upperFirstLetter(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
