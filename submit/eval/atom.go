package eval

import (
	"slices"
	"strconv"
	"strings"
)

// numberOf returns the value of a number. Python has no leading zeros.
func numberOf(t token) (v any) {
	var err error
	if strings.ContainsAny(t.text, ".eE") {
		v, err = strconv.ParseFloat(t.text, 64)
	} else {
		v, err = strconv.ParseInt(t.text, 10, 64)
	}
	if err != nil || t.text[0] == '0' && v != int64(0) && !strings.ContainsAny(t.text, ".eE") {
		panic(unsupported(t.offset, "a number beyond 64 bits or with leading zeros"))
	}
	return v
}

// keywords of Python, none of which is a name.
var keywords = strings.Fields(`if else and or not in is for lambda await async yield import from as assert break class continue
	def del elif except finally global nonlocal pass raise return try while with`)

func (p *parser) name() node {
	t := p.tok
	if slices.Contains(keywords, t.text) {
		panic(p.unexpected())
	}
	if strings.IndexFunc(t.text, beyondASCII) >= 0 {
		panic(unsupported(t.offset, "a name beyond ASCII")) // Python normalizes it
	}
	p.next()
	return p.made(func(e *Evaluator) any {
		v, ok := e.names[t.text]
		if !ok {
			panic(unknown("%s", t.text))
		}
		return v
	})
}

func beyondASCII(r rune) bool { return r >= 0x80 }

// text reads strings side by side, which are one.
func (p *parser) text() node {
	var parts []part
	for ; p.tok.kind == tokString; p.next() {
		for _, piece := range p.tok.parts {
			if piece.odd {
				panic(unsupported(p.tok.offset, "such a format"))
			} else if !piece.raw {
				piece.literal = unescape(piece.literal, p.tok.offset)
			}
			parts = append(parts, piece)
		}
	}
	return p.made(func(e *Evaluator) any {
		var out strings.Builder
		for _, piece := range parts {
			text := piece.literal
			if piece.expr != nil {
				text = format(piece.expr(e), piece.format)
				e.room(len(text))
			}
			out.WriteString(text)
		}
		return out.String()
	})
}
