package eval

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

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

// sortBy sorts values by their keys, stably.
func (m *machine) sortBy(values, keys []starlark.Value, reverse bool) ([]starlark.Value, error) {
	at := make([]int, len(values))
	for i := range at {
		at[i] = i
	}
	var failed error
	slices.SortStableFunc(at, func(i, j int) int {
		a, b := keys[i], keys[j]
		if reverse {
			a, b = b, a
		}
		if failed == nil {
			failed = m.charge(4)
		}
		if failed != nil {
			return 0
		}
		var order int
		if order, failed = m.order(a, b, "<", 0); order == -1 {
			return -1
		}
		return 0
	})
	sorted := make([]starlark.Value, len(values))
	for i, from := range at {
		sorted[i] = values[from]
	}
	return sorted, failed
}
