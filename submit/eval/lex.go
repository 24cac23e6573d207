package eval

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	tokEnd kind = iota
	tokName
	tokNumber
	tokString
	tokOp
)

// A token of Python. For strings, text is the decoded value, or parts is set for
// an f-string.
type token struct {
	kind   kind
	text   string
	offset int
	parts  []part // of an f-string, never nil for one
}

// part is a piece of an f-string: literal text, or an expression with what
// follows it inside the braces.
type part struct {
	literal    string
	expr       string // source of the expression, "" for a literal
	offset     int    // where expr begins
	debug      string // the text before "=" in {x=}, "" without
	conversion byte   // r, s, a or 0
	spec       []part // the format, nil without
}

// operators, longest first, so that the first that fits is the right one.
var operators = []string{
	"**", "//", "<<", ">>", "<=", ">=", "==", "!=", ":=", "...",
	"+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<", ">", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=", ";", "!",
}

// lex cuts an expression into tokens. base is added to all offsets; depth is how
// many f-strings are around it.
func lex(src string, base, depth int) ([]token, error) {
	if depth > maxFStringNesting {
		return nil, errTooDeep
	}
	l := &lexer{src: src, base: base, depth: depth}
	var tokens []token
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.kind == tokEnd {
			return tokens, nil
		}
	}
}

const maxFStringNesting = 10

type lexer struct {
	src    string
	pos    int
	base   int
	depth  int
	parens int
}

func (l *lexer) fail(at int, format string, args ...any) error {
	return &SyntaxError{Offset: l.base + at, Message: fmt.Sprintf(format, args...)}
}

func (l *lexer) unsupported(at int, what string) error {
	return &SyntaxError{Offset: l.base + at, Message: what + " cannot be evaluated without Blender", Unsupported: true}
}

func (l *lexer) next() (token, error) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	start := l.pos
	if start >= len(l.src) {
		return token{kind: tokEnd, offset: l.base + start}, nil
	}
	rest := l.src[start:]
	if prefix, ok := stringPrefix(rest); ok {
		return l.str(prefix)
	}
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case r == '_' || unicode.IsLetter(r):
		for l.pos < len(l.src) && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)) {
			l.pos += size
			r, size = utf8.DecodeRuneInString(l.src[l.pos:])
		}
		return token{kind: tokName, text: l.src[start:l.pos], offset: l.base + start}, nil
	case r >= '0' && r <= '9', r == '.' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9':
		return l.number()
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.pos += len(op)
			switch op {
			case "(", "[", "{":
				l.parens++
			case ")", "]", "}":
				l.parens--
			}
			return token{kind: tokOp, text: op, offset: l.base + start}, nil
		}
	}
	return token{}, l.fail(start, "unexpected character %q", r)
}

func (l *lexer) skipSpace() error {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\f':
		case c == '\n' || c == '\r':
			// As in Python, a line may only end inside brackets or at the end.
			if l.parens == 0 && l.depth == 0 && l.pos > 0 && strings.TrimSpace(l.src[l.pos:]) != "" && strings.TrimSpace(l.src[:l.pos]) != "" {
				return l.fail(l.pos, "the line ends before the expression does; put it in brackets")
			}
		case c == '\\' && strings.HasPrefix(l.src[l.pos+1:], "\n"):
			l.pos++
		case c == '#':
			for l.pos+1 < len(l.src) && l.src[l.pos+1] != '\n' {
				l.pos++
			}
		default:
			return nil
		}
		l.pos++
	}
	return nil
}

// number reads an int or a float and gives its text as Starlark has it.
func (l *lexer) number() (token, error) {
	start := l.pos
	isFloat := false
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		exponent := l.pos > start && (l.src[l.pos-1] == 'e' || l.src[l.pos-1] == 'E') && !strings.HasPrefix(strings.ToLower(l.src[start:]), "0x")
		if c == '.' || (c == '+' || c == '-') && exponent {
			isFloat = true
		} else if c != '_' && !isHexDigit(c) && c != 'x' && c != 'X' && c != 'o' && c != 'O' && c != 'j' && c != 'J' {
			break
		}
		l.pos++
	}
	text := l.src[start:l.pos]
	offset := l.base + start
	lower := strings.ToLower(text)
	if strings.HasSuffix(lower, "j") {
		return token{}, l.unsupported(start, "a complex number")
	}
	if strings.HasPrefix(text, "_") || strings.HasSuffix(text, "_") || strings.Contains(text, "__") {
		return token{}, l.fail(start, "%q is no number", text)
	}
	plain := strings.ReplaceAll(lower, "_", "")
	hex := strings.HasPrefix(plain, "0x")
	if isFloat || !hex && !strings.HasPrefix(plain, "0b") && strings.Contains(plain, "e") {
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil && !strings.Contains(err.Error(), "out of range") {
			return token{}, l.fail(start, "%q is no number", text)
		}
		return token{kind: tokNumber, text: floatSource(f), offset: offset}, nil
	}
	if len(plain) > 1 && plain[0] == '0' && plain[1] >= '0' && plain[1] <= '9' && strings.Trim(plain, "0") != "" {
		return token{}, l.fail(start, "%q: a number cannot begin with 0", text)
	}
	if strings.Trim(plain, "0") == "" {
		plain = "0"
	}
	n, err := parseInt(plain, 0)
	if err != nil {
		return token{}, l.fail(start, "%q is no number", text)
	}
	return token{kind: tokNumber, text: n.String(), offset: offset}, nil
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// stringPrefix reports whether src begins with a string, and its prefix in lower
// case ("", r, f, b, u, rf …).
func stringPrefix(src string) (string, bool) {
	for i := 0; i < len(src) && i <= 2; i++ {
		switch src[i] {
		case '\'', '"':
			return strings.ToLower(src[:i]), true
		case 'r', 'R', 'f', 'F', 'b', 'B', 'u', 'U':
		default:
			return "", false
		}
	}
	return "", false
}

// str reads a string, whose prefix is known.
func (l *lexer) str(prefix string) (token, error) {
	start := l.pos
	switch prefix {
	case "", "r", "u", "f", "fr", "rf":
	case "b", "br", "rb":
		return token{}, l.unsupported(start, "a bytes literal")
	default:
		return token{}, l.fail(start, "no string begins with %s", prefix)
	}
	raw := strings.Contains(prefix, "r")
	l.pos += len(prefix)
	quote := l.src[l.pos : l.pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(l.src[l.pos:], triple) {
		quote = triple
	}
	l.pos += len(quote)

	if strings.Contains(prefix, "f") {
		parts, err := l.fstring(quote, raw, start)
		return token{kind: tokString, offset: l.base + start, parts: parts}, err
	}
	body := l.pos
	for ; l.pos < len(l.src); l.pos++ {
		switch {
		case strings.HasPrefix(l.src[l.pos:], quote):
			text := l.src[body:l.pos]
			l.pos += len(quote)
			if !raw {
				var err error
				if text, err = l.unescape(text, body); err != nil {
					return token{}, err
				}
			}
			return token{kind: tokString, text: text, offset: l.base + start}, nil
		case l.src[l.pos] == '\\':
			l.pos++
		case l.src[l.pos] == '\n' && len(quote) == 1:
			return token{}, l.fail(start, "the string does not end on its line")
		}
	}
	return token{}, l.fail(start, "the string does not end")
}

// unescape replaces Python's backslash escapes. Unknown ones stay, as in Python.
func (l *lexer) unescape(s string, at int) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		if simple := strings.IndexByte(`\'"abfnrtv`, s[i]); simple >= 0 {
			out.WriteByte("\\'\"\a\b\f\n\r\t\v"[simple])
			continue
		}
		switch c := s[i]; c {
		case '\n':
		case 'x', 'u', 'U':
			digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			if i+digits >= len(s) {
				return "", l.fail(at+i-1, `\%c needs %d hexadecimal digits`, c, digits)
			}
			n, err := strconv.ParseUint(s[i+1:i+1+digits], 16, 32)
			if err != nil {
				return "", l.fail(at+i-1, `\%c needs %d hexadecimal digits`, c, digits)
			}
			if !utf8.ValidRune(rune(n)) {
				return "", l.unsupported(at+i-1, "a character that is not in Unicode")
			}
			out.WriteRune(rune(n))
			i += digits
		case 'N':
			return "", l.unsupported(at+i-1, "a character by its name")
		case '0', '1', '2', '3', '4', '5', '6', '7':
			end := i + 1
			for end < len(s) && end < i+3 && s[end] >= '0' && s[end] <= '7' {
				end++
			}
			n, _ := strconv.ParseUint(s[i:end], 8, 32)
			out.WriteRune(rune(n))
			i = end - 1
		default:
			out.WriteByte('\\')
			out.WriteByte(c)
		}
	}
	return out.String(), nil
}
