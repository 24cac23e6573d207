package eval

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flsync/flsync/internal/pattern"
)

const (
	tokEnd = iota
	tokName
	tokNumber
	tokString
	tokOp
)

// token is a token of Python. Its kind is one of the above.
type token struct {
	kind   int
	text   string // as it is written, but for a string
	offset int
	parts  []part // of a string
}

// part is a piece of a string: literal text, or an expression of an f-string.
type part struct {
	literal string // with its escapes, unless raw
	raw     bool
	expr    node // nil for a literal
	format  string
	odd     bool // expr has a conversion, or its format is put together
}

// operators, longest first. The walrus is not among them: in an f-string {x:=5} has a format.
var operators = strings.Fields("... ** // << >> <= >= == != + - * / % @ & | ^ ~ < > ( ) [ ] { } , : . = !")

// Numbers, names and the beginnings of strings as Python writes them.
var (
	numberLike  = pattern.Lazy(`^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`)
	stringStart = pattern.Lazy(`^([rRfFbBuUtT]{0,2})('''|"""|'|")`)
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
	if m := stringStart().FindStringSubmatch(rest); m != nil {
		l.tok = l.str(m)
		return
	}
	switch {
	case name(rest) != "":
		l.tok = token{kind: tokName, text: name(rest), offset: start}
		l.pos += len(l.tok.text)
	case numberLike().MatchString(rest):
		l.tok = token{kind: tokNumber, text: numberLike().FindString(rest), offset: start}
		if l.pos += len(l.tok.text); name(l.src[l.pos:]) != "" {
			panic(unsupported(start, "a number with letters"))
		}
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

// skipSpace skips blanks, and the ends of lines where Python allows them: in brackets and around the whole.
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

// name returns the name that s begins with, "" for none. A regular expression for it would cost each start of
// the program a millisecond.
func name(s string) string {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.In(r, unicode.N, unicode.M)) {
			return s[:i]
		}
	}
	return s
}

// str reads a string; start holds its prefix and its quote.
func (l *lexer) str(start []string) token {
	t := token{kind: tokString, offset: l.pos}
	prefix, quote := strings.ToLower(start[1]), start[2]
	if !slices.Contains([]string{"", "r", "u", "f", "fr", "rf"}, prefix) {
		panic(unsupported(l.pos, "a string with the prefix "+prefix))
	}
	l.pos += len(start[0])
	t.parts = l.pieces(quote, strings.Contains(prefix, "r"), strings.Contains(prefix, "f"), false)
	l.pos += len(quote)
	return t
}

// pieces reads a string up to its closing quote, or a format in an f-string up to its closing brace.
func (l *lexer) pieces(quote string, raw, format, inSpec bool) (parts []part) {
	begin, body := l.pos, l.pos
	flush := func() {
		if body < l.pos {
			parts = append(parts, part{literal: l.src[body:l.pos], raw: raw})
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
		p.odd = true
		l.pos += 2
	}
	if strings.HasPrefix(l.src[l.pos:], ":") {
		l.pos++
		spec := l.pieces(quote, raw, true, true)
		if len(spec) == 1 {
			p.format = spec[0].literal
		}
		p.odd = p.odd || len(spec) > 1 || len(spec) == 1 && spec[0].expr != nil
	}
	if !strings.HasPrefix(l.src[l.pos:], "}") {
		panic(unsupported(open, "what stands in a brace of the f-string"))
	}
	l.pos++
	return p
}

// escapes are those of Python that this package knows; badEscape finds the others that Python has.
var (
	escapes   = strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\"`, `"`, `\n`, "\n", `\t`, "\t", "\\\n", "")
	badEscape = pattern.Lazy(`^(?:[^\\]|\\[^abfrvxuUN0-7])*\\[abfrvxuUN0-7]`)
)

// unescape replaces Python's backslash escapes. Unknown ones stay, as in Python.
func unescape(s string, at int) string {
	if badEscape().MatchString(s) {
		panic(unsupported(at, "a text with such an escape"))
	}
	return escapes.Replace(s)
}
