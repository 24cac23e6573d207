package eval

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
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

// element reads an expression, or *expression in a display.
func (t *translator) element() (text string, starred bool, err error) {
	if t.accept("*") {
		text, err = t.binary(0)
		return text, true, err
	}
	text, err = t.test()
	return text, false, err
}

// sequence reads the rest of a display whose first element has been read.
func (t *translator) sequence(first string, starred bool, end func() bool, kind string) (string, error) {
	items, anyStar := []string{first}, starred
	stars := []bool{starred}
	for t.accept(",") && !end() {
		text, star, err := t.element()
		if err != nil {
			return "", err
		}
		items, stars, anyStar = append(items, text), append(stars, star), anyStar || star
	}
	if !anyStar {
		switch kind {
		case "list":
			return "[" + strings.Join(items, ", ") + "]", nil
		case "tuple":
			return "(" + strings.Join(items, ", ") + ",)", nil
		}
		return "py_set([" + strings.Join(items, ", ") + "])", nil
	}
	for i, star := range stars {
		if star {
			items[i] = "py_list(" + items[i] + ")"
		} else {
			items[i] = "[" + items[i] + "]"
		}
	}
	return "py_" + kind + "(py_chain(" + strings.Join(items, ", ") + "))", nil
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

func (t *translator) or() (string, error)  { return t.junction("or", t.and) }
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

func (t *translator) arguments() (string, error) {
	var args []string
	for !t.accept(")") {
		if len(args) > 0 {
			if err := t.expect(","); err != nil {
				return "", err
			}
			if t.accept(")") {
				break
			}
		}
		switch {
		case t.accept("*"):
			text, err := t.test()
			if err != nil {
				return "", err
			}
			args = append(args, "*py_list("+text+")")
			continue
		case t.accept("**"):
			text, err := t.test()
			if err != nil {
				return "", err
			}
			args = append(args, "**"+text)
			continue
		}
		if next := t.tokens[min(t.at+1, len(t.tokens)-1)]; t.peek().kind == tokName && next.kind == tokOp && next.text == "=" {
			name, err := t.name()
			if err != nil {
				return "", err
			}
			t.at++ // =
			text, err := t.test()
			if err != nil {
				return "", err
			}
			args = append(args, name+"="+text)
			continue
		}
		text, err := t.test()
		if err != nil {
			return "", err
		}
		if t.isWord("for") {
			if text, err = t.comprehension(text, "[", "]"); err != nil {
				return "", err
			}
		}
		args = append(args, text)
	}
	return strings.Join(args, ", "), nil
}

// subscript reads value[index] or value[from:to:step] behind the bracket.
func (t *translator) subscript(value string) (string, error) {
	bounds := []string{"None", "None", "None"}
	colons := 0
	for !t.isOp("]") {
		if t.accept(":") {
			if colons++; colons > 2 {
				return "", t.unexpected()
			}
			continue
		}
		if bounds[colons] != "None" {
			return "", t.unexpected()
		}
		text, err := t.test()
		if err != nil {
			return "", err
		}
		if t.isOp(",") {
			return "", t.unsupported("a subscript with commas")
		}
		bounds[colons] = text
	}
	if colons == 0 && bounds[0] == "None" && t.tokens[t.at-1].text == "[" {
		return "", t.unexpected()
	}
	t.at++
	if colons == 0 {
		return fmt.Sprintf("py_index(%s, %s)", value, bounds[0]), nil
	}
	return fmt.Sprintf("py_slice(%s, %s)", value, strings.Join(bounds, ", ")), nil
}

// comprehension reads the for and if clauses behind an element.
func (t *translator) comprehension(element, open, end string) (string, error) {
	out := open + element
	for {
		switch {
		case t.accept("for"):
			target, err := t.target()
			if err != nil {
				return "", err
			}
			if err := t.expect("in"); err != nil {
				return "", err
			}
			over, err := t.or()
			if err != nil {
				return "", err
			}
			out += " for " + target + " in py_list(" + over + ")"
		case t.accept("if"):
			condition, err := t.or()
			if err != nil {
				return "", err
			}
			out += " if " + condition
		case t.isWord("async"):
			return "", t.unsupported("async")
		default:
			return out + end, nil
		}
	}
}

// target reads the variables of a for clause.
func (t *translator) target() (string, error) {
	var names []string
	for {
		var name string
		var err error
		if t.accept("(") {
			if err = t.enter(); err != nil {
				return "", err
			}
			if name, err = t.target(); err == nil {
				name, err = "("+name+")", t.expect(")")
			}
			t.leave()
		} else {
			name, err = t.name()
		}
		if err != nil {
			return "", err
		}
		names = append(names, name)
		if !t.accept(",") {
			return strings.Join(names, ", "), nil
		}
		if t.isWord("in") || t.isOp(")") {
			return strings.Join(names, ", ") + ",", nil
		}
	}
}

func (t *translator) atom() (string, error) {
	tok := t.peek()
	switch tok.kind {
	case tokNumber:
		t.at++
		return tok.text, nil
	case tokString:
		return t.strings()
	case tokName:
		switch tok.text {
		case "None", "True", "False":
			t.at++
			return tok.text, nil
		}
		return t.name()
	}
	switch {
	case t.accept("("):
		return t.parentheses()
	case t.accept("["):
		return t.brackets()
	case t.accept("{"):
		return t.braces()
	case t.isOp("..."):
		return "", t.unsupported("an ellipsis")
	}
	return "", t.unexpected()
}

func (t *translator) parentheses() (string, error) {
	if t.accept(")") {
		return "()", nil
	}
	first, starred, err := t.element()
	if err != nil {
		return "", err
	}
	out := "(" + first + ")"
	switch {
	case t.isWord("for") && !starred:
		out, err = t.comprehension(first, "[", "]") // a generator, evaluated at once
	case t.isOp(",") || starred:
		out, err = t.sequence(first, starred, func() bool { return t.isOp(")") }, "tuple")
	}
	if err != nil {
		return "", err
	}
	return out, t.expect(")")
}

func (t *translator) brackets() (string, error) {
	if t.accept("]") {
		return "[]", nil
	}
	first, starred, err := t.element()
	if err != nil {
		return "", err
	}
	var out string
	if t.isWord("for") && !starred {
		out, err = t.comprehension(first, "[", "]")
	} else {
		out, err = t.sequence(first, starred, func() bool { return t.isOp("]") }, "list")
	}
	if err != nil {
		return "", err
	}
	return out, t.expect("]")
}

// braces reads a dict or a set.
func (t *translator) braces() (string, error) {
	if t.accept("}") {
		return "{}", nil
	}
	if t.isOp("**") {
		return t.dict("")
	}
	first, starred, err := t.element()
	if err != nil {
		return "", err
	}
	if !starred && t.isOp(":") {
		return t.dict(first)
	}
	var out string
	if t.isWord("for") && !starred {
		out, err = t.comprehension(first, "py_set([", "])")
	} else {
		out, err = t.sequence(first, starred, func() bool { return t.isOp("}") }, "set")
	}
	if err != nil {
		return "", err
	}
	return out, t.expect("}")
}

// dict reads a dict whose first key, if it has one, has been read. It becomes
// py_dict((key, value), …), because Starlark refuses a key that comes twice.
func (t *translator) dict(key string) (string, error) {
	var items []string
	for {
		if key == "" && t.accept("**") {
			text, err := t.binary(0)
			if err != nil {
				return "", err
			}
			items = append(items, "py_mapping("+text+")")
		} else {
			if err := t.expect(":"); err != nil {
				return "", err
			}
			value, err := t.test()
			if err != nil {
				return "", err
			}
			if t.isWord("for") && len(items) == 0 {
				out, err := t.comprehension("("+key+", "+value+")", "py_dict(*[", "])")
				if err != nil {
					return "", err
				}
				return out, t.expect("}")
			}
			items = append(items, "("+key+", "+value+")")
		}
		if !t.accept(",") || t.isOp("}") {
			return "py_dict(" + strings.Join(items, ", ") + ")", t.expect("}")
		}
		key = ""
		if !t.isOp("**") {
			var err error
			if key, err = t.test(); err != nil {
				return "", err
			}
		}
	}
}

// strings reads strings that stand side by side, which are one.
func (t *translator) strings() (string, error) {
	var pieces []string
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			pieces = append(pieces, quote(literal.String()))
			literal.Reset()
		}
	}
	for ; t.peek().kind == tokString; t.at++ {
		tok := t.peek()
		if tok.parts == nil {
			literal.WriteString(tok.text)
			continue
		}
		for _, p := range tok.parts {
			if p.expr == "" {
				literal.WriteString(p.literal)
				continue
			}
			flush()
			text, err := t.replacement(p)
			if err != nil {
				return "", err
			}
			pieces = append(pieces, text)
		}
	}
	if len(pieces) == 0 {
		return quote(literal.String()), nil
	}
	flush()
	return "py_join(" + strings.Join(pieces, ", ") + ")", nil
}

// replacement translates one pair of braces of an f-string.
func (t *translator) replacement(p part) (string, error) {
	value, err := translate(p.expr, p.offset, t.depth+1)
	if err != nil {
		return "", err
	}
	spec := `""`
	if len(p.spec) > 0 {
		var pieces []string
		for _, s := range p.spec {
			text := quote(s.literal)
			if s.expr != "" {
				if text, err = t.replacement(s); err != nil {
					return "", err
				}
			}
			pieces = append(pieces, text)
		}
		spec = "py_join(" + strings.Join(pieces, ", ") + ")"
	}
	conversion := ""
	if p.conversion != 0 {
		conversion = string(p.conversion)
	}
	return fmt.Sprintf("py_format(%s, %q, %s)", value, conversion, spec), nil
}

// quote writes a string for Starlark.
func quote(s string) string { return syntax.Quote(s, false) }

// floatSource writes a float for Starlark.
func floatSource(f float64) string {
	if text := starlark.Float(f).String(); strings.ContainsAny(text, "0123456789") {
		return text
	}
	return "py_inf"
}
