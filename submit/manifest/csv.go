package manifest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flsync/flsync/submit/internal/nearest"
)

// csvColumns are the fields of a job that a column can have; settings.KEY and metadata.KEY come on top.
var csvColumns = []string{"name", "blend", "glob", "priority", "type", "worker_tag", "initial_status", "scene", "key", "missing"}

// parseCSV reads a header and one job a row. Empty cells are left out.
func (s *source) parseCSV() *node {
	reader := csv.NewReader(bytes.NewReader(s.data))
	reader.FieldsPerRecord = -1 // counted here, to go on after a short row
	reader.Comma = s.comma()
	header, err := reader.Read()
	if err != nil {
		s.addCSVError(err)
		return nil
	}
	if len(header) > maxColumns {
		s.errs.Add(s.pos(1, 1), "%d columns; at most %d are read", len(header), maxColumns)
		return nil
	}
	columns := make([]csvColumn, len(header))
	for i, name := range header {
		columns[i] = csvColumn{strings.TrimSpace(name), s.field(reader, i)}
	}
	s.checkHeader(columns)
	var jobs []*node
	for len(jobs) <= maxJobs { // one more is refused later
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.addCSVError(err)
			break
		}
		if !slices.ContainsFunc(record, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
			continue // spreadsheets leave rows of commas behind
		}
		jobs = append(jobs, s.row(reader, columns, record[:min(len(record), len(columns))]))
		if len(record) > len(columns) {
			s.errs.Add(s.field(reader, len(columns)), "a cell without a column: the header has %d", len(columns))
		}
	}
	if len(jobs) == 0 && len(*s.errs) > 0 {
		return nil
	}
	return s.wrapJobs(jobs)
}

// comma is the semicolon in files of spreadsheets that use the comma in numbers.
func (s *source) comma() rune {
	first, _, _ := bytes.Cut(s.data, []byte("\n"))
	if !bytes.ContainsAny(first, ",") && bytes.ContainsAny(first, ";") {
		return ';'
	}
	return ','
}

type csvColumn struct {
	name string
	pos  Pos
}

// field returns where a cell of the last row begins. The reader counts columns in bytes.
func (s *source) field(reader *csv.Reader, i int) Pos {
	line, col := reader.FieldPos(i)
	if s.lines == nil {
		s.lines = bytes.SplitAfter(s.data, []byte("\n"))
	}
	return s.pos(line, utf8.RuneCount(s.lines[line-1][:col-1])+1)
}

func (s *source) addCSVError(err error) {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		s.errs.Add(s.pos(1, 1), "this is not CSV: %v", err)
		return
	}
	s.errs.Add(s.pos(parse.Line, parse.Column), "this is not CSV: %v", parse.Err)
}

// checkHeader blanks the names of columns that mean nothing, so that the rest of the file can be checked.
func (s *source) checkHeader(columns []csvColumn) {
	seen := map[string]bool{}
	for i, c := range columns {
		message := ""
		switch {
		case c.name == "":
			message = "a column without a name"
		case seen[c.name]:
			message = "a second column " + c.name
		case !strings.HasPrefix(c.name, "settings.") && !strings.HasPrefix(c.name, "metadata.") && !slices.Contains(csvColumns, c.name):
			message = "unknown column " + c.name + nearest.Hint(c.name, csvColumns)
			if !strings.Contains(message, ";") {
				message += "; a setting is called settings." + c.name
			}
		default:
			seen[c.name] = true
			continue
		}
		s.errs.Add(c.pos, "%s", message)
		columns[i].name = ""
	}
	if !seen["blend"] && !seen["glob"] && !seen["type"] {
		s.errs.Add(s.pos(1, 1), "the header has none of blend, glob and type; the first line names the columns")
	}
}

// row turns a row into a job as the other formats have it.
func (s *source) row(reader *csv.Reader, columns []csvColumn, record []string) *node {
	job := newMap(s.field(reader, 0))
	for i, cell := range record {
		c := columns[i]
		pos := s.field(reader, i)
		if c.name == "" || strings.TrimSpace(cell) == "" {
			continue
		}
		value := &node{pos: pos, value: cell}
		if c.name == "priority" {
			if n, err := strconv.ParseInt(strings.TrimSpace(cell), 10, 64); err == nil {
				value.value = n
			}
		}
		group, name, dotted := strings.Cut(c.name, ".")
		if !dotted {
			job.add(c.name, pos, value)
			continue
		}
		if !job.has(group) {
			job.add(group, pos, newMap(pos))
		}
		if group == "settings" {
			value.value = Text(cell)
		}
		job.at(group).value.add(name, pos, value)
	}
	return job
}
