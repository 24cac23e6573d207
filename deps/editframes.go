package deps

import "math"

// index returns the frame of the content that is shown at a frame of the edit; see Edit for where this comes
// from.
func (s *sequencerStrip) index(at float64) float64 {
	if s.kind == stripImage && len(s.images) == 1 {
		return 0
	}
	pos := at - s.start
	if s.flag&stripReverse != 0 {
		pos = s.end - 1 - at
	}
	return s.content(max(0, pos) * s.rate)
}

// content applies retiming and strobe to a place in the content.
func (s *sequencerStrip) content(pos float64) float64 {
	last := max(0, s.length-1)
	if len(s.keys) > 1 {
		i := 1
		for i < len(s.keys)-1 && s.keys[i].at <= pos {
			i++
		}
		a, b := s.keys[i-1], s.keys[i]
		factor := a.factor
		if b.at > a.at {
			factor += (b.factor - a.factor) * (pos - a.at) / (b.at - a.at)
		}
		if pos = factor * last; s.lastIsLength {
			pos = factor * s.length
		}
	}
	pos = min(max(0, pos), last)
	if s.strobe > 1 {
		pos -= math.Mod(pos, s.strobe)
	}
	return pos
}

// shown returns the lowest and highest frame of the content between two frames of the edit, both included.
func (s *sequencerStrip) shown(from, to float64) (low, high float64) {
	a, b := s.index(from), s.index(to)
	low, high = min(a, b), max(a, b)
	begin, end := (from-s.start)*s.rate, (to-s.start)*s.rate
	if s.flag&stripReverse != 0 {
		begin, end = (s.end-1-to)*s.rate, (s.end-1-from)*s.rate
	}
	for i, k := range s.keys {
		// A transition bends time between its keys.
		bends := k.transition && i+1 < len(s.keys) && k.at <= end && s.keys[i+1].at >= begin ||
			i > 0 && s.keys[i-1].transition && s.keys[i-1].at <= end && k.at >= begin
		if k.at >= begin && k.at <= end || bends {
			at := s.content(k.at)
			low, high = min(low, at), max(high, at)
		}
	}
	return low, high
}

// whole makes whole frames of what is shown. Scenes are rendered between frames; of images and movies Blender
// took the frame before, and takes the nearest one since some version between 3.5 and 4.0. Which one is the
// nearest to half a frame follows, where there are retiming keys, from the grain of Blender's numbers: both
// count.
func (r *editReader) whole(low, high float64, between, keys bool) (first, last float64) {
	const grain = 1e-4
	switch {
	case between:
		return math.Floor(low + grain), math.Ceil(high - grain)
	case r.version.AtLeast(4, 0) && keys:
		return math.Floor(low + 0.5 - grain), math.Floor(high + 0.5 + grain)
	case r.version.AtLeast(4, 0):
		return math.Floor(low + 0.5 + grain), math.Floor(high + 0.5 + grain)
	case r.version.AtLeast(3, 5):
		return math.Floor(low + grain), math.Floor(high + 0.5 + grain)
	}
	return math.Floor(low + grain), math.Floor(high + grain)
}

// change returns what a speed effect shows of a strip, and of it alone beside the effect.
func (s *sequencerStrip) change(of *sequencerStrip, begin, end, low, high float64) (float64, float64, string) {
	from, to := max(begin, s.left), min(end, s.right-1)
	if to < from {
		return low, high, ""
	}
	target := func(at float64) float64 {
		at -= s.left
		switch s.speedType {
		case speedStretch:
			at = at / (s.right - s.left) * (of.length - 1)
		case speedMultiply:
			at *= s.speed
		case speedLength:
			at = of.length * s.part / 100
		case speedFrameNumber:
			at = s.one
		}
		return s.left + min(max(0, at), of.length)
	}
	if s.speedType < 0 {
		a, b := of.shown(of.start, of.end-1)
		return a, b, "a speed effect changes it in a way that flsync does not follow: all its frames are named"
	}
	a, b := target(from), target(to)
	if !s.between {
		a, b = math.Floor(a), math.Floor(b)
	}
	first, last := of.shown(math.Floor(min(a, b)), math.Ceil(max(a, b)))
	if from > begin || to < end {
		return min(low, first), max(high, last), ""
	}
	return first, last, ""
}

// clampFrame makes a frame of a number that a damaged file can have made anything.
func clampFrame(x float64) int {
	const most = 1 << 30
	if !(math.Abs(x) < most) {
		return most
	}
	return int(x)
}
