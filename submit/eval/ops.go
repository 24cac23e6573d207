package eval

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Values are nil, bool, int64, float64, string, pyPath, *object, *function and *sequence. Nothing changes
// them, and no float is infinite or NaN.

// sequence is a list, tuple or set of Python; a set keeps doubles, because only "in" looks into it.
type sequence struct {
	kind  string
	items []any
}

// function is what an expression can call.
type function struct {
	name string
	call func(*args) any
}

// typeName returns Python's name for the type of a value.
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
	case *sequence:
		return v.kind
	case pyPath:
		return "Path"
	case *object:
		return v.path
	}
	return "function"
}

func truth(v any) bool {
	switch v {
	case nil, false, "", int64(0), 0.0:
		return false
	}
	s, ok := v.(*sequence)
	return !ok || len(s.items) > 0
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
	order := order(x, y)
	return order < 0 && op[0] == '<' || order > 0 && op[0] == '>' || order == 0 && len(op) == 2
}

// order returns a number below, equal to or above 0.
func order(x, y any) int {
	m, n := number(x), number(y)
	a, aIsInt := m.(int64)
	b, bIsInt := n.(int64)
	switch {
	case aIsInt && bIsInt:
		return cmp.Compare(a, b)
	case m != nil && n != nil:
		return cmp.Compare(toFloat(m), toFloat(n))
	}
	s, xIsText := x.(string)
	t, yIsText := y.(string)
	if !xIsText || !yIsText || !utf8.ValidString(s+t) {
		panic(unknown("the order of %s and %s", typeName(x), typeName(y)))
	}
	return cmp.Compare(s, t)
}

// equal is ==. Values of other types are not equal.
func (e *Evaluator) equal(x, y any) bool {
	e.room(16)
	if number(x) != nil && number(y) != nil {
		return order(x, y) == 0
	}
	switch a := x.(type) {
	case nil, bool, int64, float64, string:
		return x == y
	case pyPath:
		b, ok := y.(pyPath)
		if ok && a.windows && a.String() != b.String() { // Windows ignores the case of letters
			panic(unknown("whether %s is %s", a, b))
		}
		return ok && a.String() == b.String()
	}
	if y != nil {
		panic(unknown("whether %s is equal to another", typeName(x)))
	}
	return false
}

// contains is "x in of".
func (e *Evaluator) contains(of, x any) bool {
	switch of := of.(type) {
	case string:
		if part, ok := x.(string); ok {
			return strings.Contains(of, part)
		}
	case *sequence:
		if _, nested := x.(*sequence); !nested {
			return slices.ContainsFunc(of.items, func(item any) bool { return e.equal(item, x) })
		}
	}
	panic(unknown("whether a %s is in %s", typeName(x), typeName(of)))
}

// operate evaluates two operands and their operator.
func (e *Evaluator) operate(op string, x, y any) any {
	m, n := number(x), number(y)
	if m != nil && n != nil {
		return arithmetic(op, m, n)
	}
	s, xIsText := x.(string)
	t, yIsText := y.(string)
	switch {
	case op == "/" && (isPath(x) || isPath(y)):
		return e.newPath(x, y)
	case op == "+" && xIsText && yIsText:
		return s + t
	case xIsText && op == "%", op == "*" && (xIsText || yIsText):
		panic(unknown("a text %s a value", op))
	}
	for _, v := range []any{x, y} {
		switch v.(type) {
		case *object, *sequence:
			panic(unknown("%s %s %s", typeName(x), op, typeName(y)))
		}
	}
	panic(raise("TypeError", "unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(x), typeName(y)))
}

func isPath(v any) bool { _, ok := v.(pyPath); return ok }

func signed(sign string, v any) any {
	n := number(v)
	if n == nil {
		panic(raise("TypeError", "bad operand type for unary %s: '%s'", sign, typeName(v)))
	} else if sign == "+" {
		return n
	} else if f, ok := n.(float64); ok {
		return -f
	}
	return arithmetic("-", int64(0), n)
}

// errBig is for whole numbers that Python has and this package does not.
func errBig() failure { return unknown("a whole number beyond 64 bits") }

func arithmetic(op string, x, y any) any {
	a, aIsInt := x.(int64)
	b, bIsInt := y.(int64)
	if strings.Contains("// %", op) && (y == int64(0) || y == 0.0) {
		panic(raise("ZeroDivisionError", "division by zero"))
	}
	if !aIsInt || !bIsInt || op == "/" {
		return floats(op, toFloat(x), toFloat(y))
	}
	if a == math.MinInt64 || math.Abs(basic(op, float64(a), float64(b))) > 1<<62 {
		panic(errBig())
	}
	if op != "//" && op != "%" {
		return basic(op, a, b)
	}
	quotient, rest := a/b, a%b // to zero, where Python rounds down
	if rest != 0 && (rest < 0) != (b < 0) {
		quotient--
		rest += b
	}
	if op == "%" {
		return rest
	}
	return quotient
}

func floats(op string, a, b float64) float64 {
	if op == "//" || op == "%" {
		panic(unknown("%s of floats", op))
	}
	f := basic(op, a, b)
	if math.IsInf(f, 0) || math.IsNaN(f) {
		panic(unknown("a number beyond all floats"))
	}
	return f
}

func basic[N int64 | float64](op string, a, b N) N {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	return a / b
}
