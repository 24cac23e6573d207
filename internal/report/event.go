package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// An Event is one message of a run. Text is what people read; it may be empty, for events that only
// programs care about, and may span lines. Its JSON form is the struct's own fields behind a "type".
type Event interface {
	Type() string
	Text() string
}

// Level says where an event's text belongs.
type Level int

// Results go to standard output; everything else goes to standard error, as far as the chosen
// verbosity lets it through.
const (
	Result Level = iota
	Failure
	Remark
	Detail
)

// leveled is implemented by events that are not plain remarks.
type leveled interface{ Level() Level }

// LevelOf tells where e's text belongs; events that do not say are remarks.
func LevelOf(e Event) Level {
	if l, ok := e.(leveled); ok {
		return l.Level()
	}
	return Remark
}

// JSON renders e as one object whose first field is "type", without a newline.
func JSON(e Event) ([]byte, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("rendering a %s event: %w", e.Type(), err)
	}
	fields := bytes.TrimSpace(body.Bytes())
	out := append([]byte(`{"type":`), strconv.Quote(e.Type())...)
	if len(fields) > len("{}") {
		out = append(out, ',')
	}
	return append(out, fields[1:]...), nil
}
