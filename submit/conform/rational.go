package conform

import (
	"math"
	"math/big"
)

// Rational is an exact number of frames, of seconds, or of frames a second. The zero value is 0.
type Rational struct{ r *big.Rat }

// maxBits bounds the denominators of sums, which a hostile edit could make grow with each clip.
const maxBits = 512

// Frac returns num/den; den must not be 0.
func Frac(num, den int64) Rational { return Rational{big.NewRat(num, den)} }

// Float returns x to a millionth, as far as a float written as decimals can be believed. What lies beyond
// 1e12, or is no number, becomes ±1e12, which no media has.
func Float(x float64) Rational {
	const unit, most = 1_000_000, 1e12
	if !(math.Abs(x) <= most) {
		x = math.Copysign(most, x)
	}
	return Frac(int64(math.Round(x*unit)), unit)
}

// Rate returns the exact rate behind a nominal one: 23.976, 23.98, 29.97 and 59.94 are 24, 30 and 60 by
// 1.001.
func Rate(x float64) Rational {
	if up := math.Ceil(x); x != up && x > 0 && x < 1000 && math.Abs(x-up*1000/1001) < 0.005 {
		return Frac(int64(up)*1000, 1001)
	}
	return Float(x)
}

func (a Rational) rat() *big.Rat {
	if a.r == nil {
		return new(big.Rat)
	}
	return a.r
}

// bounded rounds what has too large a denominator to be the time of an edit.
func bounded(r *big.Rat) Rational {
	if r.Denom().BitLen() > maxBits {
		f, _ := r.Float64()
		return Float(f)
	}
	return Rational{r}
}

func (a Rational) add(b Rational) Rational { return bounded(new(big.Rat).Add(a.rat(), b.rat())) }
func (a Rational) sub(b Rational) Rational { return bounded(new(big.Rat).Sub(a.rat(), b.rat())) }
func (a Rational) mul(b Rational) Rational { return bounded(new(big.Rat).Mul(a.rat(), b.rat())) }
func (a Rational) abs() Rational           { return Rational{new(big.Rat).Abs(a.rat())} }
func (a Rational) sign() int               { return a.rat().Sign() }
func (a Rational) cmp(b Rational) int      { return a.rat().Cmp(b.rat()) }
func (a Rational) less(b Rational) bool    { return a.cmp(b) < 0 }

// div returns 0 for a division by 0.
func (a Rational) div(b Rational) Rational {
	if b.sign() == 0 {
		return Rational{}
	}
	return bounded(new(big.Rat).Quo(a.rat(), b.rat()))
}

// Equal reports whether a and b are the same number.
func (a Rational) Equal(b Rational) bool { return a.cmp(b) == 0 }

// Float64 returns the nearest float.
func (a Rational) Float64() float64 { f, _ := a.rat().Float64(); return f }

// String returns the number with as many decimals as it needs, at most three.
func (a Rational) String() string { return trimZeros(a.rat().FloatString(3)) }

func trimZeros(s string) string {
	for i := len(s) - 1; i > 0 && s[i] == '0'; i-- {
		s = s[:i]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

func minOf(a, b Rational) Rational {
	if b.less(a) {
		return b
	}
	return a
}

func maxOf(a, b Rational) Rational {
	if a.less(b) {
		return b
	}
	return a
}

func frames(n int64) Rational { return Frac(n, 1) }

// grain is the part of a frame that does not count: editing systems round their seconds and speeds.
func grain() Rational { return Frac(1, 10_000) }

// floor returns the frame that begins at or before a; ceil the one that begins at or after it. Both need |a|
// < 2^62.
func (a Rational) floor() int64 {
	x := a.add(grain()).rat()
	return new(big.Int).Div(x.Num(), x.Denom()).Int64() // Euclidean: rounds down, since denominators are positive
}

func (a Rational) ceil() int64 { return -Rational{new(big.Rat).Neg(a.rat())}.floor() }

// snap returns the whole number that a is within tolerance of, else a.
func (a Rational) snap(tolerance Rational) Rational {
	n := frames(a.add(Frac(1, 2)).floor())
	if a.sub(n).abs().cmp(tolerance) <= 0 {
		return n
	}
	return a
}
