package eval

import (
	"fmt"
	"slices"
	"strings"
)

// Translate turns a Python expression into a Starlark expression with the same
// meaning. What Python and Starlark do alike (calls, and, or, not, if-else,
// comprehensions, lambdas, displays) stays as it is; every other operator becomes
// a call of one of the functions whose names begin with "py_". The error is a
// *SyntaxError.
func Translate(expr string) (string, error) {
	return translate(expr, 0, 0)
}

func translate(expr string, base, depth int) (string, error) {
	tokens, err := lex(expr, base, depth)
	if err != nil {
		return "", err
	}
	t := &translator{tokens: tokens, depth: depth}
	out, err := t.testlist()
	if err != nil {
		return "", err
	}
	if t.peek().kind != tokEnd {
		return "", t.unexpected()
	}
	return out, nil
}

// translator is a recursive-descent parser of Python's expressions. Each method
// reads one rule of the grammar and returns its Starlark text, which can stand
// anywhere an operand can.
type translator struct {
	tokens  []token
	at      int
	depth   int // of f-strings around
	nesting int // of brackets and operators around
	temps   int
}

func (t *translator) peek() token { return t.tokens[t.at] }

func (t *translator) isOp(text string) bool {
	tok := t.peek()
	return tok.kind == tokOp && tok.text == text
}

func (t *translator) isWord(text string) bool {
	tok := t.peek()
	return tok.kind == tokName && tok.text == text
}

// accept moves on when the next token is the operator or the word.
func (t *translator) accept(text string) bool {
	if t.isOp(text) || t.isWord(text) {
		t.at++
		return true
	}
	return false
}

func (t *translator) expect(text string) error {
	if !t.accept(text) {
		tok := t.peek()
		if tok.kind == tokEnd {
			return &SyntaxError{Offset: tok.offset, Message: fmt.Sprintf("the expression ends where %q should be", text)}
		}
		return t.unexpected()
	}
	return nil
}

func (t *translator) unexpected() error {
	tok := t.peek()
	switch {
	case tok.kind == tokEnd:
		return &SyntaxError{Offset: tok.offset, Message: "the expression ends too early"}
	case tok.kind == tokString:
		return &SyntaxError{Offset: tok.offset, Message: "unexpected string"}
	case tok.text == ":=":
		return t.unsupported("an assignment")
	case tok.text == "@":
		return t.unsupported("a matrix product")
	}
	return &SyntaxError{Offset: tok.offset, Message: fmt.Sprintf("unexpected %q", tok.text)}
}

func (t *translator) unsupported(what string) error {
	return &SyntaxError{Offset: t.peek().offset, Message: what + " cannot be evaluated without Blender", Unsupported: true}
}

// enter guards the recursion; each call is undone with leave.
func (t *translator) enter() error {
	if t.nesting++; t.nesting > 2*maxNesting {
		return errTooDeep
	}
	return nil
}

func (t *translator) leave() { t.nesting-- }

// testlist reads expressions with commas between them: one, or a tuple.
func (t *translator) testlist() (string, error) {
	first, starred, err := t.element()
	if err != nil {
		return "", err
	}
	if !t.isOp(",") {
		if starred {
			return "", t.unexpected()
		}
		return first, nil
	}
	return t.sequence(first, starred, func() bool { return t.peek().kind == tokEnd || t.isOp(")") }, "tuple")
}

// test reads a lambda, a conditional expression, or anything simpler.
func (t *translator) test() (string, error) {
	if err := t.enter(); err != nil {
		return "", err
	}
	defer t.leave()
	if t.isWord("lambda") {
		return t.lambda()
	}
	if t.isWord("await") || t.isWord("yield") {
		return "", t.unsupported(t.peek().text)
	}
	value, err := t.or()
	if err != nil || !t.accept("if") {
		return value, err
	}
	condition, err := t.or()
	if err != nil {
		return "", err
	}
	if err := t.expect("else"); err != nil {
		return "", err
	}
	other, err := t.test()
	if err != nil {
		return "", err
	}
	return "(" + value + " if " + condition + " else " + other + ")", nil
}

func (t *translator) lambda() (string, error) {
	t.at++
	var params []string
	for !t.isOp(":") {
		star := ""
		if t.accept("*") {
			star = "*"
		} else if t.accept("**") {
			star = "**"
		}
		name, err := t.name()
		if err != nil {
			return "", err
		}
		param := star + name
		if star == "" && t.accept("=") {
			value, err := t.test()
			if err != nil {
				return "", err
			}
			param += "=" + value
		}
		params = append(params, param)
		if !t.accept(",") {
			break
		}
	}
	if err := t.expect(":"); err != nil {
		return "", err
	}
	body, err := t.test()
	if err != nil {
		return "", err
	}
	return "(lambda " + strings.Join(params, ", ") + ": " + body + ")", nil
}

// keywords of Python cannot be names; load cannot be one in Starlark.
var keywords = []string{
	"and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
	"finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
	"return", "try", "while", "with", "yield", "None", "True", "False",
}

func (t *translator) name() (string, error) {
	tok := t.peek()
	if tok.kind != tokName || slices.Contains(keywords, tok.text) {
		return "", t.unexpected()
	}
	if tok.text == "load" || strings.HasPrefix(tok.text, "py_") {
		return "", t.unsupported("the name " + tok.text)
	}
	t.at++
	return tok.text, nil
}

func (t *translator) or() (string, error) { return t.junction("or", t.and) }

func (t *translator) and() (string, error) { return t.junction("and", t.not) }

func (t *translator) junction(word string, operand func() (string, error)) (string, error) {
	left, err := operand()
	for err == nil && t.accept(word) {
		var right string
		right, err = operand()
		left = "(" + left + " " + word + " " + right + ")"
	}
	return left, err
}

func (t *translator) not() (string, error) {
	if !t.accept("not") {
		return t.comparison()
	}
	if err := t.enter(); err != nil {
		return "", err
	}
	defer t.leave()
	operand, err := t.not()
	return "(not " + operand + ")", err
}

// comparisonOp reads a comparison operator, "" when there is none.
func (t *translator) comparisonOp() (string, error) {
	for _, op := range []string{"<", ">", "==", ">=", "<=", "!=", "in"} {
		if t.accept(op) {
			return op, nil
		}
	}
	if t.accept("is") {
		if t.accept("not") {
			return "is not", nil
		}
		return "is", nil
	}
	if t.accept("not") {
		return "not in", t.expect("in")
	}
	return "", nil
}

// comparison reads a chain of comparisons. a < b < c evaluates b once, and c only
// when a < b: b becomes the argument of a function.
func (t *translator) comparison() (string, error) {
	left, err := t.binary(0)
	if err != nil {
		return "", err
	}
	op, err := t.comparisonOp()
	if err != nil || op == "" {
		return left, err
	}
	return t.chain(left, op)
}

func (t *translator) chain(left, op string) (string, error) {
	if err := t.enter(); err != nil {
		return "", err
	}
	defer t.leave()
	right, err := t.binary(0)
	if err != nil {
		return "", err
	}
	next, err := t.comparisonOp()
	if err != nil {
		return "", err
	}
	if next == "" {
		return fmt.Sprintf("py_compare(%q, %s, %s)", op, left, right), nil
	}
	t.temps++
	middle := fmt.Sprintf("py_%d", t.temps)
	rest, err := t.chain(middle, next)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("(lambda %s: (py_compare(%q, %s, %s) and %s))(%s)", middle, op, left, middle, rest, right), nil
}

// levels are the binary operators from the loosest to the tightest.
var levels = [][]string{{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "//", "%"}}

func (t *translator) binary(level int) (string, error) {
	if level == len(levels) {
		return t.unary()
	}
	left, err := t.binary(level + 1)
	for err == nil {
		op := t.peek()
		if op.kind != tokOp || !slices.Contains(levels[level], op.text) {
			break
		}
		t.at++
		var right string
		right, err = t.binary(level + 1)
		left = fmt.Sprintf("py_binary(%q, %s, %s)", op.text, left, right)
	}
	return left, err
}

func (t *translator) unary() (string, error) {
	for _, op := range []string{"-", "+", "~"} {
		if t.accept(op) {
			if err := t.enter(); err != nil {
				return "", err
			}
			defer t.leave()
			operand, err := t.unary()
			return fmt.Sprintf("py_unary(%q, %s)", op, operand), err
		}
	}
	base, err := t.primary()
	if err != nil || !t.accept("**") {
		return base, err
	}
	if err := t.enter(); err != nil {
		return "", err
	}
	defer t.leave()
	exponent, err := t.unary() // to the right: 2 ** 3 ** 2 is 2 ** (3 ** 2)
	return fmt.Sprintf(`py_binary("**", %s, %s)`, base, exponent), err
}

// primary reads an atom and the attributes, calls and subscripts behind it.
func (t *translator) primary() (string, error) {
	if err := t.enter(); err != nil {
		return "", err
	}
	defer t.leave()
	value, err := t.atom()
	for err == nil {
		switch {
		case t.accept("."):
			tok := t.peek()
			if tok.kind != tokName {
				return "", t.unexpected()
			}
			t.at++
			value = fmt.Sprintf("py_attr(%s, %q)", value, tok.text)
		case t.accept("("):
			var args string
			args, err = t.arguments()
			value += "(" + args + ")"
		case t.accept("["):
			value, err = t.subscript(value)
		default:
			return value, nil
		}
	}
	return value, err
}
