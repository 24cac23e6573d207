package eval

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
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

// token is a token of Python.
type token struct {
	kind   kind
	text   string // the decoded value of a string
	offset int
	number any    // int64 or float64
	parts  []part // of an f-string, never nil for one
}

// part is a piece of an f-string: literal text, or an expression with its conversion and format.
type part struct {
	literal    string
	expr       node // nil for a literal
	conversion byte // r, s or 0
	spec       []part
}

// operators, longest first. The walrus is not among them: in an f-string {x:=5} has a format.
var operators = strings.Fields("... ** // << >> <= >= == != + - * / % @ & | ^ ~ < > ( ) [ ] { } , : . = !")

// Numbers and names as Python writes them.
var (
	wholeNumber = regexp.MustCompile(`^(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|[1-9](?:_?[0-9])*|0(?:_?0)*)`)
	floatNumber = regexp.MustCompile(`^(?:(?:\d(?:_?\d)*\.(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?|\d(?:_?\d)*[eE][+-]?\d(?:_?\d)*)`)
	nameLike    = regexp.MustCompile(`^[_\pL][_\pL\pN\pM]*`)
	stringStart = regexp.MustCompile(`^([rRfFbBuUtT]{0,2})('''|"""|'|")`)
)

// maxDepth is how deep expressions and f-strings may nest. Python's own parser stops at 200 brackets.
const maxDepth = 100

// lexer cuts an expression into tokens; tok is the current one.
type lexer struct {
	src    string
	pos    int
	tok    token
	parens int
	depth  int
	// inner reads the expression in an f-string's braces from tok on, up to its }, !, : or =.
	inner func() node
}

// enter counts a level of nesting, which leave ends.
func (l *lexer) enter() {
	if l.depth++; l.depth > maxDepth {
		panic(overLimit("room: it nests too deep"))
	}
}

func (l *lexer) leave() { l.depth-- }

// next makes the following token the current one.
func (l *lexer) next() {
	l.skipSpace()
	start, rest := l.pos, l.src[l.pos:]
	if rest == "" {
		l.tok = token{kind: tokEnd, offset: start}
		return
	}
	if strings.IndexByte(`'"rRfFbBuUtT`, rest[0]) >= 0 {
		if m := stringStart.FindStringSubmatch(rest); m != nil {
			l.tok = l.str(m)
			return
		}
	}
	switch c := rest[0]; {
	case isNamePart(c) && (c < '0' || c > '9') && nameLike.MatchString(rest):
		l.tok = token{kind: tokName, text: nameLike.FindString(rest), offset: start}
		l.pos += len(l.tok.text)
	case c >= '0' && c <= '9', c == '.' && floatNumber.MatchString(rest):
		l.tok = l.number(floatNumber.FindString(rest), wholeNumber.FindString(rest))
	default:
		i := slices.IndexFunc(operators, func(op string) bool { return strings.HasPrefix(rest, op) })
		if i < 0 {
			r, _ := utf8.DecodeRuneInString(rest)
			panic(invalid(start, "unexpected character %q", r))
		}
		l.tok = token{kind: tokOp, text: operators[i], offset: start}
		l.pos += len(operators[i])
		switch operators[i] {
		case "(", "[", "{":
			l.parens++
		case ")", "]", "}":
			l.parens--
		}
	}
}

// skipSpace skips blanks, and the ends of lines where Python allows them: inside of brackets and around the whole.
func (l *lexer) skipSpace() {
	for ; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case ' ', '\t', '\f':
		case '\n':
			if l.parens == 0 && strings.TrimSpace(l.src[:l.pos]) != "" && strings.TrimSpace(l.src[l.pos:]) != "" {
				panic(invalid(l.pos, "the line ends before the expression does; put it in brackets"))
			}
		case '#', '\\', '\r', 0:
			panic(unsupported(l.pos, "a comment or continued line"))
		default:
			return
		}
	}
}

func (l *lexer) number(float, whole string) (t token) {
	t = token{kind: tokNumber, offset: l.pos}
	var err error
	if float != "" {
		t.number, err = strconv.ParseFloat(strings.ReplaceAll(float, "_", ""), 64)
	} else {
		plain := strings.ReplaceAll(whole, "_", "")
		if strings.Trim(plain, "0") == "" {
			plain = "0" // 00 is a number, in Go an octal one
		}
		t.number, err = strconv.ParseInt(plain, 0, 64)
	}
	begin := l.pos
	l.pos += max(len(float), len(whole)) // what is a float begins with a whole number
	if rest := l.src[l.pos:]; rest != "" && (isNamePart(rest[0]) || err != nil) || err != nil {
		panic(unsupported(begin, "a number beyond 64 bits or with letters"))
	}
	return t
}

func isNamePart(c byte) bool {
	return c == '_' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// str reads a string; start holds its prefix and its quote.
func (l *lexer) str(start []string) token {
	t := token{kind: tokString, offset: l.pos}
	prefix, quote := strings.ToLower(start[1]), start[2]
	if !slices.Contains([]string{"", "r", "u", "f", "fr", "rf"}, prefix) {
		panic(unsupported(l.pos, "a string with the prefix "+prefix))
	}
	l.pos += len(start[0])
	parts := l.pieces(quote, strings.Contains(prefix, "r"), strings.Contains(prefix, "f"), false)
	l.pos += len(quote)
	if strings.Contains(prefix, "f") {
		t.parts = append([]part{}, parts...)
	} else if len(parts) > 0 {
		t.text = parts[0].literal
	}
	return t
}

// pieces reads a string up to its closing quote, or a format in an f-string up to its closing brace.
func (l *lexer) pieces(quote string, raw, format, inSpec bool) (parts []part) {
	begin, body := l.pos, l.pos
	flush := func() {
		text := l.src[body:l.pos]
		if !raw {
			text = unescape(text, body)
		}
		if text != "" {
			parts = append(parts, part{literal: text})
		}
	}
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch c := rest[0]; {
		case strings.HasPrefix(rest, quote) && !inSpec, c == '}' && inSpec:
			flush()
			return parts
		case strings.HasPrefix(rest, quote), c == '\n' && len(quote) == 1:
			panic(invalid(begin, "the string or its format does not end"))
		case c == '\r' || c == 0 || format && strings.HasPrefix(rest, `\N`) && !raw:
			panic(unsupported(l.pos, "such a character in a string"))
		case c == '\\' && len(rest) > 1 && !(format && (rest[1] == '{' || rest[1] == '}')):
			l.pos += 2
		case format && !inSpec && (strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}")):
			l.pos++ // one of the two
			flush()
			l.pos++
			body = l.pos
		case format && c == '}':
			panic(invalid(l.pos, "a single } in an f-string; write }}"))
		case format && c == '{':
			flush()
			parts = append(parts, l.replacement(quote, raw))
			body = l.pos
		default:
			l.pos++
		}
	}
	panic(invalid(begin, "the string does not end"))
}

// replacement reads {expression!conversion:format}.
func (l *lexer) replacement(quote string, raw bool) (p part) {
	l.enter()
	defer l.leave()
	open, parens := l.pos, l.parens
	l.pos++
	l.parens++ // lines may end inside
	l.next()
	p.expr = l.inner()
	l.parens = parens
	if l.tok.kind != tokOp || l.tok.text == "=" {
		panic(unsupported(open, "an f-string with = or without the closing brace"))
	}
	l.pos = l.tok.offset
	if rest := l.src[l.pos:]; rest[0] == '!' {
		if len(rest) < 2 || rest[1] != 'r' && rest[1] != 's' {
			panic(unsupported(l.pos, "such a conversion"))
		}
		p.conversion = rest[1]
		l.pos += 2
	}
	if strings.HasPrefix(l.src[l.pos:], ":") {
		l.pos++
		p.spec = l.pieces(quote, raw, true, true)
	}
	if !strings.HasPrefix(l.src[l.pos:], "}") {
		panic(invalid(open, "a brace of the f-string is not closed"))
	}
	l.pos++
	return p
}

// unescape replaces Python's backslash escapes. Unknown ones stay, as in Python.
func unescape(s string, at int) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		if simple := strings.IndexByte("\\'\"abfnrtv", s[i]); simple >= 0 {
			out.WriteByte("\\'\"\a\b\f\n\r\t\v"[simple])
			continue
		}
		switch c := s[i]; c {
		case '\n':
		case 'x', 'u', 'U':
			digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			n, err := strconv.ParseUint(s[i+1:min(i+1+digits, len(s))], 16, 32)
			if err != nil || i+digits >= len(s) || !utf8.ValidRune(rune(n)) {
				panic(unsupported(at+i-1, "the character after the backslash"))
			}
			out.WriteRune(rune(n))
			i += digits
		case 'N', '0', '1', '2', '3', '4', '5', '6', '7':
			panic(unsupported(at+i-1, "a character by its name or octal number"))
		default:
			out.WriteString(s[i-1 : i+1])
		}
	}
	return out.String()
}
