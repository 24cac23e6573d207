package report

import (
	"io"
	"sync"
)

// A Sink takes events from any goroutine.
type Sink interface{ Emit(Event) }

// Verbosity of text: how much goes to standard error.
type Verbosity int

// Quiet keeps failures only, Normal adds remarks and warnings, Verbose adds details.
const (
	Quiet Verbosity = iota
	Normal
	Verbose
)

// NewJSONLines returns a sink that writes each event as one JSON object a line. A failed write is
// kept and every later event dropped; [JSONLines.Err] tells.
func NewJSONLines(w io.Writer) *JSONLines { return &JSONLines{w: w} }

// JSONLines is made by [NewJSONLines].
type JSONLines struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// Emit implements [Sink].
func (s *JSONLines) Emit(e Event) {
	line, err := JSON(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	if err == nil {
		_, err = s.w.Write(append(line, '\n'))
	}
	s.err = err
}

// Err tells the first failure to render or write.
func (s *JSONLines) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// NewText returns a sink that writes results to out and the rest to remarks.
func NewText(out, remarks io.Writer, v Verbosity) *Text {
	return &Text{out: out, remarks: remarks, verbosity: v}
}

// Text is made by [NewText].
type Text struct {
	mu           sync.Mutex
	out, remarks io.Writer
	verbosity    Verbosity
	line         []byte
}

// Emit implements [Sink].
func (s *Text) Emit(e Event) {
	text := e.Text()
	if text == "" {
		return
	}
	if _, exact := e.(Hash); !exact { // whose lines are for sha256sum
		text = Printable(text)
	}
	w := s.remarks
	switch LevelOf(e) {
	case Result:
		w = s.out
	case Remark:
		if s.verbosity < Normal {
			return
		}
	case Detail:
		if s.verbosity < Verbose {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = append(append(s.line[:0], text...), '\n')
	_, _ = w.Write(s.line) // nobody is left to tell when the terminal itself is gone
}

// Collected is a sink that keeps the events of one type.
type Collected[E Event] struct {
	mu   sync.Mutex
	List []E // to be read when nothing emits any more
}

// Emit implements [Sink].
func (c *Collected[E]) Emit(e Event) {
	if e, ok := e.(E); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.List = append(c.List, e)
	}
}

// Tee returns a sink that feeds each of sinks in turn.
func Tee(sinks ...Sink) Sink { return tee(sinks) }

type tee []Sink

func (t tee) Emit(e Event) {
	for _, s := range t {
		s.Emit(e)
	}
}

// Discard drops every event.
var Discard Sink = tee(nil)

// Remarks passes on everything but results, and progress: what a program that prints JSON to standard
// output still tells people on standard error.
func Remarks(s Sink) Sink { return remarks{s} }

type remarks struct{ Sink }

func (r remarks) Emit(e Event) {
	if LevelOf(e) != Result {
		r.Sink.Emit(e)
	}
}
