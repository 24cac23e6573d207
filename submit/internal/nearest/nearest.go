// Package nearest finds the name that somebody probably meant.
package nearest

import "strings"

// Name returns the candidate that is closest to name, or "" when none is close:
// more than a third of the letters would have to change, and it is not the only one
// of which name is an abbreviation. Case does not count.
func Name(name string, candidates []string) string {
	best, most := "", max((len([]rune(name))+1)/3, 1)
	var longer []string
	for _, candidate := range candidates {
		short, long := []rune(strings.ToLower(name)), []rune(strings.ToLower(candidate))
		if d := distance(short, long); d <= most {
			best, most = candidate, d-1
		}
		if abbreviates(short, long) {
			longer = append(longer, candidate)
		}
	}
	if best == "" && len(longer) == 1 {
		return longer[0]
	}
	return best
}

// abbreviates reports whether long has the letters of short in their order, the first of them first.
func abbreviates(short, long []rune) bool {
	if len(short) < 3 || len(long) == 0 || short[0] != long[0] {
		return false
	}
	for _, r := range long {
		if len(short) > 0 && r == short[0] {
			short = short[1:]
		}
	}
	return len(short) == 0
}

// Hint is "; did you mean …?" for the nearest candidate, or "" when there is none.
func Hint(name string, candidates []string) string {
	if best := Name(name, candidates); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}

// distance counts the letters to insert, delete, change or swap with their
// neighbour (optimal string alignment).
func distance(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
