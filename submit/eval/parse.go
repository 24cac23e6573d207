package eval

import (
	"slices"
	"strconv"
	"strings"
)

// node computes the value of a part of an expression. It fails by panic with a failure.
type node func(*Evaluator) any

// parser reads expressions by recursive descent.
type parser struct {
	lexer
	e *Evaluator // whose budget pays
}

// parse reads a whole expression.
func parse(expr string, e *Evaluator) node {
	p := &parser{lexer: lexer{src: expr}, e: e}
	p.inner = p.expression
	p.next()
	n := p.expression()
	if p.is(",") {
		panic(unsupported(p.tok.offset, "a tuple without brackets"))
	} else if p.tok.kind != tokEnd {
		panic(p.unexpected())
	}
	return n
}

// made counts a node and the values of its evaluations against the budget.
func (p *parser) made(n node) node {
	p.e.room(64)
	return func(e *Evaluator) any {
		v := n(e)
		e.room(sizeOf(v))
		return v
	}
}

func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return 16 + len(v)
	case pyPath:
		return 64 + 16*len(v.names) // the names are parts of texts
	case *sequence:
		return 64 + 16*len(v.items)
	}
	return 64
}

func (p *parser) is(texts ...string) bool {
	return (p.tok.kind == tokOp || p.tok.kind == tokName) && slices.Contains(texts, p.tok.text)
}

// accept takes the current token when it is text.
func (p *parser) accept(text string) bool {
	if !p.is(text) {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		panic(p.unexpected())
	}
}

// unexpected is the failure for the current token, by whether Python could go on with it.
func (p *parser) unexpected() failure {
	switch t := p.tok; {
	case t.kind == tokEnd:
		return invalid(t.offset, "the expression ends too early")
	case p.is("for", "async", "await", "yield", "lambda", "*", "**", "...", ":", "=", "|", "&", "^", "~", "<<", ">>", "@"):
		return unsupported(t.offset, "what begins with "+t.text)
	default:
		return invalid(t.offset, "unexpected %q", t.text)
	}
}

// list reads expressions with commas between them up to end, and whether there was a comma.
func (p *parser) list(end string) (nodes []node, comma bool) {
	for !p.is(end) && p.tok.kind != tokEnd {
		nodes = append(nodes, p.expression())
		if !p.accept(",") {
			return nodes, len(nodes) > 1
		}
	}
	return nodes, true
}

// each evaluates nodes in order.
func each(e *Evaluator, nodes []node) []any {
	values := make([]any, len(nodes))
	for i, n := range nodes {
		values[i] = n(e)
	}
	return values
}

// expression reads a conditional or what binds tighter.
func (p *parser) expression() node {
	p.enter()
	defer p.leave()
	then := p.operation(rankOr)
	if !p.accept("if") {
		return then
	}
	test := p.operation(rankOr)
	p.expect("else")
	otherwise := p.expression()
	return p.made(func(e *Evaluator) any {
		if truth(test(e)) {
			return then(e)
		}
		return otherwise(e)
	})
}

// Ranks of the operators, from those that bind least on.
const (
	rankOr = iota + 1
	rankAnd
	rankNot
	rankCompare
	rankSum
	rankProduct
	rankSign
)

// ranks are those of the operators between two operands.
var ranks = map[string]int{
	"or": rankOr, "and": rankAnd, "+": rankSum, "-": rankSum, "*": rankProduct, "/": rankProduct, "//": rankProduct, "%": rankProduct,
	"<": rankCompare, ">": rankCompare, "==": rankCompare, ">=": rankCompare, "<=": rankCompare, "!=": rankCompare,
	"in": rankCompare, "is": rankCompare, "not": rankCompare,
}

// operation reads operands and the operators between them that have at least the rank.
func (p *parser) operation(rank int) node {
	left := p.operand(rank)
	depth := p.depth
	for ranks[p.tok.text] >= rank {
		p.enter() // evaluation nests as deep as the chain is long
		if ranks[p.tok.text] == rankCompare {
			left = p.comparison(left)
			continue
		}
		op, a := p.tok.text, left
		p.next()
		b := p.operation(ranks[op] + 1)
		left = p.made(func(e *Evaluator) any {
			x := a(e)
			if op == "or" || op == "and" {
				if truth(x) == (op == "or") {
					return x
				}
				return b(e)
			}
			return e.operate(op, x, b(e))
		})
	}
	p.depth = depth
	return left
}

// operand reads what an operator of the rank works on, with its sign or its not.
func (p *parser) operand(rank int) node {
	op := p.tok.text
	switch {
	case p.is("+", "-"):
		rank = rankSign
	case p.is("not") && rank <= rankNot:
		rank = rankNot
	default:
		return p.primary()
	}
	p.enter()
	defer p.leave()
	p.next()
	n := p.operation(rank)
	return p.made(func(e *Evaluator) any {
		if op == "not" {
			return !truth(n(e))
		}
		return signed(op, n(e))
	})
}

// comparison reads the rest of a chain such as 0 < a <= b.
func (p *parser) comparison(first node) node {
	var ops []string
	var operands []node
	for ranks[p.tok.text] == rankCompare {
		op := p.tok.text
		p.next()
		if op == "not" {
			p.expect("in")
			op = "not in"
		} else if op == "is" && p.accept("not") {
			op = "is not"
		}
		ops, operands = append(ops, op), append(operands, p.operation(rankCompare+1))
	}
	return p.made(func(e *Evaluator) any {
		left := first(e)
		for i, op := range ops {
			right := operands[i](e)
			if !e.compare(op, left, right) {
				return false
			}
			left = right
		}
		return true
	})
}

// primary reads an atom with its attributes and calls.
func (p *parser) primary() node {
	n := p.atom()
	depth := p.depth
	for p.tok.kind == tokOp && p.is(".", "(", "[") {
		p.enter()
		of := n
		if p.is("[") {
			panic(unsupported(p.tok.offset, "an item or slice"))
		}
		if p.accept("(") {
			n = p.call(of)
			continue
		}
		p.next()
		name := p.tok
		if name.kind != tokName {
			panic(p.unexpected())
		}
		p.next()
		n = p.made(func(e *Evaluator) any { return e.attribute(of(e), name.text) })
	}
	p.depth = depth
	return n
}

// call reads the arguments of a call.
func (p *parser) call(of node) node {
	nodes, _ := p.list(")")
	p.expect(")")
	return p.made(func(e *Evaluator) any {
		callee := of(e)
		f, ok := callee.(*function)
		if !ok {
			panic(raise("TypeError", "'%s' object is not callable", typeName(callee)))
		}
		a := &args{f.name, each(e, nodes)}
		v := f.call(a)
		if len(a.rest) > 0 {
			panic(unknown("%s() with these arguments", f.name))
		}
		return v
	})
}

// atom reads a name, a number, strings, or what stands in brackets.
func (p *parser) atom() node {
	t := p.tok
	switch {
	case t.kind == tokString:
		return p.text()
	case t.kind == tokName:
		return p.name()
	case t.kind == tokNumber:
		p.next()
		v := numberOf(t)
		return p.made(func(*Evaluator) any { return v })
	case !p.is("(", "[", "{"):
		panic(p.unexpected())
	}
	p.next()
	kind, end := "tuple", ")"
	switch t.text {
	case "[":
		kind, end = "list", "]"
	case "{":
		kind, end = "set", "}"
	}
	nodes, comma := p.list(end)
	if kind == "set" && len(nodes) == 0 {
		panic(unsupported(t.offset, "a dict"))
	}
	p.expect(end)
	if t.text == "(" && len(nodes) == 1 && !comma {
		return nodes[0]
	}
	return p.made(func(e *Evaluator) any {
		values := each(e, nodes)
		for _, v := range values {
			if _, nested := v.(*sequence); nested && kind == "set" {
				panic(unknown("a %s in a set", typeName(v)))
			}
		}
		return &sequence{kind, values}
	})
}

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
	return p.made(func(e *Evaluator) any { return e.fact(t.text) })
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
