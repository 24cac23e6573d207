package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
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

// leveled is implemented by events of other packages that are not plain remarks.
type leveled interface{ Level() Level }

// LevelOf returns where e's text belongs. Events of other packages that do not say are remarks.
func LevelOf(e Event) Level {
	switch e := e.(type) {
	case Checkout, Job, Listening, Hash, Summary, Frames, Frame, Forecast:
		return Result
	case Error:
		return Failure
	case Start, Settings:
		return Detail
	case Lack:
		if e.Listed {
			return Result
		}
	case Note:
		if e.Detail {
			return Detail
		}
	case leveled:
		return e.Level()
	}
	return Remark
}

// The types of events on the wire: a contract with programs.

func (Start) Type() string     { return "start" }
func (Progress) Type() string  { return "progress" }
func (Warning) Type() string   { return "warning" }
func (Lack) Type() string      { return "lack" }
func (Error) Type() string     { return "error" }
func (Checkout) Type() string  { return "checkout" }
func (Job) Type() string       { return "job" }
func (Settings) Type() string  { return "settings" }
func (Listening) Type() string { return "listening" }
func (Hash) Type() string      { return "hash" }
func (Note) Type() string      { return "note" }
func (Frames) Type() string    { return "frames" }
func (Frame) Type() string     { return "frame" }
func (Forecast) Type() string  { return "forecast" }
func (Summary) Type() string   { return "summary" }

// JSON renders e as one object whose first field is "type", without a newline. A path of a file system need
// not be valid UTF-8, which JSON text has to be: behind a field path or used_by that is not exact stands
// path_hex or used_by_hex with its bytes in lower-case hex.
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
	out = append(out, fields[1:]...)
	if bytes.Contains(out, []byte(`\ufffd`)) { // how encoding/json writes a byte that is not UTF-8
		for _, name := range []string{"path", "used_by"} {
			if exact := textField(reflect.ValueOf(e), name); !utf8.ValidString(exact) {
				out = fmt.Appendf(out[:len(out)-1], `,"%s_hex":"%x"}`, name, exact)
			}
		}
	}
	return out, nil
}

// textField returns the string field that encoding/json calls name, also of an embedded struct; "" when there
// is none.
func textField(v reflect.Value, name string) string {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name && f.Type.Kind() == reflect.String {
			if field, err := v.FieldByIndexErr(f.Index); err == nil {
				return field.String()
			}
		}
	}
	return ""
}
