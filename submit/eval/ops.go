package eval

import (
	"errors"
	"math"
	"math/big"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// maxBits bounds integers. The largest that Python turns into text by default has
// 4,300 digits, which is about as many.
const maxBits = 1 << 14

// number turns what Python takes for a number (bool is an int) into an Int or a Float.
func number(v starlark.Value) (starlark.Value, bool) {
	switch v := v.(type) {
	case starlark.Bool:
		if v {
			return starlark.MakeInt(1), true
		}
		return starlark.MakeInt(0), true
	case starlark.Int, starlark.Float:
		return v, true
	}
	return nil, false
}

// toFloat converts an Int or a Float.
func toFloat(v starlark.Value) (float64, error) {
	if i, ok := v.(starlark.Int); ok {
		f, _ := new(big.Float).SetInt(i.BigInt()).Float64()
		if math.IsInf(f, 0) {
			return 0, raise("OverflowError", "int too large to convert to float")
		}
		return f, nil
	}
	return float64(v.(starlark.Float)), nil
}

func badOperands(op string, x, y starlark.Value) error {
	return raise("TypeError", "unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(x), typeName(y))
}

// binary is every operator with two operands but comparisons.
func (m *machine) binary(op string, x, y starlark.Value) (starlark.Value, error) {
	if n, ok := x.(*namespace); ok {
		return nil, &UnknownError{Name: n.path + " as a value"}
	}
	if n, ok := y.(*namespace); ok {
		return nil, &UnknownError{Name: n.path + " as a value"}
	}
	xb, xIsBool := x.(starlark.Bool)
	yb, yIsBool := y.(starlark.Bool)
	if xIsBool && yIsBool {
		switch op {
		case "&":
			return xb && yb, nil
		case "|":
			return xb || yb, nil
		case "^":
			return starlark.Bool(xb != yb), nil
		}
	}
	xn, xIsNumber := number(x)
	yn, yIsNumber := number(y)
	if xIsNumber && yIsNumber {
		xi, xIsInt := xn.(starlark.Int)
		yi, yIsInt := yn.(starlark.Int)
		if xIsInt && yIsInt {
			return m.intBinary(op, xi, yi)
		}
		return floatBinary(op, xn, yn)
	}
	switch op {
	case "+":
		return m.concat(x, y)
	case "*":
		if n, ok := yn.(starlark.Int); ok {
			return m.repeat(x, n, y)
		}
		if n, ok := xn.(starlark.Int); ok {
			return m.repeat(y, n, x)
		}
	case "%":
		if s, ok := x.(starlark.String); ok {
			return m.percent(string(s), y)
		}
	case "/":
		return joinPaths(x, y)
	case "|", "&", "^", "-":
		return m.collections(op, x, y)
	}
	return nil, badOperands(op, x, y)
}

// collections are the operators of dict and set, which Starlark has like Python.
func (m *machine) collections(op string, x, y starlark.Value) (starlark.Value, error) {
	token := map[string]syntax.Token{"|": syntax.PIPE, "&": syntax.AMP, "^": syntax.CIRCUMFLEX, "-": syntax.MINUS}[op]
	switch x.(type) {
	case *starlark.Dict, *starlark.Set:
		if err := m.charge(16 * (max(starlark.Len(x), 0) + max(starlark.Len(y), 0))); err != nil {
			return nil, err
		}
		if z, err := starlark.Binary(token, x, y); err == nil {
			return z, nil
		}
	}
	return nil, badOperands(op, x, y)
}

func (m *machine) concat(x, y starlark.Value) (starlark.Value, error) {
	switch a := x.(type) {
	case starlark.String:
		if b, ok := y.(starlark.String); ok {
			if err := m.charge(len(a) + len(b)); err != nil {
				return nil, err
			}
			return a + b, nil
		}
	case *starlark.List:
		if b, ok := y.(*starlark.List); ok {
			items, err := m.elements(a, b)
			return starlark.NewList(items), err
		}
	case starlark.Tuple:
		if b, ok := y.(starlark.Tuple); ok {
			items, err := m.elements(a, b)
			return starlark.Tuple(items), err
		}
	}
	return nil, badOperands("+", x, y)
}

// repeat is sequence * count.
func (m *machine) repeat(x starlark.Value, count starlark.Int, y starlark.Value) (starlark.Value, error) {
	size := 0
	switch v := x.(type) {
	case starlark.String:
		size = len(v)
	case *starlark.List:
		size = 16 * v.Len()
	case starlark.Tuple:
		size = 16 * len(v)
	default:
		return nil, badOperands("*", x, y)
	}
	n, ok := count.Int64()
	if count.Sign() <= 0 || size == 0 {
		n, ok = 0, true
	}
	if !ok || n > int64(m.limits.Bytes/max(size, 1)) {
		return nil, m.charge(-1)
	}
	if err := m.charge(size * int(n)); err != nil {
		return nil, err
	}
	if size == 0 {
		n = 0
	}
	return starlark.Binary(syntax.STAR, x, starlark.MakeInt64(n))
}

func (m *machine) intBinary(op string, x, y starlark.Int) (starlark.Value, error) {
	a, b := x.BigInt(), y.BigInt()
	if err := m.charge(8 + (a.BitLen()+b.BitLen())/8); err != nil {
		return nil, err
	}
	bits := 0 // of the result
	switch op {
	case "+", "-":
		bits = max(a.BitLen(), b.BitLen()) + 1
	case "*":
		bits = a.BitLen() + b.BitLen()
	case "<<", ">>":
		if b.Sign() < 0 {
			return nil, raise("ValueError", "negative shift count")
		}
		if !b.IsInt64() || b.Int64() > maxBits {
			if op == ">>" {
				return starlark.MakeBigInt(new(big.Int).Rsh(a, uint(maxBits))), nil
			}
			b = big.NewInt(maxBits + 1)
		}
		if op == "<<" && a.Sign() != 0 {
			bits = a.BitLen() + int(b.Int64())
		}
	case "**":
		return m.intPower(a, b)
	}
	if bits > maxBits {
		return nil, m.charge(-1)
	}
	z := new(big.Int)
	switch op {
	case "+":
		z.Add(a, b)
	case "-":
		z.Sub(a, b)
	case "*":
		z.Mul(a, b)
	case "&":
		z.And(a, b)
	case "|":
		z.Or(a, b)
	case "^":
		z.Xor(a, b)
	case "<<":
		z.Lsh(a, uint(b.Int64()))
	case ">>":
		z.Rsh(a, uint(b.Int64()))
	case "/", "//", "%":
		if b.Sign() == 0 {
			return nil, zeroDivision(op, false)
		}
		if op == "/" {
			// Correctly rounded, also when neither fits into a float.
			f, _ := new(big.Rat).SetFrac(a, b).Float64()
			if math.IsInf(f, 0) {
				return nil, raise("OverflowError", "integer division result too large for a float")
			}
			return starlark.Float(f), nil
		}
		quotient, remainder := floorDivide(a, b)
		if op == "%" {
			quotient = remainder
		}
		z = quotient
	default:
		return nil, badOperands(op, x, y)
	}
	return starlark.MakeBigInt(z), nil
}

func zeroDivision(op string, float bool) error {
	switch {
	case float && op == "/":
		return raise("ZeroDivisionError", "float division by zero")
	case float && op == "%":
		return raise("ZeroDivisionError", "float modulo")
	case float:
		return raise("ZeroDivisionError", "float floor division by zero")
	case op == "/":
		return raise("ZeroDivisionError", "division by zero")
	}
	return raise("ZeroDivisionError", "integer division or modulo by zero")
}

// floorDivide rounds to minus infinity, as Python does.
func floorDivide(a, b *big.Int) (quotient, remainder *big.Int) {
	quotient, remainder = new(big.Int).QuoRem(a, b, new(big.Int))
	if remainder.Sign() != 0 && (remainder.Sign() < 0) != (b.Sign() < 0) {
		quotient.Sub(quotient, big.NewInt(1))
		remainder.Add(remainder, b)
	}
	return quotient, remainder
}

func (m *machine) intPower(a, b *big.Int) (starlark.Value, error) {
	if b.Sign() < 0 {
		return floatBinary("**", starlark.MakeBigInt(a), starlark.MakeBigInt(b))
	}
	if a.BitLen() > 1 && (!b.IsInt64() || b.Int64() > maxBits || int64(a.BitLen()-1)*b.Int64() > maxBits) {
		return nil, m.charge(-1)
	}
	if a.BitLen() <= 1 { // 0, 1 or -1 to any power
		b = new(big.Int).Add(new(big.Int).And(b, big.NewInt(1)), big.NewInt(int64(2*min(b.Sign(), 1))))
	}
	return starlark.MakeBigInt(new(big.Int).Exp(a, b, nil)), nil
}

func floatBinary(op string, xv, yv starlark.Value) (starlark.Value, error) {
	x, err := toFloat(xv)
	if err != nil {
		return nil, err
	}
	y, err := toFloat(yv)
	if err != nil {
		return nil, err
	}
	switch op {
	case "+":
		return starlark.Float(x + y), nil
	case "-":
		return starlark.Float(x - y), nil
	case "*":
		return starlark.Float(x * y), nil
	case "/", "//", "%":
		if y == 0 {
			return nil, zeroDivision(op, true)
		}
		if op == "/" {
			return starlark.Float(x / y), nil
		}
		quotient, remainder := floatDivmod(x, y)
		if op == "%" {
			return starlark.Float(remainder), nil
		}
		return starlark.Float(quotient), nil
	case "**":
		return floatPower(x, y)
	}
	return nil, badOperands(op, xv, yv)
}

// floatDivmod follows CPython: the remainder is exact and has the sign of y.
func floatDivmod(x, y float64) (quotient, remainder float64) {
	remainder = math.Mod(x, y)
	div := (x - remainder) / y
	switch {
	case remainder == 0:
		remainder = math.Copysign(0, y)
	case (y < 0) != (remainder < 0):
		remainder += y
		div--
	}
	if div == 0 {
		return math.Copysign(0, x/y), remainder
	}
	quotient = math.Floor(div)
	if div-quotient > 0.5 {
		quotient++
	}
	return quotient, remainder
}

func floatPower(x, y float64) (starlark.Value, error) {
	if x == 0 && y < 0 {
		return nil, raise("ZeroDivisionError", "0.0 cannot be raised to a negative power")
	}
	if x < 0 && !math.IsInf(x, 0) && !math.IsInf(y, 0) && y != math.Floor(y) {
		return nil, &UnknownError{Name: "a complex number"}
	}
	z := math.Pow(x, y)
	if math.IsInf(z, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0) {
		return nil, raise("OverflowError", "(34, 'Numerical result out of range')")
	}
	return starlark.Float(z), nil
}

func (m *machine) unary(op string, x starlark.Value) (starlark.Value, error) {
	n, ok := number(x)
	if !ok {
		if ns, isNamespace := x.(*namespace); isNamespace {
			return nil, &UnknownError{Name: ns.path + " as a value"}
		}
		return nil, raise("TypeError", "bad operand type for unary %s: '%s'", op, typeName(x))
	}
	switch v := n.(type) {
	case starlark.Int:
		switch op {
		case "-":
			return starlark.MakeBigInt(new(big.Int).Neg(v.BigInt())), nil
		case "~":
			return starlark.MakeBigInt(new(big.Int).Not(v.BigInt())), nil
		}
		return v, nil
	case starlark.Float:
		switch op {
		case "-":
			return -v, nil
		case "+":
			return v, nil
		}
	}
	return nil, raise("TypeError", "bad operand type for unary %s: '%s'", op, typeName(x))
}

func (m *machine) compare(op string, x, y starlark.Value) (starlark.Value, error) {
	switch op {
	case "==", "!=":
		same, err := m.equal(x, y, 0)
		return starlark.Bool(same == (op == "==")), err
	case "is", "is not":
		same, err := m.equal(x, y, 0)
		same = same && x.Type() == y.Type()
		return starlark.Bool(same == (op == "is")), err
	case "in", "not in":
		found, err := m.contains(y, x)
		return starlark.Bool(found == (op == "in")), err
	}
	order, err := m.order(x, y, op, 0)
	if err != nil {
		return nil, err
	}
	switch op {
	case "<":
		return starlark.Bool(order == -1), nil
	case "<=":
		return starlark.Bool(order == -1 || order == 0), nil
	case ">":
		return starlark.Bool(order == 1), nil
	default:
		return starlark.Bool(order == 1 || order == 0), nil
	}
}

// equal is Python's ==, in which True is 1 and a value of another type is just not equal.
func (m *machine) equal(x, y starlark.Value, depth int) (bool, error) {
	if depth > maxNesting {
		return false, errTooDeep
	}
	if err := m.charge(8); err != nil {
		return false, err
	}
	if n, ok := number(x); ok {
		x = n
	}
	if n, ok := number(y); ok {
		y = n
	}
	switch a := x.(type) {
	case starlark.Float:
		if a != a {
			return false, nil // Starlark has NaN equal to itself
		}
	case starlark.String:
		if err := m.charge(len(a)); err != nil {
			return false, err
		}
	case *starlark.List:
		b, ok := y.(*starlark.List)
		if !ok {
			return false, nil
		}
		return m.equalSequences(a, b, depth)
	case starlark.Tuple:
		b, ok := y.(starlark.Tuple)
		if !ok {
			return false, nil
		}
		return m.equalSequences(a, b, depth)
	case *starlark.Dict:
		b, ok := y.(*starlark.Dict)
		if !ok {
			return false, nil
		}
		return m.equalDicts(a, b, depth)
	case *starlark.Set:
		b, ok := y.(*starlark.Set)
		if !ok || a.Len() != b.Len() {
			return false, nil
		}
		for e := range starlark.Elements(a) {
			if found, err := m.contains(b, e); !found || err != nil {
				return false, err
			}
		}
		return true, nil
	case pyPath:
		b, ok := y.(pyPath)
		return ok && a.text() == b.text(), nil
	case *namespace:
		b, ok := y.(*namespace)
		return ok && a.path == b.path, nil
	}
	same, err := starlark.EqualDepth(x, y, maxNesting)
	if err != nil {
		return false, errTooDeep
	}
	return same, nil
}

func (m *machine) equalSequences(x, y starlark.Indexable, depth int) (bool, error) {
	if x.Len() != y.Len() {
		return false, nil
	}
	for i := range x.Len() {
		if same, err := m.equal(x.Index(i), y.Index(i), depth+1); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (m *machine) equalDicts(x, y *starlark.Dict, depth int) (bool, error) {
	if x.Len() != y.Len() {
		return false, nil
	}
	for _, item := range x.Items() {
		if err := m.chargeKey(item[0], 0); err != nil {
			return false, err
		}
		other, found, err := y.Get(item[0])
		if !found || err != nil {
			return false, hashError(err)
		}
		if same, err := m.equal(item[1], other, depth+1); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// chargeKey counts the work of hashing a key, which for nested tuples is more
// than their size.
func (m *machine) chargeKey(key starlark.Value, depth int) error {
	if depth > maxNesting {
		return errTooDeep
	}
	size := 8
	switch key := key.(type) {
	case starlark.String:
		size += len(key)
	case starlark.Tuple:
		for _, e := range key {
			if err := m.chargeKey(e, depth+1); err != nil {
				return err
			}
		}
	}
	return m.charge(size)
}

// order gives -1, 0 or 1, and 2 when the two are unordered (NaN).
func (m *machine) order(x, y starlark.Value, op string, depth int) (int, error) {
	if depth > maxNesting {
		return 0, errTooDeep
	}
	xn, xIsNumber := number(x)
	yn, yIsNumber := number(y)
	if xIsNumber && yIsNumber {
		for _, v := range []starlark.Value{xn, yn} {
			if f, ok := v.(starlark.Float); ok && f != f {
				return 2, nil
			}
		}
		return starlarkOrder(xn, yn)
	}
	switch a := x.(type) {
	case starlark.String:
		if b, ok := y.(starlark.String); ok {
			if err := m.charge(8 + min(len(a), len(b))); err != nil {
				return 0, err
			}
			return starlarkOrder(a, b) // the order of UTF-8 is the order of code points
		}
	case *starlark.List:
		if b, ok := y.(*starlark.List); ok {
			return m.orderSequences(a, b, op, depth)
		}
	case starlark.Tuple:
		if b, ok := y.(starlark.Tuple); ok {
			return m.orderSequences(a, b, op, depth)
		}
	case pyPath:
		if b, ok := y.(pyPath); ok {
			return m.orderSequences(a.partsTuple(), b.partsTuple(), op, depth)
		}
	}
	return 0, raise("TypeError", "'%s' not supported between instances of '%s' and '%s'", op, typeName(x), typeName(y))
}

func starlarkOrder(x, y starlark.Value) (int, error) {
	if less, err := starlark.Compare(syntax.LT, x, y); err != nil || less {
		return -1, err
	}
	same, err := starlark.Compare(syntax.EQL, x, y)
	if same {
		return 0, err
	}
	return 1, err
}

func (m *machine) orderSequences(x, y starlark.Indexable, op string, depth int) (int, error) {
	for i := range min(x.Len(), y.Len()) {
		same, err := m.equal(x.Index(i), y.Index(i), depth+1)
		if err != nil {
			return 0, err
		}
		if !same {
			return m.order(x.Index(i), y.Index(i), op, depth+1)
		}
	}
	return starlarkOrder(starlark.MakeInt(x.Len()), starlark.MakeInt(y.Len()))
}

// contains is "item in container".
func (m *machine) contains(container, item starlark.Value) (bool, error) {
	switch c := container.(type) {
	case starlark.String:
		s, ok := item.(starlark.String)
		if !ok {
			return false, raise("TypeError", "'in <string>' requires string as left operand, not %s", typeName(item))
		}
		if err := m.charge(len(c)); err != nil {
			return false, err
		}
		return containsString(string(c), string(s)), nil
	case *starlark.Dict:
		if err := m.chargeKey(item, 0); err != nil {
			return false, err
		}
		_, found, err := c.Get(item)
		return found, hashError(err)
	case *starlark.Set:
		if err := m.chargeKey(item, 0); err != nil {
			return false, err
		}
		found, err := c.Has(item)
		return found, hashError(err)
	case *namespace:
		return c.has(item)
	case starlark.Container: // range knows without looking at all of it
		found, err := c.Has(item)
		return found && err == nil, nil
	case starlark.Iterable:
		if err := m.charge(16 * max(starlark.Len(c), 0)); err != nil {
			return false, err
		}
		for e := range starlark.Elements(c) {
			if same, err := m.equal(e, item, 0); same || err != nil {
				return same, err
			}
		}
		return false, nil
	}
	return false, raise("TypeError", "argument of type '%s' is not iterable", typeName(container))
}

func hashError(err error) error {
	if err == nil {
		return nil
	}
	var ours *Exception
	if errors.As(err, &ours) {
		return err
	}
	return raise("TypeError", "%v", err)
}
