package manifest

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

// Bounds that no honest manifest comes near, so that any other is refused before it takes the machine's
// memory.
const (
	maxBytes   = 64 << 20
	maxEntries = 1_000_000 // lines and commas of YAML and JSON
	maxNodes   = 2_000_000
	maxDepth   = 64
	maxJobs    = 100_000
	maxColumns = 1000
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
	pairs []pair  // of a mapping, in their order
	index map[string]int
	wrong bool // the schema does not allow it
}

type pair struct {
	key   string
	pos   Pos
	value *node
}

func newMap(pos Pos) *node { return &node{pos: pos, index: map[string]int{}} }

func (n *node) isMap() bool { return n.index != nil }
func (n *node) isSeq() bool { return n.items != nil }

// add appends a pair to a mapping.
func (n *node) add(key string, pos Pos, value *node) {
	n.index[key] = len(n.pairs)
	n.pairs = append(n.pairs, pair{key, pos, value})
}

// at returns the pair of a key, nil when there is none.
func (n *node) at(key string) *pair {
	if n == nil {
		return nil
	}
	if i, ok := n.index[key]; ok {
		return &n.pairs[i]
	}
	return nil
}

// has reports whether a key is there, with a right value or a wrong one.
func (n *node) has(key string) bool { return n.at(key) != nil }

// get returns the value of a key, nil when there is none, or none that is right.
func (n *node) get(key string) *node {
	if p := n.at(key); p != nil && !p.value.wrong && (p.value.value != nil || p.value.isMap() || p.value.isSeq()) {
		return p.value
	}
	return nil
}

// text returns the value of a key that the schema has as text, "" when there is none.
func (n *node) text(key string) string {
	if v := n.get(key); v != nil {
		return v.value.(string)
	}
	return ""
}

// list returns a value that the schema has as one text or several.
func (n *node) list() []*node {
	switch {
	case n == nil:
		return nil
	case n.isSeq():
		return slices.DeleteFunc(slices.Clone(n.items), func(item *node) bool { return item.wrong })
	}
	return []*node{n}
}

// plain returns a node as the schema's library takes it.
func (n *node) plain() any {
	switch {
	case n.isMap():
		m := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			m[p.key] = p.value.plain()
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

	// The place asked for last: places are mostly asked for in their order.
	last  struct{ offset, line, col int }
	lines [][]byte // of CSV, once a place in it was asked for
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

// clean turns the text into UTF-8 without a byte order mark, and reports bytes that are not UTF-8, once a
// line. It reports whether reading on makes sense.
func (s *source) clean() bool {
	// Windows PowerShell 5.1 writes UTF-16 with a mark; spreadsheets and editors on Windows write one before
	// UTF-8.
	if bytes.HasPrefix(s.data, []byte{0xff, 0xfe}) || bytes.HasPrefix(s.data, []byte{0xfe, 0xff}) {
		text, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(s.data)
		if err != nil {
			s.errs.Add(s.pos(1, 1), "this is UTF-16, and broken; save it as UTF-8")
			return false
		}
		s.data = text
	}
	s.data = bytes.TrimPrefix(s.data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(s.data)) == 0 {
		s.errs.Add(s.pos(1, 1), "the manifest is empty")
		return false
	}
	if i := bytes.IndexByte(s.data, 0); i >= 0 {
		s.errs.Add(s.at(i), "a NUL byte; this is no text, or UTF-16 without a byte order mark: save it as UTF-8")
		return false
	}
	if utf8.Valid(s.data) {
		return true
	}
	offset := 0
	for line := range bytes.Lines(s.data) {
		if i := bytes.IndexRune(line, utf8.RuneError); i >= 0 { // the first byte that is not UTF-8
			s.errs.Add(s.at(offset+i), "the byte 0x%02x is not UTF-8; save the file as UTF-8", line[i])
		}
		offset += len(line)
	}
	s.data = bytes.ToValidUTF8(s.data, []byte("\uFFFD"))
	return true
}
