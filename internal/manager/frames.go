package manager

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxFrames bounds what a frame range like "1-999999999" can make of this machine's memory.
const maxFrames = 1_000_000

// frameChunks cuts a frame range such as "1-10, 20..25, 40" into ranges of at most size frames. The ranges
// are written with "-" and ","; two frames next to each other are written "1,2".
func frameChunks(frames string, size int) ([]string, error) {
	frames = strings.TrimSpace(frames)
	if frames == "" {
		return nil, fmt.Errorf("invalid range %q: empty range", frames)
	}
	if size < 1 {
		return nil, fmt.Errorf("invalid chunk size, must be positive number: %d", size)
	}
	numbers, err := explodeFrames(frames)
	if err != nil {
		return nil, err
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("invalid range %q: empty range", frames)
	}
	var chunks []string
	for chunk := range slices.Chunk(numbers, size) {
		chunks = append(chunks, mergeFrames(chunk))
	}
	return chunks, nil
}

// explodeFrames lists the frames of a range, in order and each once.
func explodeFrames(frames string) ([]int, error) {
	frames = strings.ReplaceAll(frames, "..", "-")
	var numbers []int
	for part := range strings.SplitSeq(frames, ",") {
		ends := strings.Split(part, "-")
		if len(ends) > 2 {
			return nil, fmt.Errorf(`invalid range "%s": %s`, frames, part)
		}
		first, err := strconv.ParseInt(strings.TrimSpace(ends[0]), 10, 64)
		last := first
		if len(ends) == 2 {
			var lastErr error
			if last, lastErr = strconv.ParseInt(strings.TrimSpace(ends[1]), 10, 64); err == nil {
				err = lastErr
			}
		}
		if err != nil {
			return nil, fmt.Errorf(`invalid range "%s":  %s (%w)`, frames, part, err)
		}
		if last-first >= maxFrames-int64(len(numbers)) {
			return nil, fmt.Errorf(`invalid range "%s": more than %d frames`, frames, maxFrames)
		}
		for n := first; n <= last; n++ {
			numbers = append(numbers, int(n))
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}

// mergeFrames writes frames, which are in order, as a range.
func mergeFrames(frames []int) string {
	var parts []string
	for i := 0; i < len(frames); {
		j := i
		for j+1 < len(frames) && frames[j+1] == frames[j]+1 {
			j++
		}
		if j-i >= 2 {
			parts = append(parts, fmt.Sprintf("%d-%d", frames[i], frames[j]))
		} else {
			for _, n := range frames[i : j+1] {
				parts = append(parts, strconv.Itoa(n))
			}
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}
