package eval

import (
	"fmt"
	"strings"
	"unicode"

	"go.starlark.net/starlark"
)

// typeName is the name Python has for the type of a value.
func typeName(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.NoneType:
		return "NoneType"
	case starlark.String:
		return "str"
	case pyPath:
		return "PosixPath"
	case *namespace:
		return v.path
	case *starlark.Builtin:
		return "builtin_function_or_method"
	}
	return v.Type()
}

// str is Python's str(v).
func (m *machine) str(v starlark.Value) (string, error) {
	switch v := v.(type) {
	case starlark.String:
		return string(v), nil
	case pyPath:
		return v.text(), nil
	}
	return m.repr(v)
}

// repr is Python's repr(v).
func (m *machine) repr(v starlark.Value) (string, error) {
	var out strings.Builder
	err := m.writeRepr(&out, v, 0)
	return out.String(), err
}

func (m *machine) writeRepr(out *strings.Builder, v starlark.Value, depth int) error {
	if depth > maxNesting {
		return errTooDeep
	}
	before := out.Len()
	switch v := v.(type) {
	case starlark.NoneType, starlark.Bool, starlark.Int:
		out.WriteString(v.String())
	case starlark.Float:
		out.WriteString(reprFloat(float64(v)))
	case starlark.String:
		if err := m.charge(len(v)); err != nil {
			return err
		}
		out.WriteString(reprString(string(v)))
	case pyPath:
		out.WriteString("PosixPath(" + reprString(v.text()) + ")")
	case *starlark.List:
		return m.writeSequence(out, "[", v, "]", depth)
	case starlark.Tuple:
		end := ")"
		if len(v) == 1 {
			end = ",)"
		}
		return m.writeSequence(out, "(", v, end, depth)
	case *starlark.Set:
		if v.Len() == 0 {
			out.WriteString("set()")
			break
		}
		return m.writeSequence(out, "{", v, "}", depth)
	case *starlark.Dict:
		out.WriteByte('{')
		for i, item := range v.Items() {
			if i > 0 {
				out.WriteString(", ")
			}
			if err := m.writeRepr(out, item[0], depth+1); err != nil {
				return err
			}
			out.WriteString(": ")
			if err := m.writeRepr(out, item[1], depth+1); err != nil {
				return err
			}
		}
		out.WriteByte('}')
	case *namespace:
		return &UnknownError{Name: v.path + " as text"}
	default:
		if v.Type() == "range" {
			out.WriteString(v.String())
			break
		}
		return &UnknownError{Name: "the text of a " + typeName(v)}
	}
	return m.charge(out.Len() - before)
}

func (m *machine) writeSequence(out *strings.Builder, open string, items starlark.Iterable, end string, depth int) error {
	out.WriteString(open)
	separator := ""
	for e := range starlark.Elements(items) {
		out.WriteString(separator)
		separator = ", "
		if err := m.charge(4); err != nil {
			return err
		}
		if err := m.writeRepr(out, e, depth+1); err != nil {
			return err
		}
	}
	out.WriteString(end)
	return nil
}

// reprString quotes a string as Python does: single quotes, unless only those occur inside.
func reprString(s string) string {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var out strings.Builder
	out.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			out.WriteRune('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case printable(r):
			out.WriteRune(r)
		default:
			writeEscape(&out, r)
		}
	}
	out.WriteRune(quote)
	return out.String()
}

// printable is str.isprintable of one character.
func printable(r rune) bool { return r == ' ' || unicode.IsPrint(r) }

func writeEscape(out *strings.Builder, r rune) {
	switch {
	case r < 0x100:
		fmt.Fprintf(out, `\x%02x`, r)
	case r < 0x10000:
		fmt.Fprintf(out, `\u%04x`, r)
	default:
		fmt.Fprintf(out, `\U%08x`, r)
	}
}

// escapeASCII is what ascii() does to a repr.
func escapeASCII(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r < 0x80 {
			out.WriteRune(r)
		} else {
			writeEscape(&out, r)
		}
	}
	return out.String()
}
