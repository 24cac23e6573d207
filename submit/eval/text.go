package eval

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/flsync/flsync/internal/pattern"
)

// str is Python's str(v).
func str(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return floatText(v)
	case string:
		return v
	case pyPath:
		return v.String()
	}
	panic(unknown("%s as text", typeName(v)))
}

// floatText is repr: the shortest text that reads back, with an exponent below 1e-4 and from 1e16 on.
func floatText(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// formatSpec is the part of Python's format specification that this package knows, and that means the same in
// package fmt: 04d, .2f, 08.3f.
var formatSpec = pattern.Lazy(`^(?:0?[1-9]\d{0,2})?(?:d|\.\d{1,2}f)?$`)

// format is Python's format(v, spec).
func format(v any, spec string) string {
	if spec == "" {
		return str(v)
	}
	n, asFloat := number(v), strings.HasSuffix(spec, "f")
	if _, whole := n.(int64); n == nil || !whole && !asFloat || !formatSpec().MatchString(spec) {
		panic(unknown("the format %q of a %s", spec, typeName(v)))
	}
	if asFloat {
		return fmt.Sprintf("%"+spec, toFloat(n))
	}
	return fmt.Sprintf("%"+strings.TrimSuffix(spec, "d")+"d", n)
}

// args are the arguments of a call that the function did not take yet.
type args struct {
	function string
	rest     []any
}

// next takes the following argument.
func (a *args) next() (v any, ok bool) {
	if len(a.rest) > 0 {
		v, a.rest = a.rest[0], a.rest[1:]
		return v, true
	}
	return nil, false
}

// all takes all arguments.
func (a *args) all() (values []any) {
	values, a.rest = a.rest, nil
	return values
}

// value takes an argument that has to be there.
func (a *args) value() any {
	v, ok := a.next()
	if !ok {
		panic(unknown("%s() with so few arguments", a.function))
	}
	return v
}

// text takes a str that has to be there.
func (a *args) text() string { return textOf(a.value(), a.function) }

// textOf is v, which function wants as a str.
func textOf(v any, function string) string {
	s, ok := v.(string)
	if !ok {
		panic(unknown("%s() of a %s", function, typeName(v)))
	}
	return s
}

// isSpace is str.isspace of one character.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// cased is s in another letter case. Go and Python agree on it up to U+012F, but for ß.
func cased(s string, by func(string) string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= 0x130 || r == 'ß' }) >= 0 {
		panic(unknown("the letter case of %q", s))
	}
	return by(s)
}

// textMethods are the methods of str.
var textMethods = map[string]func(*Evaluator, string, *args) any{
	"upper":        func(_ *Evaluator, s string, _ *args) any { return cased(s, strings.ToUpper) },
	"lower":        func(_ *Evaluator, s string, _ *args) any { return cased(s, strings.ToLower) },
	"strip":        func(_ *Evaluator, s string, a *args) any { return strings.TrimFunc(s, a.dropped()) },
	"lstrip":       func(_ *Evaluator, s string, a *args) any { return strings.TrimLeftFunc(s, a.dropped()) },
	"rstrip":       func(_ *Evaluator, s string, a *args) any { return strings.TrimRightFunc(s, a.dropped()) },
	"startswith":   func(_ *Evaluator, s string, a *args) any { return strings.HasPrefix(s, a.text()) },
	"endswith":     func(_ *Evaluator, s string, a *args) any { return strings.HasSuffix(s, a.text()) },
	"removeprefix": func(_ *Evaluator, s string, a *args) any { return strings.TrimPrefix(s, a.text()) },
	"removesuffix": func(_ *Evaluator, s string, a *args) any { return strings.TrimSuffix(s, a.text()) },
	"replace": func(e *Evaluator, s string, a *args) any {
		old, by := a.text(), a.text()
		if by != "" && strings.Count(s, old) > e.bytes/len(by) {
			panic(overLimit("memory"))
		}
		return strings.ReplaceAll(s, old, by)
	},
}

// dropped returns what str.strip takes away.
func (a *args) dropped() func(rune) bool {
	if v, _ := a.next(); v != nil {
		chars := textOf(v, a.function)
		return func(r rune) bool { return strings.ContainsRune(chars, r) }
	}
	return isSpace
}

func toInt(v any) any {
	switch n := number(v).(type) {
	case int64:
		return n
	case float64:
		if math.Abs(n) < 1<<63 {
			return int64(n)
		}
		panic(errBig())
	}
	panic(unknown("int() of a %s", typeName(v)))
}

// toFloat is float(v). Whole numbers above 2 ** 53 would be rounded.
func toFloat(v any) float64 {
	switch n := number(v).(type) {
	case int64:
		if n > 1<<53 || n < -1<<53 {
			panic(errBig())
		}
		return float64(n)
	case float64:
		return n
	}
	panic(unknown("float() of a %s", typeName(v)))
}
