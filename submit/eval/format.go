package eval

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// spec is Python's format specification,
// [[fill]align][sign][z][#][0][width][grouping][.precision][type].
type spec struct {
	fill      rune
	align     byte // < > = ^ or 0
	sign      byte // + - space or 0
	alternate bool
	zero      bool
	width     int
	grouping  byte // , _ or 0
	precision int  // -1 without
	typ       byte // 0 without
}

// maxWidth bounds widths and precisions.
const maxWidth = 4096

func parseSpec(s string) (spec, error) {
	f := spec{fill: ' ', precision: -1}
	whole := s
	if r, size := utf8.DecodeRuneInString(s); size < len(s) && s != "" && strings.IndexByte("<>=^", s[size]) >= 0 {
		f.fill, f.align, s = r, s[size], s[size+1:]
	} else if s != "" && strings.IndexByte("<>=^", s[0]) >= 0 {
		f.align, s = s[0], s[1:]
	}
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
		f.sign, s = s[0], s[1:]
	}
	if strings.HasPrefix(s, "#") {
		f.alternate, s = true, s[1:]
	}
	if strings.HasPrefix(s, "0") {
		f.zero, s = true, s[1:]
		if f.align == 0 {
			f.fill = '0'
		}
	}
	var err error
	if f.width, s, err = leadingInt(s, 0); err != nil {
		return f, err
	}
	if s != "" && (s[0] == ',' || s[0] == '_') {
		f.grouping, s = s[0], s[1:]
	}
	if strings.HasPrefix(s, ".") {
		if f.precision, s, err = leadingInt(s[1:], -1); err != nil {
			return f, err
		}
		if f.precision < 0 {
			return f, raise("ValueError", "Format specifier missing precision")
		}
	}
	if len(s) == 1 {
		f.typ, s = s[0], ""
	}
	if s != "" {
		return f, raise("ValueError", "Invalid format specifier %s", reprString(whole))
	}
	return f, nil
}

func leadingInt(s string, without int) (int, string, error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits == 0 {
		return without, s, nil
	}
	n, err := strconv.Atoi(s[:digits])
	if err != nil || n > maxWidth {
		return 0, "", &limitError{what: "memory", detail: fmt.Errorf("a format is %s wide, %d are allowed", s[:min(digits, 20)], maxWidth)}
	}
	return n, s[digits:], nil
}

// format is Python's format(v, spec).
func (m *machine) format(v starlark.Value, text string) (string, error) {
	if text == "" {
		return m.str(v)
	}
	if err := m.charge(len(text)); err != nil {
		return "", err
	}
	switch v := v.(type) {
	case starlark.String:
		f, err := parseSpec(text)
		if err != nil {
			return "", err
		}
		return m.formatString(f, string(v))
	case starlark.Bool, starlark.Int, starlark.Float:
		f, err := parseSpec(text)
		if err != nil {
			return "", err
		}
		if b, ok := v.(starlark.Bool); ok && f.typ == 's' {
			return "", unknownFormat(f, b)
		}
		n, _ := number(v)
		if i, ok := n.(starlark.Int); ok && strings.IndexByte("eEfFgG%", f.typ) < 0 {
			return m.formatInt(f, i)
		}
		x, err := toFloat(n)
		if err != nil {
			return "", err
		}
		return m.formatFloat(f, x)
	case *namespace:
		return "", &UnknownError{Name: v.path + " as text"}
	}
	return "", raise("TypeError", "unsupported format string passed to %s.__format__", typeName(v))
}

func unknownFormat(f spec, v starlark.Value) error {
	return raise("ValueError", "Unknown format code '%c' for object of type '%s'", f.typ, typeName(v))
}

func (m *machine) formatString(f spec, s string) (string, error) {
	switch {
	case f.typ != 0 && f.typ != 's':
		return "", unknownFormat(f, starlark.String(s))
	case f.sign != 0:
		return "", raise("ValueError", "Sign not allowed in string format specifier")
	case f.alternate:
		return "", raise("ValueError", "Alternate form (#) not allowed in string format specifier")
	case f.align == '=':
		return "", raise("ValueError", "'=' alignment not allowed in string format specifier")
	case f.grouping != 0:
		return "", raise("ValueError", "Cannot specify '%c' with 's'.", f.grouping)
	}
	if f.precision >= 0 {
		s = sliceString(s, 0, f.precision)
	}
	return m.pad(f, "", s, '<')
}

// pad fills up to the width; the sign stays in front of = padding.
func (m *machine) pad(f spec, sign, s string, natural byte) (string, error) {
	if err := m.charge(len(sign) + len(s) + 4*f.width); err != nil {
		return "", err
	}
	missing := f.width - utf8.RuneCountInString(sign) - utf8.RuneCountInString(s)
	if missing <= 0 {
		return sign + s, nil
	}
	align := f.align
	if align == 0 {
		align = natural
		if f.zero && natural == '>' {
			align = '='
		}
	}
	fill := func(n int) string { return strings.Repeat(string(f.fill), n) }
	switch align {
	case '<':
		return sign + s + fill(missing), nil
	case '^':
		return fill(missing/2) + sign + s + fill(missing-missing/2), nil
	case '=':
		return sign + fill(missing) + s, nil
	}
	return fill(missing) + sign + s, nil
}

func (f spec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign == '+' || f.sign == ' ':
		return string(f.sign)
	}
	return ""
}

func (m *machine) formatInt(f spec, i starlark.Int) (string, error) {
	n := i.BigInt()
	if f.precision >= 0 {
		return "", raise("ValueError", "Precision not allowed in integer format specifier")
	}
	base, prefix := 10, ""
	switch f.typ {
	case 0, 'd', 'n':
	case 'b':
		base, prefix = 2, "0b"
	case 'o':
		base, prefix = 8, "0o"
	case 'x', 'X':
		base, prefix = 16, "0"+string(f.typ)
	case 'c':
		if f.sign != 0 {
			return "", raise("ValueError", "Sign not allowed with integer format specifier 'c'")
		}
		c, err := chr(i)
		if err != nil {
			return "", raise("OverflowError", "%%c arg not in range(0x110000)")
		}
		return m.pad(f, "", c, '<')
	default:
		return "", unknownFormat(f, i)
	}
	if f.grouping == ',' && base != 10 {
		return "", raise("ValueError", "Cannot specify ',' with '%c'.", f.typ)
	}
	digits := new(big.Int).Abs(n).Text(base)
	if f.typ == 'X' {
		digits = strings.ToUpper(digits)
	}
	sign := f.signOf(n.Sign() < 0)
	if f.alternate {
		sign += prefix
	}
	size := 3
	if base != 10 {
		size = 4
	}
	return m.padNumber(f, sign, digits, "", size)
}

// padNumber groups digits and pads; zeros in front of grouped digits are grouped too.
func (m *machine) padNumber(f spec, sign, digits, rest string, size int) (string, error) {
	if f.grouping != 0 {
		least := 0
		if f.fill == '0' && (f.align == '=' || f.align == 0 && f.zero) {
			least = f.width - len(sign) - len(rest)
		}
		digits = group(digits, f.grouping, size, least)
	}
	return m.pad(f, sign, digits+rest, '>')
}

// group puts a separator between groups of digits, with zeros in front until the
// whole is at least that wide.
func group(digits string, separator byte, size, least int) string {
	var groups []string
	width := 0
	for len(digits) > size {
		groups = append(groups, digits[len(digits)-size:])
		digits = digits[:len(digits)-size]
		width += size + 1
	}
	for width+len(digits) < least {
		if len(digits) == size {
			groups = append(groups, digits)
			digits = "0"
			width += size + 1
			continue
		}
		digits = "0" + digits
	}
	out := digits
	for i := len(groups) - 1; i >= 0; i-- {
		out += string(separator) + groups[i]
	}
	return out
}

func (m *machine) formatFloat(f spec, x float64) (string, error) {
	typ, precision := f.typ, f.precision
	switch typ {
	case 0, 'e', 'E', 'f', 'F', 'g', 'G', 'n', '%':
	default:
		return "", unknownFormat(f, starlark.Float(x))
	}
	sign := f.signOf(math.Signbit(x) && !math.IsNaN(x))
	body := floatText(typ, precision, f.alternate, math.Abs(x))
	if err := m.charge(len(body)); err != nil {
		return "", err
	}
	whole := len(body)
	if math.IsInf(x, 0) || math.IsNaN(x) {
		whole = 0
	} else if i := strings.IndexAny(body, ".eE%"); i >= 0 {
		whole = i
	}
	if whole == 0 {
		return m.pad(f, sign, body, '>')
	}
	return m.padNumber(f, sign, body[:whole], body[whole:], 3)
}

// floatText writes a float that is not negative in one of Python's styles.
func floatText(typ byte, precision int, alternate bool, x float64) string {
	upper := typ == 'E' || typ == 'F' || typ == 'G'
	body := ""
	switch {
	case math.IsInf(x, 0):
		body = "inf"
	case math.IsNaN(x):
		body = "nan"
	case typ == 'f' || typ == 'F' || typ == 'e' || typ == 'E':
		if precision < 0 {
			precision = 6
		}
		body = strconv.FormatFloat(x, typ|0x20, precision, 64)
		if alternate && precision == 0 {
			body = withPoint(body)
		}
	case typ == '%':
		if precision < 0 {
			precision = 6
		}
		body = strconv.FormatFloat(x*100, 'f', precision, 64)
		if alternate && precision == 0 {
			body += "."
		}
	case typ == 0 && precision < 0:
		return reprFloat(x)
	default: // g, G, n, and no type but a precision
		if precision < 0 {
			precision = 6
		}
		body = generalText(x, max(precision, 1), alternate, typ == 0)
	}
	if typ == '%' {
		return body + "%"
	}
	if upper {
		return strings.ToUpper(body)
	}
	return body
}

// generalText is style g: precision significant digits, an exponent when it is
// below -4 or not below the precision, no zeros at the end unless alternate. With
// point, as without a type, there is always one digit behind the point.
func generalText(x float64, precision int, alternate, point bool) string {
	scientific := strconv.FormatFloat(x, 'e', precision-1, 64)
	exponent, _ := strconv.Atoi(scientific[strings.IndexByte(scientific, 'e')+1:])
	limit := precision
	if point {
		limit-- // 1e+01 rather than 10.0 at precision 1
	}
	body, tail := "", ""
	if exponent < -4 || exponent >= limit {
		body, tail, _ = strings.Cut(scientific, "e")
		tail = "e" + tail
	} else {
		body = strconv.FormatFloat(x, 'f', max(precision-1-exponent, 0), 64)
	}
	if alternate {
		return withPoint(body + tail)
	}
	if strings.Contains(body, ".") {
		body = strings.TrimRight(strings.TrimRight(body, "0"), ".")
	}
	if point && tail == "" && !strings.Contains(body, ".") {
		body += ".0"
	}
	return body + tail
}

// withPoint puts a point behind the digits when there is none.
func withPoint(s string) string {
	digits, exponent, has := strings.Cut(s, "e")
	if !strings.Contains(digits, ".") {
		digits += "."
	}
	if has {
		return digits + "e" + exponent
	}
	return digits
}
