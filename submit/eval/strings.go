package eval

import (
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
