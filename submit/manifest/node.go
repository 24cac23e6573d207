package manifest

import (
	"bytes"
	"unicode/utf8"
)

// Bounds that no honest manifest comes near, so that a hostile one is refused
// before it takes the machine's memory.
const (
	maxBytes = 64 << 20
	maxNodes = 2_000_000
	maxDepth = 64
	maxJobs  = 100_000
	// Aliases of YAML may repeat this many values, and ten times what the text holds.
	maxAliased = 100_000
)

// Text is a value whose type the job type decides, from CSV or the command line.
type Text string

// node is a value of a manifest with its place, whatever the format.
type node struct {
	pos   Pos
	value any     // nil, bool, int64, float64, string or Text; nil for the others
	items []*node // of a sequence; never nil for one
	keys  []*node // of a mapping, with their values; never nil for one
	vals  []*node
	index map[string]int // of keys, filled by add
}

func newMap(pos Pos) *node {
	return &node{pos: pos, keys: []*node{}, vals: []*node{}, index: map[string]int{}}
}

// add appends a pair to a mapping.
func (n *node) add(key, value *node) {
	n.index[key.value.(string)] = len(n.keys)
	n.keys, n.vals = append(n.keys, key), append(n.vals, value)
}

func (n *node) isMap() bool { return n.keys != nil }
func (n *node) isSeq() bool { return n.items != nil }

// get returns the value of a key, nil when there is none.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	if i, ok := n.index[key]; ok {
		return n.vals[i]
	}
	return nil
}

// key returns the node of the key itself.
func (n *node) key(key string) *node {
	if i, ok := n.index[key]; ok {
		return n.keys[i]
	}
	return nil
}

// plain turns a node into what the schema checks.
func (n *node) plain() any {
	switch {
	case n.isMap():
		m := make(map[string]any, len(n.keys))
		for i, key := range n.keys {
			m[key.value.(string)] = n.vals[i].plain()
		}
		return m
	case n.isSeq():
		s := make([]any, len(n.items))
		for i, item := range n.items {
			s[i] = item.plain()
		}
		return s
	}
	if text, ok := n.value.(Text); ok {
		return string(text)
	}
	return n.value
}

// source is the text of a manifest.
type source struct {
	name  string
	data  []byte
	errs  *Errors
	above int // lines of the file before data begins

	lines []int // where each line begins, see line
	// The place asked for last: places are mostly asked for in their order.
	last struct{ offset, line, col int }
}

func (s *source) pos(line, col int) Pos { return Pos{File: s.name, Line: s.above + line, Col: col} }

// at finds line and column of a byte.
func (s *source) at(offset int) Pos {
	offset = min(offset, len(s.data))
	if s.last.line == 0 || offset < s.last.offset {
		s.last.offset, s.last.line, s.last.col = 0, 1, 1
	}
	between := s.data[s.last.offset:offset]
	if n := bytes.Count(between, []byte("\n")); n > 0 {
		s.last.line += n
		s.last.col = 1
		between = between[bytes.LastIndexByte(between, '\n')+1:]
	}
	s.last.col += utf8.RuneCount(between)
	s.last.offset = offset
	return s.pos(s.last.line, s.last.col)
}

// line is the text from the beginning of a line on.
func (s *source) line(number int) []byte {
	if s.lines == nil {
		s.lines = []int{0}
		for i, c := range s.data {
			if c == '\n' {
				s.lines = append(s.lines, i+1)
			}
		}
	}
	return s.data[s.lines[min(max(number, 1), len(s.lines))-1]:]
}

// clean takes a byte order mark away, refuses other encodings, and reports bytes
// that are not UTF-8, once a line. It says whether reading on makes sense.
func (s *source) clean() bool {
	utf16 := bytes.HasPrefix(s.data, []byte{0xff, 0xfe}) || bytes.HasPrefix(s.data, []byte{0xfe, 0xff})
	if utf16 || bytes.HasPrefix(s.data, []byte{0, '{'}) || len(s.data) > 1 && s.data[1] == 0 {
		s.errs.Add(s.pos(1, 1), "this is UTF-16; save it as UTF-8")
		return false
	}
	// Spreadsheets and editors on Windows write the mark; it means nothing in UTF-8.
	s.data = bytes.TrimPrefix(s.data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(s.data)) == 0 {
		s.errs.Add(s.pos(1, 1), "the manifest is empty")
		return false
	}
	if i := bytes.IndexByte(s.data, 0); i >= 0 {
		s.errs.Add(s.at(i), "a NUL byte; this is no text")
		return false
	}
	if utf8.Valid(s.data) {
		return true
	}
	offset := 0
	for line := range bytes.Lines(s.data) {
		for i := 0; i < len(line); {
			r, size := utf8.DecodeRune(line[i:])
			if r == utf8.RuneError && size == 1 {
				s.errs.Add(s.at(offset+i), "the byte 0x%02x is not UTF-8; save the file as UTF-8", line[i])
				break
			}
			i += size
		}
		offset += len(line)
	}
	s.data = bytes.ToValidUTF8(s.data, []byte("\uFFFD"))
	return true
}
