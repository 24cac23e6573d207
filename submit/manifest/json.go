package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
)

// parseJSON reads one JSON value, which is the whole of what.
func (s *source) parseJSON(what string) *node {
	r := &jsonReader{source: s, decoder: newJSONDecoder(s.data)}
	n := r.value(0)
	if n == nil {
		return nil
	}
	if offset := r.skip(); offset < len(s.data) {
		s.errs.Add(s.at(offset), "%s goes on behind its end; only .jsonl files hold several values, one a line", what)
	}
	return n
}

// parseJSONL reads one job a line and returns a whole manifest.
func (s *source) parseJSONL() *node {
	jobs := &node{pos: s.pos(1, 1), items: []*node{}}
	line := 0
	for text := range bytes.Lines(s.data) {
		if len(bytes.TrimSpace(text)) > 0 {
			// The line alone, so that a broken one does not spoil the next.
			one := &source{name: s.name, data: bytes.TrimRight(text, "\r\n"), errs: s.errs, above: line}
			if n := one.parseJSON("the line"); n != nil {
				jobs.items = append(jobs.items, n)
			}
		}
		line++
	}
	return wrapJobs(jobs)
}

// wrapJobs makes a manifest of a list of jobs.
func wrapJobs(jobs *node) *node {
	root := newMap(jobs.pos)
	root.add(&node{pos: jobs.pos, value: "jobs"}, jobs)
	return root
}

func newJSONDecoder(data []byte) *json.Decoder {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder
}

// jsonReader reads tokens and knows where each begins.
type jsonReader struct {
	*source
	decoder *json.Decoder
	nodes   int
}

// skip finds the next token behind space and punctuation.
func (r *jsonReader) skip() int {
	offset := int(r.decoder.InputOffset())
	for offset < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[offset]) >= 0 {
		offset++
	}
	return offset
}

func (r *jsonReader) token() (json.Token, Pos, bool) {
	pos := r.at(r.skip())
	token, err := r.decoder.Token()
	if err == nil {
		return token, pos, true
	}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.errs.Add(r.at(len(bytes.TrimRight(r.data, " \t\r\n"))), "the JSON ends too early")
	case errors.As(err, &syntax):
		r.errs.Add(r.at(int(max(syntax.Offset-1, 0))), "this is not JSON: %s", syntax)
	default:
		r.errs.Add(pos, "this is not JSON: %v", err)
	}
	return nil, pos, false
}

// value reads a value; nil after an error.
func (r *jsonReader) value(depth int) *node {
	token, pos, ok := r.token()
	if !ok {
		return nil
	}
	n := &node{pos: pos}
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		r.errs.Add(pos, "the manifest is nested without end (%d values, %d levels are allowed)", maxNodes, maxDepth)
		return nil
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			n.items = []*node{}
			for r.decoder.More() {
				item := r.value(depth + 1)
				if item == nil {
					return nil
				}
				n.items = append(n.items, item)
			}
		} else {
			n = newMap(pos)
			for r.decoder.More() {
				key := r.value(depth + 1)
				if key == nil {
					return nil
				}
				value := r.value(depth + 1)
				if value == nil {
					return nil
				}
				r.addKey(n, key, value, true)
			}
		}
		if _, _, ok := r.token(); !ok {
			return nil
		}
	case json.Number:
		n.value = r.number(token.String(), pos)
	default: // nil, bool, string
		n.value = token
	}
	return n
}

func (r *jsonReader) number(text string, pos Pos) any {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		r.errs.Add(pos, "%s is no finite number", text)
		return int64(0)
	}
	return f
}
