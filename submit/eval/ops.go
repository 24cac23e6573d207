package eval

import (
	"cmp"
	"math"
	"math/big"
	"strings"
	"unicode/utf8"
)

// Values are nil, bool, int64, float64, string, pyPath, *object, *function and these. Nothing changes them.
type (
	list  []any
	tuple []any
	set   []any // without doubles
)

// function is what an expression can call.
type function struct {
	name string
	call func(*args) any
}

// typeName is Python's name for the type of a value.
func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case list:
		return "list"
	case tuple:
		return "tuple"
	case set:
		return "set"
	case pyPath:
		return "Path"
	case *object:
		return v.path
	}
	return "function"
}

// elementsOf returns what a list, tuple or set holds.
func elementsOf(v any) ([]any, bool) {
	switch v := v.(type) {
	case list:
		return v, true
	case tuple:
		return v, true
	case set:
		return v, true
	}
	return nil, false
}

func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *object:
		return v.items == nil || len(v.items) > 0
	}
	elements, ok := elementsOf(v)
	return !ok || len(elements) > 0
}

// number returns an int64 or float64 for a number, and nil for what is none; True is 1.
func number(v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case int64, float64:
		return v
	}
	return nil
}

func (e *Evaluator) compare(op string, x, y any) bool {
	switch op {
	case "==", "!=":
		return e.equal(x, y) == (op == "==")
	case "in", "not in":
		return e.contains(y, x) == (op == "in")
	case "is", "is not":
		if x != nil && y != nil {
			panic(unknown("the identity of a %s", typeName(x)))
		}
		return (x == nil && y == nil) == (op == "is")
	}
	order := order(x, y) // NaN makes all of these false
	return order < 0 && op[0] == '<' || order > 0 && op[0] == '>' || order == 0 && len(op) == 2
}

// order returns a number below, equal to or above 0, or NaN.
func order(x, y any) float64 {
	if m, n := number(x), number(y); m != nil && n != nil {
		return compareNumbers(m, n)
	}
	a, aIsText := x.(string)
	b, bIsText := y.(string)
	if !aIsText || !bIsText || !utf8.ValidString(a) || !utf8.ValidString(b) {
		panic(unknown("the order of %s and %s", typeName(x), typeName(y)))
	}
	return float64(cmp.Compare(a, b))
}

// compareNumbers compares exactly, also where a float cannot hold the whole number.
func compareNumbers(x, y any) float64 {
	var exact [2]big.Float
	for i, v := range []any{x, y} {
		switch v := v.(type) {
		case int64:
			exact[i].SetInt64(v)
		case float64:
			if math.IsNaN(v) {
				return v
			}
			exact[i].SetFloat64(v)
		}
	}
	return float64(exact[0].Cmp(&exact[1]))
}

// equal is ==. Values of other types are not equal.
func (e *Evaluator) equal(x, y any) bool {
	e.step()
	m, n := number(x), number(y)
	if m != nil && n != nil {
		return compareNumbers(m, n) == 0
	}
	switch a := x.(type) {
	case nil:
		return y == nil
	case string:
		b, ok := y.(string)
		return ok && a == b
	case pyPath:
		b, ok := y.(pyPath)
		return ok && a.equal(b)
	case *object, *function:
		if y != nil {
			panic(unknown("whether %s is equal to another", typeName(x)))
		}
		return false
	}
	a, _ := elementsOf(x)
	b, _ := elementsOf(y)
	if m != nil || typeName(x) != typeName(y) || len(a) != len(b) {
		return false
	}
	for i := range a {
		if _, isSet := x.(set); isSet && !e.contains(y, a[i]) || !isSet && !e.equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// contains is "x in of".
func (e *Evaluator) contains(of, x any) bool {
	switch of := of.(type) {
	case string:
		part, ok := x.(string)
		if !ok {
			panic(raise("TypeError", "'in <string>' requires string as left operand, not %s", typeName(x)))
		}
		return strings.Contains(of, part)
	case *object:
		name, ok := x.(string)
		if of.items == nil || !ok {
			panic(unknown("what %s holds", of.path))
		}
		return of.find(name) >= 0
	case set:
		hashable(x)
	}
	elements, ok := elementsOf(of)
	if !ok {
		panic(raise("TypeError", "argument of type '%s' is not iterable", typeName(of)))
	}
	for _, element := range elements {
		if f, ok := element.(float64); ok && math.IsNaN(f) {
			panic(unknown("whether NaN is in a %s", typeName(of))) // Python looks at the identity
		}
		if e.equal(element, x) {
			return true
		}
	}
	return false
}

func hashable(v any) {
	switch v := v.(type) {
	case list:
		panic(raise("TypeError", "unhashable type: 'list'"))
	case set: // which Python makes a frozen one in some places
		panic(unknown("a set in a set"))
	case tuple:
		for _, element := range v {
			hashable(element)
		}
	}
}

func (e *Evaluator) newSet(values []any) set {
	unique := set{}
	for _, v := range values {
		if !e.contains(unique, v) {
			unique = append(unique, v)
		}
	}
	return unique
}

// operate evaluates two operands and their operator.
func (e *Evaluator) operate(op string, x, y any) any {
	m, n := number(x), number(y)
	if m != nil && n != nil {
		return arithmetic(op, m, n)
	}
	if op == "/" && (isPath(x) || isPath(y)) {
		return e.newPath(x, y)
	}
	s, xIsText := x.(string)
	t, yIsText := y.(string)
	switch {
	case op == "+" && xIsText && yIsText:
		return s + t
	case op == "*" && xIsText && n != nil:
		return e.repeat(s, n)
	case op == "*" && m != nil && yIsText:
		return e.repeat(t, m)
	case op == "%" && xIsText:
		panic(unknown("a text %% values"))
	}
	for _, v := range []any{x, y} {
		if _, ok := v.(*object); ok || isSequence(v) {
			panic(unknown("%s %s %s", typeName(x), op, typeName(y)))
		}
	}
	panic(raise("TypeError", "unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(x), typeName(y)))
}

func isSequence(v any) bool { _, ok := elementsOf(v); return ok }
func isPath(v any) bool     { _, ok := v.(pyPath); return ok }

func (e *Evaluator) repeat(s string, times any) any {
	n, ok := times.(int64)
	if !ok {
		panic(raise("TypeError", "can't multiply sequence by non-int of type 'float'"))
	}
	if n <= 0 || s == "" {
		return ""
	}
	if n > int64(e.left.Bytes/len(s)) {
		panic(overLimit("memory"))
	}
	return strings.Repeat(s, int(n))
}

func signed(sign string, v any) any {
	n := number(v)
	f, isFloat := n.(float64)
	switch {
	case n == nil:
		panic(raise("TypeError", "bad operand type for unary %s: '%s'", sign, typeName(v)))
	case sign == "+":
		return n
	case isFloat:
		return -f
	}
	return arithmetic("-", int64(0), n)
}

// errBig is for whole numbers that Python has and this package does not.
func errBig() failure { return unknown("a whole number beyond 64 bits") }

func arithmetic(op string, x, y any) any {
	a, aIsInt := x.(int64)
	b, bIsInt := y.(int64)
	if (op == "/" || op == "//" || op == "%") && compareNumbers(y, int64(0)) == 0 {
		panic(raise("ZeroDivisionError", "division by zero"))
	}
	if !aIsInt || !bIsInt || op == "/" {
		return floats(op, toFloat(x), toFloat(y))
	}
	m, n := big.NewInt(a), big.NewInt(b)
	switch op {
	case "+":
		m.Add(m, n)
	case "-":
		m.Sub(m, n)
	case "*":
		m.Mul(m, n)
	case "//", "%": // rounded down, where Go's rest takes the sign of a
		quotient, rest := new(big.Int).QuoRem(m, n, new(big.Int))
		if rest.Sign() != 0 && rest.Sign() != n.Sign() {
			quotient.Sub(quotient, big.NewInt(1))
			rest.Add(rest, n)
		}
		if m = quotient; op == "%" {
			m = rest
		}
	default:
		if b < 0 || b > 64 {
			panic(unknown("the power %d ** %d", a, b))
		}
		m.Exp(m, n, nil)
	}
	if !m.IsInt64() {
		panic(errBig())
	}
	return m.Int64()
}

func floats(op string, a, b float64) any {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "**":
		panic(unknown("a power of floats"))
	}
	rest := math.Mod(a, b) // as in CPython, by the exact rest
	quotient := (a - rest) / b
	if rest == 0 {
		rest = math.Copysign(0, b)
	} else if (b < 0) != (rest < 0) {
		rest += b
		quotient--
	}
	if op == "%" {
		return rest
	}
	whole := math.Floor(quotient)
	if quotient-whole > 0.5 {
		whole++
	}
	if quotient == 0 {
		whole = math.Copysign(0, a/b)
	}
	return whole
}

// position turns an index, counted from the end when negative, into one of a sequence of that length.
func position(v, index any, length int) int {
	i, ok := number(index).(int64)
	if !ok {
		panic(raise("TypeError", "%s indices must be integers, not %s", typeName(v), typeName(index)))
	}
	if i < 0 {
		i += int64(length)
	}
	if i < 0 || i >= int64(length) {
		panic(raise("IndexError", "%s index out of range", typeName(v)))
	}
	return int(i)
}

// runes returns the code points of a text, of which Python's strings are sequences.
func runes(s string) []rune {
	if !utf8.ValidString(s) {
		panic(unknown("a part of text that is not UTF-8"))
	}
	return []rune(s)
}

// itemOf is v[index].
func itemOf(v, index any) any {
	switch v := v.(type) {
	case *object:
		return v.item(index)
	case string:
		r := runes(v)
		return string(r[position(v, index, len(r))])
	case list:
		return v[position(v, index, len(v))]
	case tuple:
		return v[position(v, index, len(v))]
	}
	panic(unknown("a part of a %s", typeName(v)))
}

// sliceOf is v[from:to], where nil stands for an end.
func sliceOf(v, from, to any) any {
	limits := func(length int) (int, int) {
		at := [2]int64{0, int64(length)}
		for i, bound := range []any{from, to} {
			if bound == nil {
				continue
			}
			n, ok := number(bound).(int64)
			if !ok {
				panic(raise("TypeError", "slice indices must be integers or None"))
			}
			if n < 0 {
				n += int64(length)
			}
			at[i] = min(max(n, 0), int64(length))
		}
		return int(at[0]), int(max(at[0], at[1]))
	}
	switch v := v.(type) {
	case string:
		r := runes(v)
		i, j := limits(len(r))
		return string(r[i:j])
	case list:
		i, j := limits(len(v))
		return v[i:j:j]
	case tuple:
		i, j := limits(len(v))
		return v[i:j:j]
	}
	panic(unknown("a slice of a %s", typeName(v)))
}
