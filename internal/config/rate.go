package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseRate reads bytes a second: a number with k, M, G or T for powers of 1000 or Ki, Mi, Gi, Ti for
// powers of 1024, with or without B and "/s". Empty is 0: no limit.
func ParseRate(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(text), "/s"), "B")
	factor := 1.0
	for i, unit := range []string{"k", "m", "g", "t"} {
		if rest, ok := cutSuffixFold(number, unit+"i"); ok {
			number, factor = rest, math.Pow(1024, float64(i+1))
			break
		}
		if rest, ok := cutSuffixFold(number, unit); ok {
			number, factor = rest, math.Pow(1000, float64(i+1))
			break
		}
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	rate := value * factor
	if err != nil || !(rate >= 1 && rate < math.MaxInt64) {
		return 0, fmt.Errorf("%q is no rate in bytes a second, such as 20MiB or 500k", text)
	}
	return int64(rate), nil
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if len(s) < len(suffix) || !strings.EqualFold(s[len(s)-len(suffix):], suffix) {
		return s, false
	}
	return s[:len(s)-len(suffix)], true
}
