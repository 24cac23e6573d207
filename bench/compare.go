package bench

import (
	"fmt"
	"io"
	"strings"
)

// noise is by how much two runs of one program differ on a quiet machine.
const noise = 0.05

// Compare tells which of flsync's times changed between two results by more
// than noise: more than the spread of the samples of either, and at least 5 %.
// It gives the number of those that became slower.
func Compare(w io.Writer, before, after *Results) (slower int) {
	old := map[string]Measured{}
	for _, s := range before.Scenarios {
		for _, m := range s.Contenders {
			old[s.Name+" "+m.Name] = m
		}
	}
	for _, s := range after.Scenarios {
		for _, now := range s.Contenders {
			was, known := old[s.Name+" "+now.Name]
			if !strings.HasPrefix(now.Name, "flsync") || !known || len(was.Samples) == 0 || len(now.Samples) == 0 {
				continue
			}
			wasLeast, wasMost := was.spread()
			nowLeast, nowMost := now.spread()
			change := now.Median.Wall/was.Median.Wall - 1
			word := "as before"
			switch {
			case change > noise && nowLeast > wasMost:
				word = "SLOWER"
				slower++
			case change < -noise && nowMost < wasLeast:
				word = "faster"
			}
			fmt.Fprintf(w, "%-24s %-28s %10s → %-10s %+6.1f %%  %s\n",
				s.Name, now.Name, seconds(was.Median.Wall), seconds(now.Median.Wall), change*100, word)
		}
	}
	return slower
}
