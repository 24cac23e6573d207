package eval

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.starlark.net/starlark"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// stringMethods are the methods of str. Positions count code points.
var stringMethods = map[string]func(m *machine, s string, args *arguments) (starlark.Value, error){
	"capitalize": func(_ *machine, s string, a *arguments) (starlark.Value, error) { return text(capitalize(s)), a.end() },
	"casefold": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return text(cases.Fold().String(s)), a.end()
	},
	"center": func(m *machine, s string, a *arguments) (starlark.Value, error) { return m.justify(s, a, '^') },
	"count":  stringCount,
	"endswith": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return affix(s, a, strings.HasSuffix)
	},
	"expandtabs": expandTabs,
	"find": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return find(s, a, strings.Index, false)
	},
	"index": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return find(s, a, strings.Index, true)
	},
	"isalnum": all(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
	"isalpha": all(unicode.IsLetter),
	"isascii": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return starlark.Bool(isASCII(s)), a.end()
	},
	"isdecimal": all(func(r rune) bool { return unicode.Is(unicode.Nd, r) }),
	"isdigit":   all(isDigit),
	"isidentifier": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return starlark.Bool(isIdentifier(s)), a.end()
	},
	"islower":   cased(unicode.IsLower, unicode.IsUpper),
	"isnumeric": all(unicode.IsNumber),
	"isprintable": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return starlark.Bool(strings.IndexFunc(s, func(r rune) bool { return !printable(r) }) < 0), a.end()
	},
	"isspace": all(isSpace),
	"istitle": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return starlark.Bool(isTitle(s)), a.end()
	},
	"isupper":   cased(unicode.IsUpper, unicode.IsLower),
	"join":      join,
	"ljust":     func(m *machine, s string, a *arguments) (starlark.Value, error) { return m.justify(s, a, '<') },
	"lower":     func(_ *machine, s string, a *arguments) (starlark.Value, error) { return text(lower(s)), a.end() },
	"lstrip":    func(_ *machine, s string, a *arguments) (starlark.Value, error) { return strip(s, a, true, false) },
	"partition": func(_ *machine, s string, a *arguments) (starlark.Value, error) { return partition(s, a, false) },
	"removeprefix": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return trimAffix(s, a, strings.TrimPrefix)
	},
	"removesuffix": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return trimAffix(s, a, strings.TrimSuffix)
	},
	"replace": replace,
	"rfind": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return find(s, a, strings.LastIndex, false)
	},
	"rindex": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return find(s, a, strings.LastIndex, true)
	},
	"rjust":      func(m *machine, s string, a *arguments) (starlark.Value, error) { return m.justify(s, a, '>') },
	"rpartition": func(_ *machine, s string, a *arguments) (starlark.Value, error) { return partition(s, a, true) },
	"rsplit":     func(m *machine, s string, a *arguments) (starlark.Value, error) { return split(m, s, a, true) },
	"rstrip":     func(_ *machine, s string, a *arguments) (starlark.Value, error) { return strip(s, a, false, true) },
	"split":      func(m *machine, s string, a *arguments) (starlark.Value, error) { return split(m, s, a, false) },
	"splitlines": splitLines,
	"startswith": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return affix(s, a, strings.HasPrefix)
	},
	"strip":    func(_ *machine, s string, a *arguments) (starlark.Value, error) { return strip(s, a, true, true) },
	"swapcase": func(_ *machine, s string, a *arguments) (starlark.Value, error) { return text(swapCase(s)), a.end() },
	"title":    func(_ *machine, s string, a *arguments) (starlark.Value, error) { return text(title(s)), a.end() },
	"upper": func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return text(cases.Upper(language.Und).String(s)), a.end()
	},
	"zfill": zfill,
}

func text(s string) starlark.Value { return starlark.String(s) }

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

// runeOffset is where in bytes code point n begins, len(s) past the end.
func runeOffset(s string, n int) int {
	if n <= 0 {
		return 0
	}
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// sliceString is s[from:to] for 0 <= from <= to.
func sliceString(s string, from, to int) string {
	start := runeOffset(s, from)
	return s[start : start+runeOffset(s[start:], to-from)]
}

func runeLen(s string) int { return utf8.RuneCountInString(s) }

// containsString is "sub in s".
func containsString(s, sub string) bool { return strings.Contains(s, sub) }

// isSpace is str.isspace of one character: more than Unicode's White_Space.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func trimSpace(s string) string { return strings.TrimFunc(s, isSpace) }

// isDigit is true for the decimal digits and those with a digit value, as ².
func isDigit(r rune) bool {
	return unicode.Is(unicode.Nd, r) || r == 0xb2 || r == 0xb3 || r == 0xb9 || r == 0x2070 || r >= 0x2074 && r <= 0x2079 || r >= 0x2080 && r <= 0x2089 || r >= 0x2460 && r <= 0x2468
}

func isIdentifier(s string) bool {
	for i, r := range s {
		if !(r == '_' || unicode.IsLetter(r) || i > 0 && (unicode.IsDigit(r) || unicode.Is(unicode.Mn, r))) {
			return false
		}
	}
	return s != ""
}

func all(is func(rune) bool) func(*machine, string, *arguments) (starlark.Value, error) {
	return func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		return starlark.Bool(s != "" && strings.IndexFunc(s, func(r rune) bool { return !is(r) }) < 0), a.end()
	}
}

// cased reports that there is a letter of one case and none of the other.
func cased(want, other func(rune) bool) func(*machine, string, *arguments) (starlark.Value, error) {
	return func(_ *machine, s string, a *arguments) (starlark.Value, error) {
		not := func(r rune) bool { return other(r) || unicode.IsTitle(r) }
		return starlark.Bool(strings.IndexFunc(s, want) >= 0 && strings.IndexFunc(s, not) < 0), a.end()
	}
}

func lower(s string) string { return cases.Lower(language.Und).String(s) }

func capitalize(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return titleRune(s[:size]) + lower(s[size:])
}

func titleRune(s string) string {
	if s == "ß" {
		return "Ss"
	}
	return strings.ToTitle(s)
}

// isCased says whether a letter has a case, which is where words begin for title.
func isCased(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }

func title(s string) string {
	var out strings.Builder
	inWord := false
	for _, r := range s {
		if inWord {
			out.WriteRune(unicode.ToLower(r))
		} else {
			out.WriteString(titleRune(string(r)))
		}
		inWord = isCased(r)
	}
	return out.String()
}

func isTitle(s string) bool {
	inWord, any := false, false
	for _, r := range s {
		switch {
		case unicode.IsUpper(r) || unicode.IsTitle(r):
			if inWord {
				return false
			}
			inWord, any = true, true
		case unicode.IsLower(r):
			if !inWord {
				return false
			}
		default:
			inWord = false
		}
	}
	return any
}

func swapCase(s string) string {
	var out strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsUpper(r):
			out.WriteString(lower(string(r)))
		case unicode.IsLower(r):
			out.WriteString(cases.Upper(language.Und).String(string(r)))
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

func (m *machine) justify(s string, a *arguments, align byte) (starlark.Value, error) {
	width, err := a.int("width", 0)
	if err != nil {
		return nil, err
	}
	fill, err := a.str("fillchar", " ")
	if err != nil {
		return nil, err
	}
	if runeLen(fill) != 1 {
		return nil, raise("TypeError", "The fill character must be exactly one character long")
	}
	missing := width - runeLen(s)
	if missing <= 0 {
		return text(s), a.end()
	}
	if err := m.charge(len(s) + missing*len(fill)); err != nil {
		return nil, err
	}
	left := map[byte]int{'<': 0, '>': missing, '^': missing/2 + missing&width&1}[align]
	return text(strings.Repeat(fill, left) + s + strings.Repeat(fill, missing-left)), a.end()
}

func zfill(m *machine, s string, a *arguments) (starlark.Value, error) {
	width, err := a.int("width", 0)
	if err != nil {
		return nil, err
	}
	missing := width - runeLen(s)
	if missing <= 0 {
		return text(s), a.end()
	}
	if err := m.charge(len(s) + missing); err != nil {
		return nil, err
	}
	sign := ""
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, s = s[:1], s[1:]
	}
	return text(sign + strings.Repeat("0", missing) + s), a.end()
}

// window applies the optional start and end of find, count, startswith …; ok is
// false when start lies behind the end of s.
func window(s string, a *arguments) (part string, start int, ok bool, err error) {
	n := runeLen(s)
	from, to := 0, n
	for i, bound := range []*int{&from, &to} {
		v := a.optional([]string{"start", "end"}[i])
		if v == nil || v == starlark.None {
			continue
		}
		if *bound, err = toIndex(v); err != nil {
			return "", 0, false, err
		}
		if *bound < 0 {
			*bound = max(*bound+n, 0)
		}
	}
	to = min(to, n)
	if from > to {
		return "", from, false, nil
	}
	return sliceString(s, from, to), from, true, nil
}

func find(s string, a *arguments, index func(s, sub string) int, must bool) (starlark.Value, error) {
	sub, err := a.mustStr()
	if err != nil {
		return nil, err
	}
	part, start, ok, err := window(s, a)
	if err != nil {
		return nil, err
	}
	if i := index(part, sub); ok && i >= 0 {
		return starlark.MakeInt(start + runeLen(part[:i])), a.end()
	}
	if must {
		return nil, raise("ValueError", "substring not found")
	}
	return starlark.MakeInt(-1), a.end()
}

func stringCount(_ *machine, s string, a *arguments) (starlark.Value, error) {
	sub, err := a.mustStr()
	if err != nil {
		return nil, err
	}
	part, _, ok, err := window(s, a)
	if err != nil || !ok {
		return starlark.MakeInt(0), err
	}
	return starlark.MakeInt(strings.Count(part, sub)), a.end()
}

func affix(s string, a *arguments, has func(s, affix string) bool) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	options, isTuple := v.(starlark.Tuple)
	if !isTuple {
		options = starlark.Tuple{v}
	}
	part, _, ok, err := window(s, a)
	if err != nil {
		return nil, err
	}
	for _, option := range options {
		want, isString := option.(starlark.String)
		if !isString {
			return nil, raise("TypeError", "first arg must be str or a tuple of str, not %s", typeName(option))
		}
		if ok && has(part, string(want)) {
			return starlark.True, a.end()
		}
	}
	return starlark.False, a.end()
}

func trimAffix(s string, a *arguments, trim func(s, affix string) string) (starlark.Value, error) {
	affix, err := a.mustStr()
	if err != nil {
		return nil, err
	}
	return text(trim(s, affix)), a.end()
}

func strip(s string, a *arguments, left, right bool) (starlark.Value, error) {
	cut := isSpace
	if v := a.optional("chars"); v != nil && v != starlark.None {
		chars, ok := v.(starlark.String)
		if !ok {
			return nil, raise("TypeError", "strip arg must be None or str")
		}
		cut = func(r rune) bool { return strings.ContainsRune(string(chars), r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return text(s), a.end()
}

func partition(s string, a *arguments, fromRight bool) (starlark.Value, error) {
	sep, err := a.mustStr()
	if err != nil {
		return nil, err
	}
	if sep == "" {
		return nil, raise("ValueError", "empty separator")
	}
	i := strings.Index(s, sep)
	if fromRight {
		i = strings.LastIndex(s, sep)
	}
	switch {
	case i >= 0:
		return starlark.Tuple{text(s[:i]), text(sep), text(s[i+len(sep):])}, a.end()
	case fromRight:
		return starlark.Tuple{text(""), text(""), text(s)}, a.end()
	}
	return starlark.Tuple{text(s), text(""), text("")}, a.end()
}

func replace(m *machine, s string, a *arguments) (starlark.Value, error) {
	from, err := a.mustStr()
	if err != nil {
		return nil, err
	}
	to, err := a.mustStr()
	if err != nil {
		return nil, err
	}
	count, err := a.int("count", -1)
	if err != nil {
		return nil, err
	}
	times := strings.Count(s, from)
	if count >= 0 {
		times = min(times, count)
	}
	if err := m.charge(len(s) + times*len(to)); err != nil {
		return nil, err
	}
	return text(strings.Replace(s, from, to, count)), a.end()
}

func join(m *machine, s string, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	items, err := m.elements(v)
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	size := len(s) * len(items)
	for i, item := range items {
		part, ok := item.(starlark.String)
		if !ok {
			return nil, raise("TypeError", "sequence item %d: expected str instance, %s found", i, typeName(item))
		}
		parts[i] = string(part)
		size += len(part)
	}
	if err := m.charge(size); err != nil {
		return nil, err
	}
	return text(strings.Join(parts, s)), a.end()
}

func split(m *machine, s string, a *arguments, fromRight bool) (starlark.Value, error) {
	sep := a.optional("sep")
	most, err := a.int("maxsplit", -1)
	if err != nil {
		return nil, err
	}
	var parts []string
	if sep == nil || sep == starlark.None {
		parts = splitSpace(s, most, fromRight)
	} else {
		by, ok := sep.(starlark.String)
		if !ok {
			return nil, raise("TypeError", "must be str or None, not %s", typeName(sep))
		}
		if by == "" {
			return nil, raise("ValueError", "empty separator")
		}
		parts = splitBy(s, string(by), most, fromRight)
	}
	return m.stringList(parts, a)
}

func (m *machine) stringList(parts []string, a *arguments) (starlark.Value, error) {
	values := make([]starlark.Value, len(parts))
	size := 16 * len(parts)
	for i, part := range parts {
		values[i] = text(part)
		size += len(part)
	}
	if err := m.charge(size); err != nil {
		return nil, err
	}
	return starlark.NewList(values), a.end()
}

func splitBy(s, sep string, most int, fromRight bool) []string {
	if most < 0 {
		return strings.Split(s, sep)
	}
	if !fromRight {
		return strings.SplitN(s, sep, most+1)
	}
	var parts []string
	for ; most > 0; most-- {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		parts = append(parts, s[i+len(sep):])
		s = s[:i]
	}
	parts = append(parts, s)
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return parts
}

func splitSpace(s string, most int, fromRight bool) []string {
	fields := strings.FieldsFunc(s, isSpace)
	if most < 0 || len(fields) <= most {
		return fields
	}
	if fromRight {
		rest := strings.TrimRightFunc(s, isSpace)
		for i := len(fields) - 1; i >= len(fields)-most; i-- {
			rest = strings.TrimRightFunc(strings.TrimSuffix(rest, fields[i]), isSpace)
		}
		return append([]string{rest}, fields[len(fields)-most:]...)
	}
	rest := strings.TrimLeftFunc(s, isSpace)
	for _, field := range fields[:most] {
		rest = strings.TrimLeftFunc(strings.TrimPrefix(rest, field), isSpace)
	}
	return append(append([]string{}, fields[:most]...), rest)
}

func splitLines(m *machine, s string, a *arguments) (starlark.Value, error) {
	keep := false
	if v := a.optional("keepends"); v != nil {
		keep = bool(v.Truth())
	}
	var lines []string
	for s != "" {
		end := strings.IndexFunc(s, func(r rune) bool {
			return r >= '\n' && r <= '\r' || r >= 0x1c && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
		})
		if end < 0 {
			lines = append(lines, s)
			break
		}
		_, size := utf8.DecodeRuneInString(s[end:])
		if strings.HasPrefix(s[end:], "\r\n") {
			size = 2
		}
		line := s[:end]
		if keep {
			line = s[:end+size]
		}
		lines, s = append(lines, line), s[end+size:]
	}
	return m.stringList(lines, a)
}

func expandTabs(m *machine, s string, a *arguments) (starlark.Value, error) {
	size, err := a.int("tabsize", 8)
	if err != nil {
		return nil, err
	}
	if err := m.charge(len(s) + strings.Count(s, "\t")*max(size, 0)); err != nil {
		return nil, err
	}
	var out strings.Builder
	column := 0
	for _, r := range s {
		switch {
		case r == '\t' && size > 0:
			n := size - column%size
			out.WriteString(strings.Repeat(" ", n))
			column += n
		case r == '\t':
		default:
			out.WriteRune(r)
			if column++; r == '\n' || r == '\r' {
				column = 0
			}
		}
	}
	return text(out.String()), a.end()
}

// sortValues sorts in place, stably, by key when given.
func (m *machine) sortValues(values, keys []starlark.Value, reverse bool) error {
	var failed error
	s := &byKey{values: values, keys: keys, less: func(a, b starlark.Value) bool {
		if failed != nil {
			return false
		}
		if failed = m.charge(4); failed != nil {
			return false
		}
		var order int
		if reverse {
			a, b = b, a
		}
		order, failed = m.order(a, b, "<", 0)
		return order == -1
	}}
	sort.Stable(s)
	return failed
}

type byKey struct {
	values, keys []starlark.Value
	less         func(a, b starlark.Value) bool
}

func (s *byKey) Len() int           { return len(s.values) }
func (s *byKey) Less(i, j int) bool { return s.less(s.keys[i], s.keys[j]) }
func (s *byKey) Swap(i, j int) {
	s.values[i], s.values[j] = s.values[j], s.values[i]
	if &s.keys[0] != &s.values[0] {
		s.keys[i], s.keys[j] = s.keys[j], s.keys[i]
	}
}
