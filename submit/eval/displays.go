package eval

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

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
