package eval

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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

// repr is Python's repr(v), for numbers and plain text.
func repr(v any) string {
	text, ok := v.(string)
	switch {
	case isPath(v) || strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' || r == '\'' }) >= 0:
		panic(unknown("the repr of %v", v))
	case ok:
		return "'" + text + "'"
	}
	return str(v)
}

// floatText is repr of a float: the shortest text that reads back, with an exponent below 1e-4 and from 1e16 on.
func floatText(f float64) string {
	a := math.Abs(f)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+"))
	}
	if a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// formatSpec is the part of Python's format specification that this package knows:
// fill and align, sign, zero padding, width, grouping, precision, type.
var formatSpec = regexp.MustCompile(`^(?:(.)?([<>^]))?([+ -])?(0)?(\d{1,4})?([,_])?(?:\.(\d{1,3}))?([sdfFeExX%])?$`)

// format is Python's format(v, spec).
func (e *Evaluator) format(v any, spec string) string {
	if spec == "" {
		return str(v)
	}
	beyond := unknown("the format %q of a %s", spec, typeName(v))
	m := formatSpec.FindStringSubmatch(spec)
	if m == nil || m[4] != "" && m[2]+m[6] != "" {
		panic(beyond)
	}
	fill, align, sign, zero, grouping, typ := m[1], m[2], m[3], m[4], m[6], m[8]
	width, _ := strconv.Atoi(m[5]) // digits, or 0 for none
	precision, err := strconv.Atoi(m[7])
	if err != nil {
		precision = -1
	}
	if s, ok := v.(string); ok {
		r := runes(s)
		if strings.Trim(typ, "s")+sign+zero+grouping != "" {
			panic(beyond)
		}
		if precision >= 0 && precision < len(r) {
			r = r[:precision]
		}
		return pad(string(r), fill, orElse(align, "<"), width)
	}
	text, ok := digits(number(v), typ, precision)
	if !ok || grouping != "" && strings.Trim(typ, "xXeE") != typ {
		panic(beyond)
	}
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	} else if sign == "-" {
		sign = ""
	}
	if grouping != "" {
		at := strings.IndexAny(text+".", ".%")
		for at -= 3; at > 0; at -= 3 {
			text = text[:at] + grouping + text[at:]
		}
	}
	if zero != "" {
		return sign + pad(text, "0", ">", width-len(sign))
	}
	return pad(sign+text, fill, orElse(align, ">"), width)
}

// digits writes a number in a style of Python's formats; false when this package does not know how.
func digits(n any, typ string, precision int) (string, bool) {
	if i, ok := n.(int64); ok && (typ == "" || strings.Contains("dxX", typ)) {
		switch typ {
		case "x":
			return strconv.FormatInt(i, 16), precision < 0
		case "X":
			return strings.ToUpper(strconv.FormatInt(i, 16)), precision < 0
		}
		return strconv.FormatInt(i, 10), precision < 0
	}
	if n == nil || strings.Contains("sdxX", typ) && typ != "" {
		return "", false
	}
	f := toFloat(n)
	if typ == "" || math.IsInf(f*100, 0) || math.IsNaN(f) {
		return floatText(f), typ == "" && precision < 0 && math.Abs(f) < 1e16
	}
	if precision < 0 {
		precision = 6
	}
	switch typ {
	case "%":
		return strconv.FormatFloat(f*100, 'f', precision, 64) + "%", true
	case "F":
		return strconv.FormatFloat(f, 'f', precision, 64), true
	}
	return strconv.FormatFloat(f, typ[0], precision, 64), true
}

// pad fills a text up to a width in code points.
func pad(s, fill, align string, width int) string {
	missing := max(width-utf8.RuneCountInString(s), 0)
	before := map[string]int{"<": 0, ">": missing, "^": missing / 2}[align]
	fill = orElse(fill, " ")
	return strings.Repeat(fill, before) + s + strings.Repeat(fill, missing-before)
}

func orElse(s, without string) string {
	if s == "" {
		return without
	}
	return s
}

// args are the arguments of a call that the function did not take yet.
type args struct {
	function   string
	positional []any
	named      map[string]any
	taken      any // by value
}

// next takes the following positional argument, or the one of that name; "" is none that has a name.
func (a *args) next(name string) (v any, ok bool) {
	if len(a.positional) > 0 {
		v, a.positional = a.positional[0], a.positional[1:]
		return v, true
	}
	v, ok = a.named[name]
	delete(a.named, name)
	return v, ok
}

// value takes an argument that has to be there.
func (a *args) value() any {
	var ok bool
	if a.taken, ok = a.next(""); !ok {
		panic(unknown("%s() with so few arguments", a.function))
	}
	return a.taken
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

// int takes an int; without stands for a missing one.
func (a *args) int(name string, without int) int {
	v, ok := a.next(name)
	if !ok {
		return without
	}
	i, ok := number(v).(int64)
	if !ok {
		panic(raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(v)))
	}
	return int(min(max(i, -1<<30), 1<<30))
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

// callText is s.name(…) of a str.
func (e *Evaluator) callText(s, name string, a *args) any {
	runes(s)
	switch name {
	case "upper":
		return cased(s, strings.ToUpper)
	case "lower":
		return cased(s, strings.ToLower)
	case "strip", "lstrip", "rstrip":
		drop := isSpace
		if len(a.positional) > 0 && a.positional[0] != nil {
			chars := a.text()
			drop = func(r rune) bool { return strings.ContainsRune(chars, r) }
		}
		if name != "rstrip" {
			s = strings.TrimLeftFunc(s, drop)
		}
		if name != "lstrip" {
			s = strings.TrimRightFunc(s, drop)
		}
		return s
	case "startswith", "endswith":
		options, ok := a.value().(tuple)
		if !ok {
			options = tuple{a.taken}
		}
		found := false
		for _, option := range options {
			affix := textOf(option, name)
			found = found || name == "startswith" && strings.HasPrefix(s, affix) || name == "endswith" && strings.HasSuffix(s, affix)
		}
		return found
	case "find", "rfind", "index", "rindex":
		i := indexOf(s, a.text(), name[0] == 'r')
		if i < 0 && strings.HasSuffix(name, "index") {
			panic(raise("ValueError", "substring not found"))
		}
		return int64(utf8.RuneCountInString(s[:max(i, 0)]) + min(i, 0))
	case "partition", "rpartition":
		separator := a.text()
		if separator == "" {
			panic(raise("ValueError", "empty separator"))
		}
		if i := indexOf(s, separator, name[0] == 'r'); i >= 0 {
			return tuple{s[:i], separator, s[i+len(separator):]}
		} else if name[0] == 'r' {
			return tuple{"", "", s}
		}
		return tuple{s, "", ""}
	case "rjust", "ljust", "zfill":
		width, fill, sign := a.int("", 0), "0", ""
		e.room(4 * max(width, 0))
		if name != "zfill" {
			if fill = " "; len(a.positional) > 0 {
				fill = a.text()
			}
			if utf8.RuneCountInString(fill) != 1 {
				panic(raise("TypeError", "The fill character must be exactly one character long"))
			}
		} else if s != "" && (s[0] == '+' || s[0] == '-') {
			sign, s = s[:1], s[1:]
		}
		return sign + pad(s, fill, map[bool]string{true: "<", false: ">"}[name == "ljust"], width-len(sign))
	case "count":
		return int64(strings.Count(s, a.text()))
	case "removeprefix":
		return strings.TrimPrefix(s, a.text())
	case "removesuffix":
		return strings.TrimSuffix(s, a.text())
	case "isdigit":
		if strings.IndexFunc(s, beyondASCII) >= 0 {
			panic(unknown("which characters of %q are digits", s))
		}
		return s != "" && strings.Trim(s, "0123456789") == ""
	case "replace":
		old, by, times := a.text(), a.text(), a.int("", -1)
		if by != "" && strings.Count(s, old) > e.left.Bytes/len(by) {
			panic(overLimit("memory"))
		}
		return strings.Replace(s, old, by, times)
	case "split", "rsplit":
		return e.split(s, a, name[0] == 'r')
	case "join":
		elements, ok := elementsOf(a.value())
		if _, isSet := a.taken.(set); !ok || isSet { // a set has no order that is known
			panic(unknown("str.join of a %s", typeName(a.taken)))
		}
		texts := make([]string, len(elements))
		for i, element := range elements {
			texts[i] = textOf(element, name)
			e.room(len(texts[i]) + len(s))
		}
		return strings.Join(texts, s)
	}
	panic(unknown("str.%s", name))
}

func indexOf(s, part string, last bool) int {
	if last {
		return strings.LastIndex(s, part)
	}
	return strings.Index(s, part)
}

// split is str.split, or str.rsplit from the right.
func (e *Evaluator) split(s string, a *args, right bool) any {
	v, _ := a.next("sep")
	most := a.int("maxsplit", -1)
	var fields []string
	if v == nil && most < 0 {
		fields = strings.FieldsFunc(s, isSpace)
	} else if v == nil {
		panic(unknown("str.split at blanks with a limit"))
	} else {
		separator := textOf(v, "split")
		if separator == "" {
			panic(raise("ValueError", "empty separator"))
		}
		fields = strings.Split(s, separator)
		switch extra := len(fields) - most - 1; {
		case most < 0 || extra <= 0:
		case right:
			fields = append([]string{strings.Join(fields[:extra+1], separator)}, fields[extra+1:]...)
		default:
			fields = append(fields[:most:most], strings.Join(fields[most:], separator))
		}
	}
	e.room(len(s))
	out := make(list, len(fields))
	for i, field := range fields {
		out[i] = field
	}
	return out
}

// builtins are Python's functions that this package has.
func (e *Evaluator) builtins() map[string]any {
	names := map[string]any{"True": true, "False": false, "None": nil}
	for name, call := range map[string]func(*args) any{
		"str": func(a *args) any {
			if len(a.positional) == 0 {
				return ""
			}
			return str(a.value())
		},
		"bool":  func(a *args) any { v, _ := a.next(""); return truth(v) },
		"int":   func(a *args) any { return toInt(a.value()) },
		"float": func(a *args) any { return toFloat(a.value()) },
		"abs": func(a *args) any {
			n := signed("+", a.value())
			if f, ok := n.(float64); ok {
				return math.Abs(f)
			} else if n.(int64) < 0 {
				return signed("-", n)
			}
			return n
		},
		"len":   func(a *args) any { return length(a.value()) },
		"round": round,
		"max":   func(a *args) any { return e.extreme(a, 1) },
		"min":   func(a *args) any { return e.extreme(a, -1) },
	} {
		names[name] = &function{name, call}
	}
	return names
}

func length(v any) any {
	switch v := v.(type) {
	case string:
		return int64(len(runes(v)))
	case *object:
		if v.items == nil {
			panic(unknown("the length of %s", v.path))
		}
		return int64(len(v.items))
	}
	elements, ok := elementsOf(v)
	if !ok {
		panic(raise("TypeError", "object of type '%s' has no len()", typeName(v)))
	}
	return int64(len(elements))
}

// extreme is max, or min for the sign -1, of the arguments or of the one list.
func (e *Evaluator) extreme(a *args, sign float64) any {
	values := a.positional
	a.positional = nil
	if len(values) == 1 {
		elements, ok := elementsOf(values[0])
		if _, isSet := values[0].(set); !ok || isSet {
			panic(unknown("%s() of a %s", a.function, typeName(values[0])))
		}
		values = elements
	}
	if len(values) == 0 {
		panic(unknown("%s() of nothing", a.function))
	}
	best := values[0]
	for _, v := range values[1:] {
		e.step()
		if order(v, best)*sign > 0 {
			best = v
		}
	}
	return best
}

// Numbers in texts as int and float read them, but for underscores, other scripts and names such as inf.
var (
	wholeText = regexp.MustCompile(`^[+-]?[0-9]+$`)
	floatLike = regexp.MustCompile(`^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$`)
)

func toInt(v any) any {
	switch n := number(v).(type) {
	case int64:
		return n
	case float64:
		if math.IsInf(n, 0) || math.IsNaN(n) || math.Abs(n) >= 1<<63 {
			panic(unknown("int(%v)", n))
		}
		return int64(n)
	}
	s := strings.TrimFunc(textOf(v, "int"), isSpace)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || !wholeText.MatchString(s) {
		panic(unknown("int(%q)", s))
	}
	return n
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
	s := strings.TrimFunc(textOf(v, "float"), isSpace)
	if !floatLike.MatchString(s) {
		panic(unknown("float(%q)", s))
	}
	f, _ := strconv.ParseFloat(s, 64) // ±Inf beyond the range, as in Python
	return f
}

// round is round(v) and round(v, places): halves to even, and floats by their exact value.
func round(a *args) any {
	n := number(a.value())
	places, _ := a.next("ndigits")
	digits, ok := number(places).(int64)
	if places != nil && (!ok || digits < 0 || digits > 300) {
		panic(unknown("round() to %v places", places))
	}
	f, isFloat := n.(float64)
	switch {
	case !isFloat:
		return signed("+", n)
	case places == nil:
		return toInt(math.RoundToEven(f))
	case math.IsInf(f, 0) || math.IsNaN(f):
		return f
	}
	f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(digits), 64), 64)
	return f
}
