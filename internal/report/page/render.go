package page

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/flsync/flsync/internal/report"
)

//go:embed *.html
var files embed.FS

// pages are parsed when somebody wants one: most commands do not.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(functions).ParseFS(files, "*.html"))
})

var functions = template.FuncMap{
	"bytes": report.Bytes,
	"stamp": func(t time.Time) string { return t.Local().Format("Monday, 2 January 2006, 15:04:05") },
	"age":   func(t time.Time) string { return report.Age(time.Since(t)) },
	"seconds": func(s float64) string {
		return time.Duration(s * float64(time.Second)).Round(10 * time.Millisecond).String()
	},
	"percent": func(part, whole int) int {
		if whole <= 0 {
			return 0
		}
		return 100 * part / whole
	},
	"share": func(part int64, all []report.Share) float64 {
		var most int64 = 1
		for _, s := range all {
			most = max(most, s.Bytes)
		}
		return 100 * float64(part) / float64(most)
	},
	// rest is a message without the path that stands beside it.
	"rest": func(path, message string) string { return strings.TrimLeft(strings.TrimPrefix(message, path), ": ") },
}

// HTML writes the page.
func (r *Run) HTML(w io.Writer) error {
	text, mood := r.Verdict()
	return pages().ExecuteTemplate(w, "page.html", struct {
		*Run
		Text, Mood string
	}{r, text, mood})
}

// Text writes the same for a terminal.
func (r *Run) Text(w io.Writer) error {
	var b strings.Builder
	verdict, _ := r.Verdict()
	fmt.Fprintf(&b, "run %s  flsync %s  %s, %s ago\n%s\n", r.Start.Run, r.Start.Command, r.Start.Time.Local().Format(time.DateTime),
		report.Age(time.Since(r.Start.Time)), verdict)
	if states := r.States(); states != "" {
		fmt.Fprintf(&b, "Jobs now: %s.\n", states)
	}
	if r.Night != nil {
		fmt.Fprintf(&b, "The jobs of this run: %s.\n", r.Night.Text())
	}
	for i, step := range r.Next() {
		fmt.Fprintf(&b, "%d. %s\n", i+1, step.Text)
		for _, c := range step.Commands {
			fmt.Fprintf(&b, "       %s\n", c)
		}
	}
	if r.Summary != nil {
		fmt.Fprintf(&b, "\n%s\n", r.Summary.Text())
		for _, l := range r.Timeline() {
			const width = 50
			left := min(int(l.Left*width/100), width-1)
			bar := strings.Repeat(" ", left) + strings.Repeat("=", max(1, min(int(l.Width*width/100), width-left)))
			fmt.Fprintf(&b, "%-9s|%-*s| %.2fs to %.2fs\n", l.Stage, width, bar, l.Begin, l.End)
		}
	}
	section := func(title string, n int) {
		if n > 0 {
			fmt.Fprintf(&b, "\n%s\n", title)
		}
	}
	section("Errors", len(r.Causes()))
	for _, e := range r.Causes() {
		fmt.Fprintln(&b, "  "+e.Text())
	}
	section("What frames lack", len(r.Lacks))
	for _, l := range r.ByLack() {
		l.Job = strings.Join(l.Jobs, ", ")
		fmt.Fprintln(&b, "  "+l.Text())
	}
	if len(r.Lacks) == 0 { // the log of an earlier release
		section("Missing files", len(r.Missing))
		for _, m := range r.Missing {
			fmt.Fprintln(&b, "  "+m.Text())
		}
		section("Held back", len(r.Held))
		for _, h := range r.Held {
			fmt.Fprintln(&b, "  "+h.Text())
		}
	}
	jobs := r.ByUrgency()
	section("Jobs", len(jobs))
	for _, j := range jobs {
		state := j.Status
		if j.Skipped {
			state = "skipped"
		}
		switch {
		case j.Failure != "":
			state = "not submitted"
		case j.Now != nil:
			state = fmt.Sprintf("%s, now %s (%d of %d)", state, j.Now.Status, j.Now.Done, j.Now.Total)
			if j.Now.Forecast != nil {
				state += ", " + j.Now.Forecast.Text()
			}
		case r.State(j) == gone:
			state += ", not there any more"
		}
		if j.From != nil {
			state += ", from " + j.From.String()
		}
		fmt.Fprintf(&b, "  %-28s %-36s  %s\n", j.Name, j.ID, state)
	}
	section("Frames", len(r.Frames))
	for _, m := range r.Frames {
		fmt.Fprintln(&b, "  "+m.Text())
	}
	_, err := io.WriteString(w, b.String())
	return err
}
