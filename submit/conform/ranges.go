package conform

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Frames is a set of frames of a scene: spans in order, neither touching nor overlapping.
type Frames []Span

// Span is the frames from First to Last, both in it.
type Span struct{ First, Last int }

// Count is the number of frames.
func (f Frames) Count() (n int) {
	for _, s := range f {
		n += s.Last - s.First + 1
	}
	return n
}

// String is how Flamenco's job types take frames: "1-48,60".
func (f Frames) String() string {
	parts := make([]string, len(f))
	for i, s := range f {
		parts[i] = fmt.Sprintf("%d-%d", s.First, s.Last)
		if s.First == s.Last {
			parts[i] = fmt.Sprint(s.First)
		}
	}
	return strings.Join(parts, ",")
}

// union merges spans, in any order, into a set.
func union(spans []Span) Frames {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.First, b.First) })
	var f Frames
	for _, s := range spans {
		if n := len(f); n > 0 && s.First <= f[n-1].Last+1 {
			f[n-1].Last = max(f[n-1].Last, s.Last)
		} else {
			f = append(f, s)
		}
	}
	return f
}

// minus is the frames of f that are not in g.
func (f Frames) minus(g Frames) Frames {
	var rest Frames
	for _, s := range f {
		for _, cut := range g {
			if cut.Last < s.First || cut.First > s.Last {
				continue
			}
			if cut.First > s.First {
				rest = append(rest, Span{s.First, cut.First - 1})
			}
			s.First = cut.Last + 1
		}
		if s.First <= s.Last {
			rest = append(rest, s)
		}
	}
	return rest
}

// span is the frames of the scene that show r: media frame mediaStart is scene frame first, and a scene
// has fps frames a second, 0: as many as the media. Frames that are only partly seen are needed whole.
func (r Range) span(mediaStart Rational, first int64, fps Rational) Span {
	perFrame := frames(1)
	if fps.sign() > 0 {
		perFrame = fps.div(r.Rate)
	}
	begin := r.Start.sub(mediaStart).mul(perFrame)
	end := begin.add(r.Duration.mul(perFrame))
	s := Span{First: int(first + begin.floor()), Last: int(first + end.ceil() - 1)}
	s.Last = max(s.Last, s.First)
	return s
}

// String is "1001-1048".
func (s Span) String() string { return fmt.Sprintf("%d-%d", s.First, s.Last) }

// meets reports whether s and t have a frame in common.
func (s Span) meets(t Span) bool { return s.First <= t.Last && t.First <= s.Last }
