// Package ranges reads and writes sets of frame numbers as Flamenco's job types have them: 1-3,7.
package ranges

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// most bounds what a range such as 1-999999999 can make of memory: the last frame of Blender.
const most = 1_048_574

// Parse lists the numbers of a range such as "1-10, 20..25,40", in order and each once.
func Parse(text string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "..", "-"), ",") {
		part = strings.TrimSpace(part)
		first, last, isRange := strings.Cut(part, "-")
		if !isRange || first == "" { // "-5" is one frame
			first, last = part, part
		}
		from, err1 := strconv.Atoi(strings.TrimSpace(first))
		to, err2 := strconv.Atoi(strings.TrimSpace(last))
		if err1 != nil || err2 != nil || from < -most || to > most {
			return nil, fmt.Errorf("%.60q is no frame range such as 1-10,20", text)
		}
		if to-from >= most-len(all) {
			return nil, fmt.Errorf("the frame range %.60q has more than %d frames", text, most)
		}
		for n := from; n <= to; n++ {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Format writes numbers, in any order, as a range. It sorts them.
func Format(numbers []int) string {
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	var parts []string
	for i := 0; i < len(numbers); {
		first := i
		for i++; i < len(numbers) && numbers[i] == numbers[i-1]+1; i++ {
		}
		part := strconv.Itoa(numbers[first])
		if i-first > 1 {
			part += "-" + strconv.Itoa(numbers[i-1])
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}
