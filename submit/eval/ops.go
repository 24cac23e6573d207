package eval

import (
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
