package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cheggaaa/pb/v3"
	"golang.org/x/term"

	"github.com/flsync/flsync/internal/report"
)

// column is one of a table's: its title and how a row's cell is made. A column that gives way is cut when the
// terminal is narrow, one that does so early before the others.
type column[T any] struct {
	title string
	cell  func(T) string
	gives bool
	early bool
	right bool
}

// printTable writes rows as a table that fits the terminal; what is not a terminal gets whole cells.
func printTable[T any](a *app, rows []T, columns []column[T]) error {
	if len(rows) == 0 {
		a.remark("none")
		return nil
	}
	_, err := io.WriteString(a.stdout, renderTable(rows, columns, a.width(), a.colours())+"\n")
	return err
}

func renderTable[T any](rows []T, columns []column[T], most int, colours bool) string {
	lines := make([][]string, 1+len(rows)) // the titles first
	longest := make([]int, len(columns))
	for r := range lines {
		for i, c := range columns {
			cell := strings.ToUpper(c.title)
			if r > 0 {
				cell = oneLine(c.cell(rows[r-1]))
			}
			lines[r] = append(lines[r], cell)
			longest[i] = max(longest[i], displayWidth(cell))
		}
	}
	fit(longest, columns, most)
	var table []string
	for r, cells := range lines {
		line := ""
		for i, cell := range cells {
			shown, colour := cut(cell, longest[i]), ""
			space := strings.Repeat(" ", longest[i]-displayWidth(shown))
			if colours && r == 0 {
				colour = "1" // bold
			} else if colours {
				colour = statusColour(cell)
			}
			if colour != "" {
				shown = "\x1b[" + colour + "m" + shown + "\x1b[0m"
			}
			if columns[i].right {
				shown, space = space, shown
			}
			line += shown + space + "  "
		}
		table = append(table, strings.TrimRight(line, " "))
	}
	return strings.Join(table, "\n")
}

// displayWidth returns how many cells of a terminal s takes.
func displayWidth(s string) int { return pb.CellCount(s) }

// cut shortens s to most cells, with a ~ in place of what is missing.
func cut(s string, most int) string {
	if displayWidth(s) <= most {
		return s
	}
	return strings.TrimRight(pb.StripString(s, most-1), " ") + "~"
}

// fit takes width from the columns that give way, the widest first, until all fit. No column gets narrower
// than 8.
func fit[T any](widths []int, columns []column[T], width int) {
	const least, gap = 8, 2
	total := 0
	for _, w := range widths {
		total += w + gap
	}
	for ; width > 0 && total > width; total-- {
		widest := -1
		for i, c := range columns {
			if c.gives && widths[i] > least && (widest < 0 || c.early && !columns[widest].early ||
				c.early == columns[widest].early && widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// oneLine makes text of the Manager's, such as a job's name, fit for one line of a terminal.
func oneLine(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(report.Printable(s))
}

// statusColour returns the SGR code for a status, "" for any other cell.
func statusColour(cell string) string {
	switch cell {
	case "active", "awake", "ok":
		return "36" // cyan
	case "completed":
		return "32" // green
	case "failed", "error", "failure", "soft-failed":
		return "31" // red
	case "paused", "pause-requested", "cancel-requested", "warning":
		return "33" // yellow
	}
	return ""
}

// width of the terminal that standard output is, 0 where it is none.
func (a *app) width() int {
	width, _ := a.size()
	if columns, err := strconv.Atoi(a.getenv("COLUMNS")); width > 0 && err == nil && columns > 0 {
		return columns
	}
	return width
}

// size of the terminal that standard output is: 0, 0 where it is none.
func (a *app) size() (width, height int) {
	f, ok := a.out.to.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 80, 0
	}
	return width, height
}

// colours may be used on a terminal, unless NO_COLOR is set (no-color.org).
func (a *app) colours() bool {
	return a.width() > 0 && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
}

// field is a line of a list of facts about one thing.
type field struct{ name, value string }

// printFields writes facts about one thing, names aligned; empty ones are left out.
func (a *app) printFields(fields []field) error {
	lines := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		if f.value != "" {
			fmt.Fprintf(lines, "%s\t%s\n", oneLine(f.name), oneLine(f.value))
		}
	}
	return lines.Flush()
}

func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return report.Age(time.Since(t))
}

func agoPtr(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return ago(*t)
}

// orZero returns what p points to, or nothing.
func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// percent is how far something has come.
func percent(done, total int) string {
	if total <= 0 {
		return ""
	}
	return fmt.Sprintf("%d%%", done*100/total)
}

// short is the first part of a UUID, which tells a few hundred apart.
func short(id string) string {
	if len(id) > 8 {
		return id[:8]
	}
	return id
}
