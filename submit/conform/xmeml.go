package conform

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// xmeml reads Final Cut Pro 7's format, which Premiere and Resolve write too. Files and sequences are there
// in full once, and by their id elsewhere.
type xmeml struct {
	opt    Options
	edit   Edit
	byID   map[string]*element
	visits int
}

// maxVisits bounds what sequences that hold each other many times can grow to.
const maxVisits = 1_000_000

func readXMEML(root *element, name string, opt Options) (*Edit, error) {
	x := xmeml{opt: opt, byID: make(map[string]*element)}
	nested := make(map[string]bool)
	root.each(func(e *element) {
		if id := e.attrs["id"]; id != "" && len(e.children) > 0 && x.byID[e.name+id] == nil {
			x.byID[e.name+id] = e
		}
		if e.name == "clipitem" {
			nested[e.child("sequence").attrs["id"]] = true
		}
	})
	var sequences []*element
	var find func(e *element)
	find = func(e *element) {
		for _, c := range e.children {
			switch c.name {
			case "project", "children", "bin":
				find(c)
			case "sequence":
				if id := c.attrs["id"]; id == "" || !nested[id] {
					sequences = append(sequences, c)
				}
			}
		}
	}
	find(root)
	for _, s := range sequences {
		if err := x.sequence(s, name+": "+s.child("name").text, always(), "", "", 0); err != nil {
			return nil, err
		}
	}
	return &x.edit, nil
}

// full returns the element that has all that another one with its id says.
func (x *xmeml) full(e *element) *element { return cmp.Or(x.byID[e.name+e.attrs["id"]], e) }

func xmemlRate(e *element) Rational {
	base, ok := e.number("rate", "timebase")
	if !ok || base.sign() <= 0 {
		return Rational{}
	}
	if strings.EqualFold(e.child("rate", "ntsc").text, "TRUE") {
		return base.mul(Frac(1000, 1001))
	}
	return base
}

// timecodeOf returns at which frame of timecode, at rate frames a second, a file or sequence begins, and
// whether it is counted with dropped frames.
func timecodeOf(e *element, rate Rational) (zero Rational, drop bool) {
	t := e.child("timecode")
	own := positive(xmemlRate(t), rate)
	zero, ok := t.number("frame")
	drop = t.child("displayformat").text == "DF"
	if !ok {
		n, _ := parseTimecode(t.child("string").text, own, drop)
		zero = frames(n)
	}
	return zero.mul(rate).div(own), drop
}

func isOff(e *element) bool { return strings.EqualFold(e.child("enabled").text, "FALSE") }

// sequence collects what is seen of a sequence within cut, in seconds from its beginning. Within another
// sequence, event and record are those of the clip there.
func (x *xmeml) sequence(s *element, where string, cut stretch, event, record string, depth int) error {
	s = x.full(s)
	if depth > maxNesting || x.visits > maxVisits {
		return fmt.Errorf("%s: sequences hold each other too many times", where)
	}
	rate := xmemlRate(s)
	if rate.sign() == 0 {
		return fmt.Errorf("%s: the sequence has no rate", where)
	}
	zero, drop := timecodeOf(s, rate)
	for _, track := range s.child("media", "video").children {
		if track.name != "track" || isOff(track) {
			continue
		}
		for i, item := range track.children {
			if item.name != "clipitem" || isOff(item) {
				continue
			}
			x.visits++
			at, place := x.place(track.children, i, rate)
			number, in := event, record
			if depth == 0 {
				number = strconv.Itoa(x.visits)
				in = formatTimecode(zero.add(place.begin.mul(rate)).floor(), rate, drop)
			}
			seen := stretch{maxOf(place.begin, cut.begin), minOf(place.end, cut.end)}
			if seen.length().sign() <= 0 {
				continue
			}
			here := where + ": " + item.child("name").text
			shown, err := x.source(item, rate, at, seen)
			if err == nil && item.child("sequence").name != "" {
				if err := x.sequence(item.child("sequence"), here, shown, number, in, depth+1); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				x.edit.Problems = append(x.edit.Problems, Problem{Clip: item.child("name").text, Where: here, Reason: err.Error()})
				continue
			}
			c := x.clip(item, rate, shown)
			c.Where, c.Event, c.RecordIn = here, number, in
			x.edit.Clips = append(x.edit.Clips, c)
		}
	}
	return nil
}

// place returns where in its sequence a clip is, in seconds: the place that its in and out points mean, and
// the part of it that counts. Beside a transition the clip says -1, and its points include what the
// transition shows.
func (x *xmeml) place(items []*element, i int, rate Rational) (at, counts stretch) {
	start, _ := items[i].number("start")
	end, _ := items[i].number("end")
	from, to := start, end
	if i > 0 && items[i-1].name == "transitionitem" && start.sign() < 0 {
		start, _ = items[i-1].number("start")
		from = x.cut(items[i-1], start)
	}
	if i+1 < len(items) && items[i+1].name == "transitionitem" && end.sign() < 0 {
		end, _ = items[i+1].number("end")
		to = x.cut(items[i+1], end)
	}
	return stretch{start.div(rate), end.div(rate)}, stretch{from.div(rate), to.div(rate)}
}

// cut is where a transition has its cut, if transitions are left out, else edge.
func (x *xmeml) cut(transition *element, edge Rational) Rational {
	start, _ := transition.number("start")
	end, _ := transition.number("end")
	switch alignment := transition.child("alignment").text; {
	case !x.opt.Cuts:
		return edge
	case strings.HasPrefix(alignment, "start"):
		return start
	case strings.HasPrefix(alignment, "end"):
		return end
	}
	return start.add(end).div(frames(2))
}

// source returns what of a clip's media is seen, in seconds from the media's beginning, where the clip is at
// a place in its sequence of which seen counts.
func (x *xmeml) source(item *element, sequence Rational, at, seen stretch) (stretch, error) {
	rate := positive(xmemlRate(item), sequence)
	in, ok1 := item.number("in")
	out, ok2 := item.number("out")
	if in.sign() < 0 && out.sign() < 0 { // not set: all of it
		in, out = Rational{}, at.length().mul(rate)
	}
	if !ok1 || !ok2 || out.less(in) {
		return stretch{}, errors.New("it has no in and out points")
	}
	if item.child("multiclip").name != "" {
		return stretch{}, errors.New("it is a multiclip; flatten it before the export")
	}
	if offset, _ := item.number("subclipinfo", "startoffset"); offset.sign() > 0 {
		return stretch{}, errors.New("it is a subclip, whose in point may count from two places; replace it by its master clip before the export")
	}
	in, out = in.div(rate), out.div(rate)
	from, to := in.add(seen.begin.sub(at.begin)), in.add(seen.end.sub(at.begin))
	for _, f := range item.children {
		effect := f.child("effect")
		if f.name != "filter" || isOff(f) || effect.child("effectid").text != "timeremap" {
			continue
		}
		speed, reverse, curve := timeRemap(effect, rate)
		if len(curve) > 1 {
			return along(curve, stretch{from, to}), nil
		}
		if length := at.length(); !out.sub(in).Equal(length) && out.sub(in).sub(length.mul(speed)).abs().mul(rate).less(frames(2)) && !speed.Equal(frames(1)) {
			// The points are the media's own; usually they are of the clip at its new speed.
			if from, to = in.add(seen.begin.sub(at.begin).mul(speed)), in.add(seen.end.sub(at.begin).mul(speed)); reverse {
				from, to = in.add(at.end.sub(seen.end).mul(speed)), in.add(at.end.sub(seen.begin).mul(speed))
			}
			return stretch{from, to}, nil
		}
		switch whole, _ := item.number("duration"); {
		case speed.sign() == 0:
			return stretch{from, from.add(frames(1).div(rate))}, nil
		case reverse:
			whole = whole.div(rate)
			return stretch{whole.sub(to).mul(speed), whole.sub(from).mul(speed)}, nil
		}
		return stretch{from.mul(speed), to.mul(speed)}, nil
	}
	return stretch{from, to}, nil
}

// timeRemap reads the effect of that name: a constant speed, or a curve from times of the clip to times of
// the media.
func timeRemap(effect *element, rate Rational) (speed Rational, reverse bool, curve []stretch) {
	speed = frames(1)
	variable := false
	for _, p := range effect.children {
		switch p.child("parameterid").text {
		case "speed":
			if percent, ok := p.number("value"); ok {
				speed, reverse = percent.abs().div(frames(100)), reverse || percent.sign() < 0
			}
		case "reverse":
			reverse = reverse || strings.EqualFold(p.child("value").text, "TRUE")
		case "variablespeed":
			text := p.child("value").text
			variable = text == "1" || strings.EqualFold(text, "TRUE")
		case "graphdict":
			for _, k := range p.children {
				when, ok1 := k.number("when")
				value, ok2 := k.number("value")
				if k.name == "keyframe" && ok1 && ok2 {
					curve = append(curve, stretch{when.div(rate), value.div(rate)})
				}
			}
		}
	}
	if !variable {
		return speed, reverse, nil
	}
	slices.SortStableFunc(curve, func(a, b stretch) int { return a.begin.cmp(b.begin) })
	return speed, reverse, curve
}

// clip makes a clip of an item that shows some seconds of its media.
func (x *xmeml) clip(item *element, sequence Rational, shown stretch) Clip {
	file := x.full(item.child("file"))
	rate := positive(xmemlRate(file), xmemlRate(item), sequence)
	c := Clip{
		Name: cmp.Or(item.child("name").text, mediaStem(file.child("name").text)), File: fileOfURL(file.child("pathurl").text),
		EditRate: sequence, Metadata: make(map[string]string), Generated: file.child("mediaSource").text != "",
		Reel: file.child("timecode", "reel", "name").text,
	}
	var zero Rational
	zero, c.Drop = timecodeOf(file, rate)
	length, _ := file.number("duration")
	c.Available = Range{zero, length, rate}
	c.Source = Range{zero.add(shown.begin.mul(rate)), shown.length().mul(rate), rate}
	c.numberImages()
	for _, group := range []string{"logginginfo", "comments"} {
		for _, e := range item.child(group).children {
			if e.text != "" {
				c.Metadata[group+"."+e.name] = e.text
			}
		}
	}
	return c
}
