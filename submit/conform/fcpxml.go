package conform

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// fcpxml reads Final Cut Pro X's format. Times are fractions of seconds. A story element stands at its offset
// in the time of what it is in, and begins at its start in its own time, which for an asset is the media's.
type fcpxml struct {
	opt    Options
	edit   Edit
	byID   map[string]*element // resources
	rate   Rational            // of the project
	drop   bool
	visits int
}

func readFCPXML(root *element, name string, opt Options) (*Edit, error) {
	x := fcpxml{opt: opt, byID: make(map[string]*element)}
	for _, e := range root.child("resources").children {
		x.byID[e.attrs["id"]] = e
	}
	var err error
	root.each(func(e *element) {
		s := e.child("sequence")
		if e.name != "project" || s.name == "" || err != nil {
			return
		}
		x.rate, x.drop = x.formatRate(s), s.attrs["tcFormat"] == "DF"
		if x.rate.sign() == 0 {
			err = fmt.Errorf("%s: project %s: its format has no frame duration", name, e.attrs["name"])
			return
		}
		err = x.story(s.child("spine"), name+": "+e.attrs["name"], always(), Rational{}, 0)
	})
	return &x.edit, err
}

// formatRate returns the rate of the format that an element names.
func (x *fcpxml) formatRate(e *element) Rational {
	format := x.byID[e.attrs["format"]]
	if format == nil {
		return Rational{}
	}
	duration, _ := xmlSeconds(format.attrs["frameDuration"])
	return frames(1).div(duration)
}

// xmlSeconds reads a time such as 1001/24000s.
func xmlSeconds(text string) (Rational, bool) {
	num, den, isFraction := strings.Cut(strings.TrimSuffix(text, "s"), "/")
	a, err1 := strconv.ParseInt(num, 10, 64)
	b, err2 := int64(1), error(nil)
	if isFraction {
		b, err2 = strconv.ParseInt(den, 10, 64)
	}
	if x, err := strconv.ParseFloat(num, 64); err1 != nil && err == nil && !isFraction {
		return Float(x), true
	}
	if err1 != nil || err2 != nil || b <= 0 {
		return Rational{}, false
	}
	return Frac(a, b), true
}

// story collects what is seen of the elements in a container within cut, both in the container's time, which
// is shift seconds before the project's.
func (x *fcpxml) story(in *element, where string, cut stretch, shift Rational, depth int) error {
	var at Rational // where the next element is, if it does not say
	for i, e := range in.children {
		if x.visits++; depth > maxNesting || x.visits > maxVisits {
			return fmt.Errorf("%s: compound clips hold each other too many times", where)
		}
		offset, ok := xmlSeconds(e.attrs["offset"])
		if !ok {
			offset = at
		}
		if e.name == "audition" && len(e.children) > 0 { // the first one is chosen
			e = e.children[0]
		}
		duration, _ := xmlSeconds(e.attrs["duration"])
		if e.name == "transition" || e.attrs["enabled"] == "0" || e.attrs["srcEnable"] == "audio" {
			continue
		}
		at = offset.add(duration)
		whole := stretch{offset, at}
		if !x.opt.Cuts && i > 0 && in.children[i-1].name == "transition" {
			whole.begin, _ = xmlSeconds(in.children[i-1].attrs["offset"])
		}
		if !x.opt.Cuts && i+1 < len(in.children) && in.children[i+1].name == "transition" {
			begin, _ := xmlSeconds(in.children[i+1].attrs["offset"])
			length, _ := xmlSeconds(in.children[i+1].attrs["duration"])
			whole.end = begin.add(length)
		}
		if err := x.element(e, where, offset, whole, cut, shift, depth); err != nil {
			return err
		}
	}
	return nil
}

// element collects what is seen of one story element at an offset, which fills whole, within cut.
func (x *fcpxml) element(e *element, where string, offset Rational, whole, cut stretch, shift Rational, depth int) error {
	ref := cmp.Or(x.byID[e.attrs["ref"]], &element{})
	start, ok := xmlSeconds(e.attrs["start"])
	if !ok && ref.name == "asset" {
		start, _ = xmlSeconds(ref.attrs["start"])
	}
	own := func(s stretch) stretch { return stretch{s.begin.sub(offset).add(start), s.end.sub(offset).add(start)} }
	within := shift.add(offset).sub(start)
	if e.attrs["name"] != "" {
		where += ": " + e.attrs["name"]
	}
	seen := stretch{maxOf(whole.begin, cut.begin), minOf(whole.end, cut.end)}
	content, connected := &element{name: e.name}, &element{}
	for _, c := range e.children {
		switch {
		case c.attrs["lane"] != "":
			connected.children = append(connected.children, c)
		case slices.Contains([]string{"clip", "asset-clip", "ref-clip", "sync-clip", "mc-clip", "video", "audition", "spine", "gap", "transition"}, c.name):
			content.children = append(content.children, c)
		}
	}
	if e.name == "spine" { // a storyline, connected to a clip
		return x.story(e, where, own(cut), within, depth+1)
	}
	if len(connected.children) > 0 { // these may go on beyond the clip that they are connected to
		if err := x.story(connected, where, own(cut), within, depth+1); err != nil {
			return err
		}
	}
	if seen.length().sign() <= 0 {
		return nil
	}
	shown := x.remap(e, own(seen))
	switch e.name {
	case "ref-clip":
		return x.story(ref.child("sequence", "spine"), where, shown, within, depth+1)
	case "clip", "sync-clip":
		return x.story(content, where, shown, within, depth+1)
	case "mc-clip":
		x.edit.Problems = append(x.edit.Problems, Problem{Clip: e.attrs["name"], Where: where, Reason: "it is a multicam clip, which flsync does not read"})
	case "asset-clip", "video":
		if ref.name == "asset" && ref.attrs["hasVideo"] != "0" && (ref.attrs["hasVideo"] == "1" || ref.attrs["hasAudio"] != "1") {
			x.clip(e, ref, where, shown, shift.add(seen.begin))
		}
	}
	return nil
}

// remap returns the time of the media that a time of an element shows.
func (x *fcpxml) remap(e *element, shown stretch) stretch {
	var curve []stretch
	for _, t := range e.child("timeMap").children {
		time, ok1 := xmlSeconds(t.attrs["time"])
		value, ok2 := xmlSeconds(t.attrs["value"])
		if ok1 && ok2 {
			curve = append(curve, stretch{time, value})
		}
	}
	if len(curve) < 2 {
		return shown
	}
	slices.SortStableFunc(curve, func(a, b stretch) int { return a.begin.cmp(b.begin) })
	return along(curve, shown)
}

func (x *fcpxml) clip(e, asset *element, where string, shown stretch, record Rational) {
	rate := positive(x.formatRate(asset), x.rate)
	start, _ := xmlSeconds(asset.attrs["start"])
	length, _ := xmlSeconds(asset.attrs["duration"])
	c := Clip{
		Name: cmp.Or(e.attrs["name"], asset.attrs["name"]), File: fileOfURL(cmp.Or(asset.attrs["src"], asset.child("media-rep").attrs["src"])),
		Source: Range{shown.begin.mul(rate), shown.length().mul(rate), rate}, Available: Range{start.mul(rate), length.mul(rate), rate},
		EditRate: x.rate, Drop: e.attrs["tcFormat"] == "DF" || e.attrs["tcFormat"] == "" && (x.drop || isDropped(rate, start.mul(rate))),
		Where: where, Event: strconv.Itoa(len(x.edit.Clips) + 1),
		RecordIn: formatTimecode(record.mul(x.rate).floor(), x.rate, x.drop), Metadata: make(map[string]string),
	}
	c.numberImages()
	for _, m := range e.child("metadata").children {
		c.Metadata[m.attrs["key"]] = m.attrs["value"]
	}
	x.edit.Clips = append(x.edit.Clips, c)
}
