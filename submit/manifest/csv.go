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

// csvColumns are the fields of a job that a column can have; settings.KEY and
// metadata.KEY come on top.
var csvColumns = []string{"name", "blend", "glob", "priority", "type", "worker_tag", "initial_status", "scene", "key"}

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
	columns := make([]csvColumn, len(header))
	for i, name := range header {
		columns[i] = csvColumn{name: strings.TrimSpace(name), pos: s.field(reader, i)}
	}
	s.checkHeader(columns)
	jobs := &node{pos: s.pos(1, 1), items: []*node{}}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.addCSVError(err)
			if !errors.Is(err, csv.ErrFieldCount) {
				break
			}
		}
		if !slices.ContainsFunc(record, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
			continue // spreadsheets leave rows of commas behind
		}
		if len(record) > len(columns) {
			s.errs.Add(s.field(reader, len(columns)), "a cell without a column: the header has %d", len(columns))
			record = record[:len(columns)]
		}
		jobs.items = append(jobs.items, s.row(reader, columns, record))
	}
	if len(jobs.items) == 0 && len(*s.errs) > 0 {
		return nil
	}
	return wrapJobs(jobs)
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

// field is where a cell of the last row begins. The reader counts bytes.
func (s *source) field(reader *csv.Reader, i int) Pos {
	line, col := reader.FieldPos(i)
	text := s.line(line)
	return s.pos(line, utf8.RuneCount(text[:min(col-1, len(text))])+1)
}

func (s *source) addCSVError(err error) {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		s.errs.Add(s.pos(1, 1), "this is not CSV: %v", err)
		return
	}
	s.errs.Add(s.pos(parse.Line, parse.Column), "this is not CSV: %v", parse.Err)
}

// checkHeader blanks the names of columns that mean nothing, so that the rest of
// the file can be checked.
func (s *source) checkHeader(columns []csvColumn) {
	var seen []string
	for i, c := range columns {
		message := ""
		switch {
		case c.name == "":
			message = "a column without a name"
		case slices.Contains(seen, c.name):
			message = "a second column " + c.name
		case !strings.HasPrefix(c.name, "settings.") && !strings.HasPrefix(c.name, "metadata.") && !slices.Contains(csvColumns, c.name):
			message = "unknown column " + c.name + nearest.Hint(c.name, csvColumns)
			if !strings.Contains(message, ";") {
				message += "; a setting is called settings." + c.name
			}
		default:
			seen = append(seen, c.name)
			continue
		}
		s.errs.Add(c.pos, "%s", message)
		columns[i].name = ""
	}
	if !slices.Contains(seen, "blend") && !slices.Contains(seen, "glob") && !slices.Contains(seen, "type") {
		s.errs.Add(s.pos(1, 1), "the header has none of blend, glob and type; the first line names the columns")
	}
}

// row turns a row into a job as the other formats have it.
func (s *source) row(reader *csv.Reader, columns []csvColumn, record []string) *node {
	job := newMap(s.field(reader, 0))
	groups := map[string]*node{}
	for i, cell := range record {
		c := columns[i]
		pos := s.field(reader, i)
		if c.name == "" || strings.TrimSpace(cell) == "" {
			continue
		}
		key, value := &node{pos: pos, value: c.name}, &node{pos: pos, value: cell}
		if c.name == "priority" {
			if n, err := strconv.ParseInt(strings.TrimSpace(cell), 10, 64); err == nil {
				value.value = n
			}
		}
		group, name, dotted := strings.Cut(c.name, ".")
		if !dotted {
			job.add(key, value)
			continue
		}
		if groups[group] == nil {
			groups[group] = newMap(pos)
			job.add(&node{pos: pos, value: group}, groups[group])
		}
		if group == "settings" {
			value.value = Text(cell)
		}
		key.value = name
		groups[group].add(key, value)
	}
	return job
}
