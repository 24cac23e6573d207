package eval

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"

	"go.starlark.net/starlark"
)

// reprFloat writes a float as Python's repr does: the shortest text that reads
// back, with an exponent below 1e-4 and from 1e16 on.
func reprFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// parseInt reads an int as Python's int(text, base) does, and with base 0 as its
// source does. Underscores and the space around must be gone.
func parseInt(s string, base int) (*big.Int, error) {
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || strings.HasPrefix(digits, "_") {
		return nil, errNotInt
	}
	if len(digits) > maxBits/3 {
		return nil, &limitError{what: "memory", detail: errors.New("a number has too many digits")}
	}
	prefix := ""
	if len(digits) > 1 && digits[0] == '0' {
		prefix = strings.ToLower(digits[:2])
	}
	implied := map[string]int{"0x": 16, "0o": 8, "0b": 2}[prefix]
	switch {
	case base == 0 && implied == 0:
		base = 10
	case implied != 0 && (base == 0 || base == implied):
		base, digits = implied, strings.TrimPrefix(digits[2:], "_")
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok || strings.ContainsAny(digits, "+-_") {
		return nil, errNotInt
	}
	if s[0] == '-' {
		n.Neg(n)
	}
	return n, nil
}

var errNotInt = errors.New("not an integer")

// asciiDigits replaces the decimal digits of other scripts, which int and float
// read too.
func asciiDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 || !unicode.Is(unicode.Nd, r) {
			return r
		}
		zero := r
		for unicode.Is(unicode.Nd, zero-1) && r-zero < 9 {
			zero--
		}
		return '0' + (r - zero)
	}, s)
}

// stripUnderscores removes single underscores between digits; false when one is elsewhere.
func stripUnderscores(s string) (string, bool) {
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i == len(s)-1 || s[i-1] == '_' || !isHexOrMore(s[i-1]) || !isHexOrMore(s[i+1])) {
			return "", false
		}
	}
	return strings.ReplaceAll(s, "_", ""), true
}

func isHexOrMore(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// toInt is int(x) and int(x, base).
func (m *machine) toInt(x starlark.Value, base int) (starlark.Value, error) {
	if s, ok := x.(starlark.String); ok {
		if err := m.charge(len(s)); err != nil {
			return nil, err
		}
		text, ok := stripUnderscores(asciiDigits(trimSpace(string(s))))
		n, err := parseInt(text, base)
		if l, limited := errors.AsType[*limitError](err); limited {
			return nil, l
		}
		if !ok || err != nil || base == 0 && len(text) > 1 && text[0] == '0' && strings.Trim(text, "0") != "" && n != nil && isDecimal(text) {
			return nil, raise("ValueError", "invalid literal for int() with base %d: %s", base, reprString(string(s)))
		}
		return starlark.MakeBigInt(n), nil
	}
	n, ok := number(x)
	if !ok {
		return nil, raise("TypeError", "int() argument must be a string, a bytes-like object or a real number, not '%s'", typeName(x))
	}
	if f, ok := n.(starlark.Float); ok {
		return truncate(float64(f))
	}
	return n, nil
}

func isDecimal(s string) bool { return strings.Trim(s, "0123456789") == "" }

func truncate(f float64) (starlark.Value, error) {
	if math.IsNaN(f) {
		return nil, raise("ValueError", "cannot convert float NaN to integer")
	}
	if math.IsInf(f, 0) {
		return nil, raise("OverflowError", "cannot convert float infinity to integer")
	}
	n, _ := new(big.Float).SetFloat64(f).Int(nil)
	return starlark.MakeBigInt(n), nil
}

// toFloatValue is float(x).
func (m *machine) toFloatValue(x starlark.Value) (starlark.Value, error) {
	if s, ok := x.(starlark.String); ok {
		if err := m.charge(len(s)); err != nil {
			return nil, err
		}
		text, ok := stripUnderscores(asciiDigits(trimSpace(string(s))))
		f, err := strconv.ParseFloat(text, 64)
		var bad *strconv.NumError
		outOfRange := errors.As(err, &bad) && errors.Is(bad.Err, strconv.ErrRange)
		// Go reads hexadecimal floats, Python's float does not.
		if !ok || err != nil && !outOfRange || strings.ContainsAny(text, "xXpP") {
			return nil, raise("ValueError", "could not convert string to float: %s", reprString(string(s)))
		}
		return starlark.Float(f), nil
	}
	n, ok := number(x)
	if !ok {
		return nil, raise("TypeError", "float() argument must be a string or a real number, not '%s'", typeName(x))
	}
	f, err := toFloat(n)
	return starlark.Float(f), err
}

// round is round(x) and round(x, digits): to the nearest, halves to even, and for
// floats by their exact value.
func round(x starlark.Value, digits starlark.Value) (starlark.Value, error) {
	n, ok := number(x)
	if !ok {
		return nil, raise("TypeError", "type %s doesn't define __round__ method", typeName(x))
	}
	places, hasPlaces := 0, digits != starlark.None
	if hasPlaces {
		d, ok := number(digits)
		if !ok {
			return nil, notInteger(digits)
		}
		i, ok := d.(starlark.Int)
		if !ok {
			return nil, notInteger(digits)
		}
		// Beyond a thousand places either way nothing changes any more.
		if p, ok := i.Int64(); ok {
			places = int(max(min(p, 1000), -10000))
		} else {
			places = 10000 * i.Sign()
		}
	}
	if i, ok := n.(starlark.Int); ok {
		if places >= 0 {
			return i, nil
		}
		return roundInt(i.BigInt(), -places), nil
	}
	f := float64(n.(starlark.Float))
	if !hasPlaces {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return truncate(f)
		}
		return truncate(math.RoundToEven(f))
	}
	if math.IsNaN(f) || math.IsInf(f, 0) || places > 323 {
		return starlark.Float(f), nil
	}
	if places >= 0 {
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', places, 64), 64)
		return starlark.Float(rounded), nil
	}
	if places < -308 {
		return starlark.Float(math.Copysign(0, f)), nil
	}
	return starlark.Float(roundTens(f, -places)), nil
}

// roundTens rounds a float to a multiple of ten to the power of tens.
func roundTens(f float64, tens int) float64 {
	exact, _ := new(big.Float).SetPrec(2000).SetFloat64(f).Rat(nil)
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(tens)), nil)
	exact.Quo(exact, new(big.Rat).SetInt(unit))
	whole, rest := floorDivide(exact.Num(), exact.Denom())
	half := new(big.Int).Lsh(rest, 1).Cmp(exact.Denom())
	if half > 0 || half == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, big.NewInt(1))
	}
	result, _ := new(big.Rat).SetInt(whole.Mul(whole, unit)).Float64()
	return math.Copysign(result, f)
}

func roundInt(n *big.Int, tens int) starlark.Value {
	if tens > maxBits {
		return starlark.MakeInt(0)
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(tens)), nil)
	whole, rest := floorDivide(n, unit)
	half := new(big.Int).Lsh(rest, 1).Cmp(unit)
	if half > 0 || half == 0 && whole.Bit(0) == 1 {
		whole.Add(whole, big.NewInt(1))
	}
	return starlark.MakeBigInt(whole.Mul(whole, unit))
}

func notInteger(v starlark.Value) error {
	return raise("TypeError", "'%s' object cannot be interpreted as an integer", typeName(v))
}

// toIndex reads a small int, clamped to what any sequence can have.
func toIndex(v starlark.Value) (int, error) {
	n, _ := number(v)
	i, ok := n.(starlark.Int)
	if !ok {
		return 0, notInteger(v)
	}
	const far = 1 << 30
	n64, ok := i.Int64()
	if !ok {
		n64 = int64(far * i.Sign())
	}
	return int(max(min(n64, far), -far)), nil
}
