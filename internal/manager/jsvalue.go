package manager

import (
	"math"
	"path"
	"strconv"
	"strings"
)

// Settings reach the real Manager's job types as JavaScript values; these are the few conversions that show.

func jsTruthy(value any) bool {
	return value != nil && value != false && value != "" && value != 0.0
}

// jsArgument is a value given to a function that takes a string.
func jsArgument(value any) string {
	switch v := value.(type) {
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	}
	return ""
}

// jsInt is a value given to a function that takes a whole number.
func jsInt(value any) int {
	number := jsNumber(value)
	if math.IsNaN(number) || math.IsInf(number, 0) || math.Abs(number) > math.MaxInt32 {
		return 0
	}
	return int(number)
}

func jsNumber(value any) float64 {
	switch v := value.(type) {
	case float64:
		return v
	case string:
		text := strings.TrimSpace(v)
		if text == "" {
			return 0
		}
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return math.NaN()
		}
		return number
	}
	return 0
}

// maxRepeats bounds what one small job can make of this machine's memory. The real Manager has no bound.
const maxRepeats = 100_000

// jsRepeats is how often a loop from 0 runs that goes on while its counter is less than value.
func jsRepeats(value any) int {
	number := jsNumber(value)
	if math.IsNaN(number) || number <= 0 {
		return 0
	}
	return int(math.Ceil(min(number, maxRepeats)))
}

// Paths of other systems than this one's: both slashes separate.

func toSlash(p string) string { return strings.ReplaceAll(p, `\`, "/") }

func slashBase(p string) string { return path.Base(toSlash(p)) }

// slashDir keeps a leading double slash, which network paths have.
func slashDir(p string) string {
	dir, _ := path.Split(toSlash(p))
	switch {
	case dir == "":
		return "."
	case len(dir) > 1:
		return dir[:len(dir)-1]
	}
	return dir
}
