package conform

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/flsync/flsync/internal/pattern"
)

// timeEffect recognises the name of an effect on time among effects of no schema of their own.
var timeEffect = pattern.Lazy(`(?i)time.?(?:warp|effect|remap|scale)|retime|speed|freeze`)

// warp returns which part of an object's own time is shown from seen.begin to seen.end of its place, both
// counted from its beginning. The error is that of an effect on time that is not known.
func (w *otioWalk) warp(o *otioObject, own, seen stretch, where string) (stretch, error) {
	speed, length := frames(1), own.length()
	var table []*otioObject
	for _, e := range o.Effects {
		switch {
		case e == nil || e.off():
		case e.schema() == "FreezeFrame":
			speed = Rational{}
		case e.TimeScalar != nil: // LinearTimeWarp
			speed = speed.mul(Float(*e.TimeScalar))
		case e.schema() == "TimeEffect" || timeEffect().MatchString(e.schema()+" "+e.EffectName):
			table = append(table, e)
		}
	}
	if len(table) > 0 {
		if len(table) > 1 || !speed.Equal(frames(1)) {
			return own, errors.New("several effects change its time, which flsync does not follow; export it without them, or list its frames in a CSV")
		}
		return w.follow(table[0], o, own, seen, where)
	}
	switch {
	case speed.sign() > 0:
		return stretch{own.begin.add(seen.begin.mul(speed)), own.begin.add(seen.end.mul(speed))}, nil
	case speed.sign() < 0:
		return stretch{own.begin.sub(length.sub(seen.end).mul(speed)), own.begin.sub(length.sub(seen.begin).mul(speed))}, nil
	}
	return stretch{own.begin, own.begin.add(frames(1).div(o.rate()))}, nil // a frame
}

// rate is that of the object's range, 0 if it has none.
func (o *otioObject) rate() Rational {
	if o.SourceRange != nil {
		return o.SourceRange.rate()
	}
	return o.media().Available.rate()
}

// follow reads an effect whose table maps time: the key frames of Resolve, or the lookup of Hiero and Nuke.
func (w *otioWalk) follow(e, o *otioObject, own, seen stretch, where string) (stretch, error) {
	rate := o.rate()
	if lookup := floats(e.Metadata["lookup"]); len(lookup) > 0 && rate.sign() > 0 {
		return followLookup(lookup, own, seen, rate), nil
	}
	resolve, _ := e.Metadata["Resolve_OTIO"].(map[string]any)
	keys, _ := resolve["Key Frames"].([]any)
	curve := make([]stretch, 0, len(keys)) // each from a time of the retimed clip to one of the media
	for _, k := range keys {
		pair := floats(k)
		if len(pair) < 2 {
			break
		}
		curve = append(curve, stretch{seconds(pair[0], rate), seconds(pair[1], rate)})
	}
	if len(curve) < 2 || len(curve) < len(keys) {
		return own, fmt.Errorf("its effect %q changes its time in a way that flsync does not know; export it without the effect, or list its frames in a CSV",
			cmp.Or(e.EffectName, e.Name, e.schema()))
	}
	slices.SortStableFunc(curve, func(a, b stretch) int { return a.begin.cmp(b.begin) })
	// Key frames count from the first frame that the media has. Whether the clip's range is in the media's time
	// or in the retimed clip's is not written down: both are rendered where they differ.
	zero := Rational{}
	if a := o.media().Available; a != nil {
		zero = a.Start.seconds()
	}
	at := own.begin.sub(zero)
	shown := along(curve, stretch{at.add(seen.begin), at.add(seen.end)})
	if at.sign() != 0 {
		for i := 1; i < len(curve); i++ { // where the media's time is that of the range
			a, b := curve[i-1], curve[i]
			if at.cmp(minOf(a.end, b.end)) < 0 || at.cmp(maxOf(a.end, b.end)) > 0 || a.end.Equal(b.end) {
				continue
			}
			from := a.begin.add(at.sub(a.end).mul(b.begin.sub(a.begin)).div(b.end.sub(a.end)))
			other := along(curve, stretch{from.add(seen.begin), from.add(seen.end)})
			if !other.begin.Equal(shown.begin) || !other.end.Equal(shown.end) {
				w.edit.Notes = append(w.edit.Notes, Note{"retimed", "", where + ": the retimed clip does not begin with its media, and " +
					"its range can be read in two ways; the frames of both are rendered"})
			}
			shown = stretch{minOf(shown.begin, other.begin), maxOf(shown.end, other.end)}
			break
		}
	}
	return stretch{zero.add(shown.begin), zero.add(shown.end)}, nil
}

// followLookup returns what a table of offsets shows: one for each frame of the clip, added to the frame's
// own number.
func followLookup(lookup []float64, own, seen stretch, rate Rational) stretch {
	var shown stretch
	one := frames(1).div(rate)
	from, to := seen.begin.mul(rate).floor(), seen.end.mul(rate).ceil()
	const most = 1 << 20
	for i := from; i < to && i-from < most; i++ {
		offset := Float(lookup[min(max(0, i), int64(len(lookup)-1))])
		at := own.begin.add(frames(i).add(offset).div(rate))
		if i == from {
			shown = stretch{at, at.add(one)}
		}
		shown = stretch{minOf(shown.begin, at), maxOf(shown.end, at.add(one))}
	}
	return shown
}

// seconds is a time of a key frame. They are rounded to milliseconds in places, and lie on frames.
func seconds(x float64, rate Rational) Rational {
	if rate.sign() == 0 {
		return Float(x)
	}
	return Float(x).mul(rate).snap(rate.mul(Frac(1, 999))).div(rate)
}

// along returns the values that a curve of straight pieces takes between two times; beyond its ends it goes
// on as in its last piece.
func along(curve []stretch, times stretch) stretch {
	at := func(t Rational) Rational {
		i := 1
		for i < len(curve)-1 && curve[i].begin.less(t) {
			i++
		}
		a, b := curve[i-1], curve[i]
		return a.end.add(t.sub(a.begin).mul(b.end.sub(a.end)).div(b.begin.sub(a.begin)))
	}
	first, last := at(times.begin), at(times.end)
	shown := stretch{minOf(first, last), maxOf(first, last)}
	for _, k := range curve {
		if times.begin.less(k.begin) && k.begin.less(times.end) {
			shown = stretch{minOf(shown.begin, k.end), maxOf(shown.end, k.end)}
		}
	}
	return shown
}

func floats(value any) (list []float64) {
	values, _ := value.([]any)
	for _, v := range values {
		x, ok := v.(float64)
		if !ok {
			if len(list) >= 2 {
				return list // the other columns of a key frame
			}
			return nil
		}
		list = append(list, x)
	}
	return list
}
