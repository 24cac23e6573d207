package eval

import (
	"strings"
)

// fstring reads an f-string up to its closing quote. start is where it began.
func (l *lexer) fstring(quote string, raw bool, start int) ([]part, error) {
	parts, err := l.fparts(quote, raw, start, false, 0)
	if err != nil {
		return nil, err
	}
	l.pos += len(quote)
	if parts == nil {
		parts = []part{{}}
	}
	return parts, nil
}

// fparts reads the pieces of an f-string or, in a format, those up to its closing
// brace. It stops before what ended it.
func (l *lexer) fparts(quote string, raw bool, start int, inFormat bool, depth int) ([]part, error) {
	if depth > maxFStringNesting {
		return nil, errTooDeep
	}
	var parts []part
	body := l.pos
	flush := func() error {
		text := l.src[body:l.pos]
		if text == "" {
			return nil
		}
		if !raw {
			var err error
			if text, err = l.unescape(text, body); err != nil {
				return err
			}
		}
		parts = append(parts, part{literal: text})
		return nil
	}
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case strings.HasPrefix(rest, quote):
			if inFormat {
				return nil, l.fail(l.pos, "a brace of the f-string is not closed")
			}
			return parts, flush()
		case rest[0] == '}' && inFormat:
			return parts, flush()
		case strings.HasPrefix(rest, "{{") && !inFormat, strings.HasPrefix(rest, "}}"):
			l.pos++ // one of the two
			if err := flush(); err != nil {
				return nil, err
			}
			l.pos++
			body = l.pos
		case rest[0] == '}':
			return nil, l.fail(l.pos, "a single } in an f-string; write }}")
		case rest[0] == '{':
			if err := flush(); err != nil {
				return nil, err
			}
			p, err := l.replacement(quote, raw, start, depth)
			if err != nil {
				return nil, err
			}
			parts = append(parts, p...)
			body = l.pos
		case rest[0] == '\\' && !raw && strings.HasPrefix(rest, `\N{`):
			return nil, l.unsupported(l.pos, "a character by its name")
		case rest[0] == '\\' && len(rest) > 1 && rest[1] != '{' && rest[1] != '}':
			l.pos += 2
		case rest[0] == '\n' && len(quote) == 1:
			return nil, l.fail(start, "the string does not end on its line")
		default:
			l.pos++
		}
	}
	return nil, l.fail(start, "the f-string does not end")
}

// replacement reads {expression=!conversion:format}.
func (l *lexer) replacement(quote string, raw bool, start, depth int) ([]part, error) {
	open := l.pos
	l.pos++
	begin := l.pos
	if err := l.skipExpression(open); err != nil {
		return nil, err
	}
	p := part{expr: l.src[begin:l.pos], offset: l.base + begin}
	if l.src[l.pos] == '=' {
		l.pos++
		l.skipBlanks()
		p.debug = l.src[begin:l.pos]
	}
	if strings.TrimSpace(p.expr) == "" {
		return nil, l.fail(open, "empty braces in an f-string")
	}
	if l.pos < len(l.src) && l.src[l.pos] == '!' {
		if l.pos+1 < len(l.src) && strings.IndexByte("rsa", l.src[l.pos+1]) >= 0 {
			p.conversion = l.src[l.pos+1]
			l.pos += 2
		} else {
			return nil, l.fail(l.pos, "after ! comes r, s or a")
		}
		l.skipBlanks()
	}
	if l.pos < len(l.src) && l.src[l.pos] == ':' {
		l.pos++
		spec, err := l.fparts(quote, raw, start, true, depth+1)
		if err != nil {
			return nil, err
		}
		p.spec = append([]part{}, spec...)
	}
	if l.pos >= len(l.src) || l.src[l.pos] != '}' {
		return nil, l.fail(open, "a brace of the f-string is not closed")
	}
	l.pos++
	if p.debug == "" {
		return []part{p}, nil
	}
	if p.conversion == 0 && p.spec == nil {
		p.conversion = 'r'
	}
	return []part{{literal: p.debug}, p}, nil
}

func (l *lexer) skipBlanks() {
	for l.pos < len(l.src) && (l.src[l.pos] == ' ' || l.src[l.pos] == '\t') {
		l.pos++
	}
}

// skipExpression moves to what ends the expression of a replacement: one of }, !,
// : or = outside of brackets and strings.
func (l *lexer) skipExpression(open int) error {
	level := 0
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		if prefix, ok := stringPrefix(rest); ok {
			// Lexed only for its extent; the expression is read again by itself.
			inner := &lexer{src: l.src, pos: l.pos, base: l.base, depth: l.depth + 1}
			if inner.depth > maxFStringNesting {
				return errTooDeep
			}
			if _, err := inner.str(prefix); err != nil {
				return err
			}
			l.pos = inner.pos
			continue
		}
		switch c := rest[0]; {
		case c == '(' || c == '[' || c == '{':
			level++
		case level > 0 && (c == ')' || c == ']' || c == '}'):
			level--
		case level == 0 && (c == '}' || c == ':'):
			return nil
		case level == 0 && c == '!' && !strings.HasPrefix(rest, "!="):
			return nil
		case level == 0 && c == '=' && !strings.HasPrefix(rest, "==") && strings.IndexByte("=!<>", l.src[l.pos-1]) < 0:
			return nil
		case isNamePart(c):
			// A whole name, so that its last letters are not taken for a prefix.
			for l.pos < len(l.src) && isNamePart(l.src[l.pos]) {
				l.pos++
			}
			continue
		}
		l.pos++
	}
	return l.fail(open, "a brace of the f-string is not closed")
}

func isNamePart(c byte) bool {
	return c == '_' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
