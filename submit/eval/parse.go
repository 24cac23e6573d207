package eval

import (
	"slices"
	"strings"
)

// node computes the value of a part of an expression. It fails by panic with a failure.
type node func(*Evaluator) any

// parser reads expressions by recursive descent.
type parser struct {
	lexer
	e *Evaluator // whose budget pays
}

// parse reads a whole expression. A tuple may come without its brackets.
func parse(expr string, e *Evaluator) node {
	p := &parser{lexer: lexer{src: expr}, e: e}
	p.inner = p.top
	p.next()
	n := p.top()
	if p.tok.kind != tokEnd {
		panic(p.unexpected())
	}
	return n
}

// top reads an expression, or a tuple without brackets.
func (p *parser) top() node {
	nodes, comma := p.list("")
	if len(nodes) == 0 {
		panic(p.unexpected())
	}
	if !comma {
		return nodes[0]
	}
	return p.made(func(e *Evaluator) any { return tuple(each(e, nodes)) })
}

// made counts a node, each of its evaluations, and the size of its values against the budget.
func (p *parser) made(n node) node {
	p.e.step()
	return func(e *Evaluator) any {
		e.step()
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
	}
	elements, _ := elementsOf(v)
	return 64 + 16*len(elements)
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
	for !p.is(end) && p.tok.kind != tokEnd && !(end == "" && p.is("}", ":", "!")) {
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
	then := p.or()
	if !p.accept("if") {
		return then
	}
	test := p.or()
	p.expect("else")
	otherwise := p.expression()
	return p.made(func(e *Evaluator) any {
		if truth(test(e)) {
			return then(e)
		}
		return otherwise(e)
	})
}

func (p *parser) or() node  { return p.logical("or", true, p.and) }
func (p *parser) and() node { return p.logical("and", false, p.not) }

// logical reads operands joined by word. The first whose truth is stop is the value, else the last.
func (p *parser) logical(word string, stop bool, operand func() node) node {
	nodes := []node{operand()}
	for p.accept(word) {
		nodes = append(nodes, operand())
	}
	if len(nodes) == 1 {
		return nodes[0]
	}
	return p.made(func(e *Evaluator) (v any) {
		for _, n := range nodes {
			if v = n(e); truth(v) == stop {
				break
			}
		}
		return v
	})
}

func (p *parser) not() node {
	if !p.accept("not") {
		return p.comparison()
	}
	p.enter()
	defer p.leave()
	n := p.not()
	return p.made(func(e *Evaluator) any { return !truth(n(e)) })
}

// comparison reads a chain such as 0 < a <= b.
func (p *parser) comparison() node {
	operands := []node{p.sum()}
	var ops []string
	for p.is("<", ">", "==", ">=", "<=", "!=", "in", "is", "not") {
		op := p.tok.text
		p.next()
		if op == "not" {
			p.expect("in")
			op = "not in"
		} else if op == "is" && p.accept("not") {
			op = "is not"
		}
		ops, operands = append(ops, op), append(operands, p.sum())
	}
	if len(ops) == 0 {
		return operands[0]
	}
	return p.made(func(e *Evaluator) any {
		left := operands[0](e)
		for i, op := range ops {
			right := operands[i+1](e)
			if !e.compare(op, left, right) {
				return false
			}
			left = right
		}
		return true
	})
}

func (p *parser) sum() node  { return p.binary(p.term, "+", "-") }
func (p *parser) term() node { return p.binary(p.factor, "*", "/", "//", "%") }

// binary reads operands joined by operators of one rank, from left to right.
func (p *parser) binary(operand func() node, ops ...string) node {
	left := operand()
	depth := p.depth
	for p.is(ops...) {
		p.enter() // evaluation nests as deep as the chain is long
		op, a := p.tok.text, left
		p.next()
		b := operand()
		left = p.made(func(e *Evaluator) any { return e.operate(op, a(e), b(e)) })
	}
	p.depth = depth
	return left
}

// factor reads signs and powers: -2 ** 2 is -(2 ** 2).
func (p *parser) factor() node {
	p.enter()
	defer p.leave()
	if p.is("+", "-") {
		sign := p.tok.text
		p.next()
		n := p.factor()
		return p.made(func(e *Evaluator) any { return signed(sign, n(e)) })
	}
	base := p.primary()
	if !p.accept("**") {
		return base
	}
	exponent := p.factor()
	return p.made(func(e *Evaluator) any { return e.operate("**", base(e), exponent(e)) })
}

// primary reads an atom with its attributes, calls and subscripts.
func (p *parser) primary() node {
	n := p.atom()
	depth := p.depth
	for p.tok.kind == tokOp && p.is(".", "(", "[") {
		p.enter()
		of, op := n, p.tok.text
		p.next()
		switch op {
		case ".":
			name := p.tok
			if name.kind != tokName {
				panic(p.unexpected())
			}
			p.next()
			n = p.made(func(e *Evaluator) any { return e.attribute(of(e), name.text) })
		case "(":
			n = p.call(of)
		default:
			n = p.subscript(of)
		}
	}
	p.depth = depth
	return n
}

// call reads the arguments of a call.
func (p *parser) call(of node) node {
	var positional, named []node
	var names []string
	for !p.is(")") {
		begin := p.tok
		n := p.expression()
		if begin.kind == tokName && p.is("=") && strings.TrimSpace(p.src[begin.offset:p.tok.offset]) == begin.text {
			p.next()
			names, named = append(names, begin.text), append(named, p.expression())
		} else if positional = append(positional, n); len(names) > 0 {
			panic(invalid(begin.offset, "an argument without a name after one with a name"))
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	return p.made(func(e *Evaluator) any {
		callee := of(e)
		f, ok := callee.(*function)
		if !ok {
			panic(raise("TypeError", "'%s' object is not callable", typeName(callee)))
		}
		a := &args{function: f.name, positional: each(e, positional), named: make(map[string]any)}
		for i, v := range each(e, named) {
			a.named[names[i]] = v
		}
		v := f.call(a)
		if len(a.positional)+len(a.named) > 0 {
			panic(unknown("%s() with these arguments", f.name))
		}
		return v
	})
}

// subscript reads [index] or [from:to].
func (p *parser) subscript(of node) node {
	var bounds [2]node
	slice := false
	for i := range bounds {
		if !p.is(":", "]") {
			bounds[i] = p.expression()
		}
		if slice || !p.accept(":") {
			break
		}
		slice = true
	}
	if bounds[0] == nil && !slice {
		panic(p.unexpected())
	}
	if p.is(",", ":") {
		panic(unsupported(p.tok.offset, "a slice with a step, or more than one index"))
	}
	p.expect("]")
	return p.made(func(e *Evaluator) any {
		v := of(e)
		var at [2]any
		for i, n := range bounds {
			if n != nil {
				at[i] = n(e)
			}
		}
		if slice {
			return sliceOf(v, at[0], at[1])
		}
		return itemOf(v, at[0])
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
		return p.made(func(*Evaluator) any { return t.number })
	case !p.is("(", "[", "{"):
		panic(p.unexpected())
	}
	p.next()
	end := map[string]string{"(": ")", "[": "]", "{": "}"}[t.text]
	nodes, comma := p.list(end)
	if t.text == "{" && len(nodes) == 0 {
		panic(unsupported(t.offset, "a dict"))
	}
	p.expect(end)
	if t.text == "(" && len(nodes) == 1 && !comma {
		return nodes[0]
	}
	return p.made(func(e *Evaluator) any {
		values := each(e, nodes)
		switch t.text {
		case "(":
			return tuple(values)
		case "[":
			return list(values)
		}
		return e.newSet(values)
	})
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
	for p.tok.kind == tokString {
		if p.tok.parts == nil {
			parts = append(parts, part{literal: p.tok.text})
		}
		parts = append(parts, p.tok.parts...)
		p.next()
	}
	return p.made(func(e *Evaluator) any { return e.join(parts) })
}

// join evaluates the pieces of an f-string.
func (e *Evaluator) join(parts []part) string {
	var out strings.Builder
	for _, p := range parts {
		text := p.literal
		if p.expr != nil {
			v := p.expr(e)
			switch p.conversion {
			case 'r':
				v = repr(v)
			case 's':
				v = str(v)
			}
			text = e.format(v, e.join(p.spec))
			e.room(len(text))
		}
		out.WriteString(text)
	}
	return out.String()
}
