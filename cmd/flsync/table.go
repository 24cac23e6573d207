package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
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

func renderTable[T any](rows []T, columns []column[T], width int, colours bool) string {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatUpper
	if colours {
		style.Color.Header = text.Colors{text.Bold}
	}
	t.SetStyle(style)
	header := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, len(columns))
	longest := make([]int, len(columns))
	cells := make([][]string, len(rows))
	for i, c := range columns {
		header[i] = c.title
		longest[i] = text.StringWidthWithoutEscSequences(c.title)
		configs[i] = table.ColumnConfig{Number: i + 1, WidthMaxEnforcer: text.Trim}
		if c.right {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	for r, row := range rows {
		cells[r] = make([]string, len(columns))
		for i, c := range columns {
			cells[r][i] = oneLine(c.cell(row))
			longest[i] = max(longest[i], text.StringWidthWithoutEscSequences(cells[r][i]))
		}
	}
	fit(longest, columns, width)
	for i := range columns {
		configs[i].WidthMax = longest[i]
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(header)
	for _, row := range cells {
		line := make(table.Row, len(row))
		for i, cell := range row {
			line[i] = text.Snip(cell, longest[i], "~")
			if colours {
				line[i] = statusColour(cell).Sprint(line[i])
			}
		}
		t.AppendRow(line)
	}
	t.SuppressTrailingSpaces()
	return t.Render()
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
			if !c.gives || widths[i] <= least {
				continue
			}
			if widest < 0 || c.early && !columns[widest].early || c.early == columns[widest].early && widths[i] > widths[widest] {
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

func statusColour(cell string) text.Colors {
	switch cell {
	case "active", "awake", "ok":
		return text.Colors{text.FgCyan}
	case "completed":
		return text.Colors{text.FgGreen}
	case "failed", "error", "failure", "soft-failed":
		return text.Colors{text.FgRed}
	case "paused", "pause-requested", "cancel-requested", "warning":
		return text.Colors{text.FgYellow}
	}
	return nil
}

// width of the terminal that standard output is, 0 where it is none.
func (a *app) width() int {
	f, ok := a.out.to.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if columns, err := strconv.Atoi(a.getenv("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 80
	}
	return width
}

// height of the terminal that standard output is, 0 where it is none.
func (a *app) height() int {
	f, ok := a.out.to.(*os.File)
	if !ok {
		return 0
	}
	_, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return height
}

// colours may be used on a terminal, unless NO_COLOR is set (no-color.org).
func (a *app) colours() bool {
	return a.width() > 0 && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
}

// field is a line of a list of facts about one thing.
type field struct{ name, value string }

// printFields writes facts about one thing, names aligned; empty ones are left out.
func (a *app) printFields(fields []field) error {
	longest := 0
	for _, f := range fields {
		longest = max(longest, utf8.RuneCountInString(f.name))
	}
	for _, f := range fields {
		if f.value == "" {
			continue
		}
		if _, err := fmt.Fprintf(a.stdout, "%-*s  %s\n", longest, oneLine(f.name), oneLine(f.value)); err != nil {
			return err
		}
	}
	return nil
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
