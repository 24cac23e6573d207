package eval

import (
	"slices"
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

func (p *parser) or() node  { return p.logical("or", true, p.and) }
func (p *parser) and() node { return p.logical("and", false, p.not) }

func (p *parser) not() node {
	if !p.is("not") {
		return p.comparison()
	}
	return p.prefixed(p.not, func(_ string, v any) any { return !truth(v) })
}

// prefixed reads an operator and its operand.
func (p *parser) prefixed(operand func() node, apply func(op string, v any) any) node {
	p.enter()
	defer p.leave()
	op := p.tok.text
	p.next()
	n := operand()
	return p.made(func(e *Evaluator) any { return apply(op, n(e)) })
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

// factor reads signs.
func (p *parser) factor() node {
	if p.is("+", "-") {
		return p.prefixed(p.factor, signed)
	}
	return p.primary()
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
