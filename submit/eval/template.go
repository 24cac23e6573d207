package eval

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// strFormat is str.format.
func (m *machine) strFormat(template string, args starlark.Tuple, kwargs []starlark.Tuple) (string, error) {
	f := &formatter{m: m, args: args, kwargs: kwargs}
	return f.expand(template, 0)
}

type formatter struct {
	m      *machine
	args   starlark.Tuple
	kwargs []starlark.Tuple
	next   int // the number of the next {}; -1 once one was numbered by hand
}

func (f *formatter) expand(template string, depth int) (string, error) {
	if depth > 2 {
		return "", raise("ValueError", "Max string recursion exceeded")
	}
	var out strings.Builder
	for template != "" {
		i := strings.IndexAny(template, "{}")
		if i < 0 {
			out.WriteString(template)
			break
		}
		out.WriteString(template[:i])
		if i+1 < len(template) && template[i+1] == template[i] && depth == 0 {
			out.WriteByte(template[i])
			template = template[i+2:]
			continue
		}
		if template[i] == '}' {
			return "", raise("ValueError", "Single '}' encountered in format string")
		}
		field := template[i+1:]
		end, level := 0, 1
		for ; end < len(field) && level > 0; end++ {
			switch field[end] {
			case '{':
				level++
			case '}':
				level--
			}
		}
		if level > 0 {
			return "", raise("ValueError", "expected '}' before end of string")
		}
		template = field[end:]
		text, err := f.field(field[:end-1], depth)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		if err := f.m.charge(i + len(text)); err != nil {
			return "", err
		}
	}
	return out.String(), f.m.charge(out.Len())
}

// field expands one pair of braces.
func (f *formatter) field(field string, depth int) (string, error) {
	name, rest := field, ""
	bracket := 0
	for i := range len(field) {
		if field[i] == '[' {
			bracket++
		} else if field[i] == ']' {
			bracket--
		} else if bracket <= 0 && (field[i] == ':' || field[i] == '!') {
			name, rest = field[:i], field[i:]
			break
		}
	}
	value, err := f.value(name)
	if err != nil {
		return "", err
	}
	if after, ok := strings.CutPrefix(rest, "!"); ok {
		if after == "" || len(after) > 1 && after[1] != ':' {
			return "", raise("ValueError", "expected ':' after conversion specifier")
		}
		if value, err = f.m.convert(value, after[:1]); err != nil {
			return "", err
		}
		rest = after[1:]
	}
	spec, err := f.expand(strings.TrimPrefix(rest, ":"), depth+1)
	if err != nil {
		return "", err
	}
	return f.m.format(value, spec)
}

// value finds 0, name, name.attr or name[key].
func (f *formatter) value(name string) (starlark.Value, error) {
	end := strings.IndexAny(name, ".[")
	if end < 0 {
		end = len(name)
	}
	value, err := f.argument(name[:end])
	if err != nil {
		return nil, err
	}
	for rest := name[end:]; rest != ""; {
		if rest[0] == '.' {
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			if value, err = f.m.attr(value, rest[1:end]); err != nil {
				return nil, err
			}
			rest = rest[end:]
			continue
		}
		end := strings.IndexByte(rest, ']')
		if rest[0] != '[' || end < 0 {
			return nil, raise("ValueError", "Missing ']' in format string")
		}
		var key starlark.Value = starlark.String(rest[1:end])
		if n, err := strconv.Atoi(rest[1:end]); err == nil {
			key = starlark.MakeInt(n)
		}
		if value, err = f.m.index(value, key); err != nil {
			return nil, err
		}
		rest = rest[end+1:]
	}
	return value, nil
}

func (f *formatter) argument(name string) (starlark.Value, error) {
	n, err := strconv.Atoi(name)
	switch {
	case name == "":
		if f.next < 0 {
			return nil, raise("ValueError", "cannot switch from manual field specification to automatic field numbering")
		}
		n = f.next
		f.next++
	case err != nil:
		for _, kv := range f.kwargs {
			if string(kv[0].(starlark.String)) == name {
				return kv[1], nil
			}
		}
		return nil, raise("KeyError", "%s", reprString(name))
	default:
		if f.next > 0 {
			return nil, raise("ValueError", "cannot switch from automatic field numbering to manual field specification")
		}
		f.next = -1
	}
	if n < 0 || n >= len(f.args) {
		return nil, raise("IndexError", "Replacement index %d out of range for positional args tuple", n)
	}
	return f.args[n], nil
}

// convert is !r, !s or !a.
func (m *machine) convert(v starlark.Value, conversion string) (starlark.Value, error) {
	var text string
	var err error
	switch conversion {
	case "":
		return v, nil
	case "s":
		text, err = m.str(v)
	case "r":
		text, err = m.repr(v)
	case "a":
		text, err = m.repr(v)
		text = escapeASCII(text)
	default:
		return nil, raise("ValueError", "Unknown conversion specifier %s", conversion)
	}
	return starlark.String(text), err
}

// percent is template % values.
func (m *machine) percent(template string, values starlark.Value) (_ starlark.Value, err error) {
	args, isTuple := values.(starlark.Tuple)
	if !isTuple {
		args = starlark.Tuple{values}
	}
	used := 0
	next := func() (starlark.Value, error) {
		if used >= len(args) {
			return nil, raise("TypeError", "not enough arguments for format string")
		}
		used++
		return args[used-1], nil
	}
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(template, "%")
		out.WriteString(before)
		if !found {
			break
		}
		if rest == "" {
			return nil, raise("ValueError", "incomplete format")
		}
		var text string
		if text, template, err = m.percentField(rest, values, next, &used); err != nil {
			return nil, err
		}
		out.WriteString(text)
		if err := m.charge(len(before) + len(text)); err != nil {
			return nil, err
		}
	}
	_, isDict := values.(*starlark.Dict)
	if used < len(args) && !isDict {
		return nil, raise("TypeError", "not all arguments converted during string formatting")
	}
	return starlark.String(out.String()), m.charge(out.Len())
}

// percentField expands what follows one %.
func (m *machine) percentField(s string, values starlark.Value, next func() (starlark.Value, error), used *int) (text, rest string, err error) {
	f := spec{fill: ' ', precision: -1, align: '>'}
	var value starlark.Value
	if strings.HasPrefix(s, "(") {
		end := strings.IndexByte(s, ')')
		dict, ok := values.(*starlark.Dict)
		if end < 0 || !ok {
			return "", "", raise("TypeError", "format requires a mapping")
		}
		found := false
		if value, found, err = dict.Get(starlark.String(s[1:end])); !found || err != nil {
			return "", "", raise("KeyError", "%s", reprString(s[1:end]))
		}
		*used = 1
		s = s[end+1:]
	}
	zero := false
	for ; s != "" && strings.IndexByte("-+ #0", s[0]) >= 0; s = s[1:] {
		switch s[0] {
		case '-':
			f.align = '<'
		case '+':
			f.sign = '+'
		case ' ':
			if f.sign == 0 {
				f.sign = ' '
			}
		case '#':
			f.alternate = true
		case '0':
			zero = true
		}
	}
	star := func() (int, error) {
		s = s[1:]
		v, err := next()
		if err != nil {
			return 0, err
		}
		i, ok := v.(starlark.Int)
		if !ok {
			return 0, raise("TypeError", "* wants int")
		}
		n, ok := i.Int64()
		if !ok || n > maxWidth || n < -maxWidth {
			return 0, &limitError{what: "memory", detail: fmt.Errorf("a format is wider than %d", maxWidth)}
		}
		return int(n), nil
	}
	if strings.HasPrefix(s, "*") {
		if f.width, err = star(); err != nil {
			return "", "", err
		}
		if f.width < 0 {
			f.align, f.width = '<', -f.width
		}
	} else if f.width, s, err = leadingInt(s, 0); err != nil {
		return "", "", err
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		if strings.HasPrefix(s, "*") {
			if f.precision, err = star(); err != nil {
				return "", "", err
			}
			f.precision = max(f.precision, 0)
		} else if f.precision, s, err = leadingInt(s, 0); err != nil {
			return "", "", err
		}
	}
	s = strings.TrimLeft(s, "hlL")
	if s == "" {
		return "", "", raise("ValueError", "incomplete format")
	}
	typ, size := utf8.DecodeRuneInString(s)
	rest = s[size:]
	if typ == '%' {
		return "%", rest, nil
	}
	if value == nil {
		if value, err = next(); err != nil {
			return "", "", err
		}
	}
	text, err = m.percentValue(f, zero, typ, value)
	return text, rest, err
}

func (m *machine) percentValue(f spec, zero bool, typ rune, value starlark.Value) (string, error) {
	switch typ {
	case 's', 'r', 'a':
		v, err := m.convert(value, string(typ))
		if err != nil {
			return "", err
		}
		text := string(v.(starlark.String))
		if f.precision >= 0 {
			text = sliceString(text, 0, f.precision)
		}
		return m.pad(f, "", text, '>')
	case 'c':
		if s, ok := value.(starlark.String); ok && utf8.RuneCountInString(string(s)) == 1 {
			return m.pad(f, "", string(s), '>')
		}
		i, ok := value.(starlark.Int)
		if !ok {
			return "", raise("TypeError", "%%c requires int or char")
		}
		c, err := chr(i)
		if err != nil {
			return "", raise("OverflowError", "%%c arg not in range(0x110000)")
		}
		return m.pad(f, "", c, '>')
	}
	n, ok := number(value)
	if zero && f.align != '<' {
		f.fill, f.align = '0', '='
	}
	switch typ {
	case 'd', 'i', 'u':
		if !ok {
			return "", raise("TypeError", "%%%c format: a real number is required, not %s", typ, typeName(value))
		}
		i, err := m.toInt(n, 10)
		if err != nil {
			return "", err
		}
		return m.percentInt(f, i.(starlark.Int), 10, "")
	case 'x', 'X', 'o':
		i, isInt := n.(starlark.Int)
		if !isInt {
			return "", raise("TypeError", "%%%c format: an integer is required, not %s", typ, typeName(value))
		}
		base := 16
		if typ == 'o' {
			base = 8
		}
		text, err := m.percentInt(f, i, base, "0"+string(typ))
		if typ == 'X' {
			text = strings.ToUpper(text)
		}
		return text, err
	case 'e', 'E', 'f', 'F', 'g', 'G':
		if !ok {
			return "", raise("TypeError", "must be real number, not %s", typeName(value))
		}
		x, err := toFloat(n)
		if err != nil {
			return "", err
		}
		if f.precision < 0 {
			f.precision = 6
		}
		body := floatText(byte(typ), f.precision, f.alternate, math.Abs(x))
		return m.pad(f, f.signOf(math.Signbit(x) && !math.IsNaN(x)), body, '>')
	}
	return "", raise("ValueError", "unsupported format character '%c' (0x%x)", typ, typ)
}

// percentInt writes an int for %d and its kin, whose precision is a number of digits.
func (m *machine) percentInt(f spec, i starlark.Int, base int, prefix string) (string, error) {
	n := i.BigInt()
	digits := strings.TrimPrefix(n.Text(base), "-")
	if missing := f.precision - len(digits); missing > 0 {
		if err := m.charge(missing); err != nil {
			return "", err
		}
		digits = strings.Repeat("0", missing) + digits
	}
	sign := f.signOf(n.Sign() < 0)
	if f.alternate {
		sign += prefix
	}
	return m.pad(f, sign, digits, '>')
}
