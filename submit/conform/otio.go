package conform

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
)

// otioObject is any object of an .otio file: the fields that matter of all schemas together. Schemas
// and their fields are those of OpenTimelineIO's serialization document.
type otioObject struct {
	Schema      string         `json:"OTIO_SCHEMA"`
	Name        string         `json:"name"`
	Kind        string         `json:"kind"`
	Enabled     *bool          `json:"enabled"`
	Metadata    map[string]any `json:"metadata"`
	Tracks      *otioObject    `json:"tracks"`
	Children    []*otioObject  `json:"children"`
	Effects     []*otioObject  `json:"effects"`
	SourceRange *otioRange     `json:"source_range"`

	// of clips
	Media       *otioObject            `json:"media_reference"`
	Medias      map[string]*otioObject `json:"media_references"`
	ActiveMedia string                 `json:"active_media_reference_key"`

	// of media references
	Available  *otioRange `json:"available_range"`
	TargetURL  string     `json:"target_url"`
	TargetBase string     `json:"target_url_base"`
	Prefix     string     `json:"name_prefix"`
	Suffix     string     `json:"name_suffix"`
	StartFrame float64    `json:"start_frame"`
	FrameStep  float64    `json:"frame_step"`
	Rate       float64    `json:"rate"`

	// of transitions and time warps
	InOffset   *otioTime `json:"in_offset"`
	OutOffset  *otioTime `json:"out_offset"`
	TimeScalar *float64  `json:"time_scalar"`
	EffectName string    `json:"effect_name"`

	GlobalStart *otioTime `json:"global_start_time"` // of timelines
}

type otioTime struct {
	Rate  float64 `json:"rate"`
	Value float64 `json:"value"`
}

type otioRange struct {
	Start    otioTime `json:"start_time"`
	Duration otioTime `json:"duration"`
}

func (t *otioTime) seconds() Rational {
	if t == nil {
		return Rational{}
	}
	return Float(t.Value).div(Rate(t.Rate))
}

func (r *otioRange) rate() Rational {
	switch {
	case r == nil:
		return Rational{}
	case r.Start.Rate > 0:
		return Rate(r.Start.Rate)
	}
	return Rate(max(0, r.Duration.Rate))
}

// toRange is the range in frames at rate.
func (r *otioRange) toRange(rate Rational) Range {
	if r == nil {
		return Range{}
	}
	return Range{Start: r.Start.seconds().mul(rate), Duration: r.Duration.seconds().mul(rate), Rate: rate}
}

// schema is the object's kind without its version: "Clip" of "Clip.2".
func (o *otioObject) schema() string {
	name, _, _ := strings.Cut(o.Schema, ".")
	return name
}

// sequential reports whether an object's children follow each other; those of others lie above each other.
func (o *otioObject) sequential() bool {
	return o.schema() == "Track" || o.schema() == "Sequence" // the name in files before 2018
}

// off reports whether the edit has the object without showing it.
func (o *otioObject) off() bool { return o.Enabled != nil && !*o.Enabled }

// media is the clip's active media reference; the second version of the schema has several.
func (o *otioObject) media() *otioObject {
	media := o.Media
	if media == nil {
		media = o.Medias[cmp.Or(o.ActiveMedia, "DEFAULT_MEDIA")]
	}
	return cmp.Or(media, &otioObject{})
}

// stretch is some time, in seconds. An object's own time is that of its source range.
type stretch struct{ begin, end Rational }

func (s stretch) length() Rational { return s.end.sub(s.begin) }

// always is the part of what nothing trims.
func always() stretch { return stretch{Float(-1e12), Float(1e12)} }

// own is the part of an object's own time that it fills a place of its parent with: its source range, else
// all that it has. Effects do not change its length.
func (o *otioObject) own() stretch {
	r := o.SourceRange
	if r == nil && o.schema() == "Clip" {
		r = cmp.Or(o.media().Available, &otioRange{})
	}
	if r == nil {
		return o.contents()
	}
	return stretch{r.Start.seconds(), r.Start.seconds().add(r.Duration.seconds())}
}

// contents is all that a composition has, from its beginning.
func (o *otioObject) contents() (all stretch) {
	for i, child := range o.Children {
		switch {
		case child == nil:
		case child.schema() == "Transition": // it adds to the track only where one begins or ends
			if i == 0 {
				all.end = all.end.add(child.InOffset.seconds())
			}
			if i == len(o.Children)-1 {
				all.end = all.end.add(child.OutOffset.seconds())
			}
		case o.sequential():
			all.end = all.end.add(child.own().length())
		default:
			all.end = maxOf(all.end, child.own().length())
		}
	}
	return all
}

// maxNesting bounds stacks in tracks in stacks.
const maxNesting = 100

func readOTIO(text []byte, name string, opt Options) (*Edit, error) {
	var root otioObject
	if err := json.Unmarshal(finite([]byte(toUTF8(text))), &root); err != nil {
		return nil, fmt.Errorf("%s: no OpenTimelineIO JSON: %w", name, err)
	}
	if root.Schema == "" {
		return nil, fmt.Errorf("%s: no OpenTimelineIO JSON: it has no OTIO_SCHEMA", name)
	}
	w := otioWalk{opt: opt}
	if err := w.show(&root, name, Rational{}, stretch{}, always(), 0); err != nil {
		return nil, err
	}
	dropped := make(map[string]bool) // one clip tells how all of its rate are counted
	for _, c := range w.edit.Clips {
		dropped[c.Source.Rate.String()] = dropped[c.Source.Rate.String()] || c.Drop
	}
	for i := range w.edit.Clips {
		c := &w.edit.Clips[i]
		c.Drop = dropped[c.Source.Rate.String()]
	}
	return &w.edit, nil
}

// positive returns the first rate that is one.
func positive(rates ...Rational) Rational {
	for _, r := range rates {
		if r.sign() > 0 {
			return r
		}
	}
	return Rational{}
}

// token is a string or a number that JSON does not have, but OpenTimelineIO writes.
var token = pattern.Lazy(`"(?:[^"\\]|\\.)*"|-?(?:Infinity|Inf|NaN|nan)\b`)

// finite makes null of numbers that are none: they stand in metadata, and JSON has no words for them.
func finite(text []byte) []byte {
	if json.Valid(text) {
		return text
	}
	return token().ReplaceAllFunc(text, func(t []byte) []byte {
		if t[0] == '"' {
			return t
		}
		return []byte("null")
	})
}

type otioWalk struct {
	opt   Options
	edit  Edit
	count int // clips so far, those of sound left out

	zero Rational // where the timeline's record begins, in seconds
	rate Rational // of the timeline, if it says one
}

// visit collects the clips of a composition that are seen within cut, which is in its own time.
func (w *otioWalk) visit(o *otioObject, where string, cut stretch, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("%s: nested more than %d deep", where, maxNesting)
	}
	if o.schema() == "Timeline" {
		if o.Tracks == nil {
			return nil
		}
		if o.GlobalStart != nil {
			w.zero, w.rate = o.GlobalStart.seconds(), Rate(max(0, o.GlobalStart.Rate))
		}
		return w.show(o.Tracks, where, Rational{}, stretch{}, cut, depth)
	}
	var at Rational // where the child begins, in the composition's own time
	if o.sequential() && len(o.Children) > 0 && o.Children[0] != nil && o.Children[0].schema() == "Transition" {
		at = o.Children[0].InOffset.seconds()
	}
	for i, child := range o.Children {
		if child == nil || child.schema() == "Transition" {
			continue
		}
		var beyond stretch
		if o.sequential() && !w.opt.Cuts {
			beyond = overlap(o.Children, i)
		}
		if err := w.show(child, where, at, beyond, cut, depth); err != nil {
			return err
		}
		if o.sequential() {
			at = at.add(child.own().length())
		}
	}
	return nil
}

// overlap is what the transitions beside child i show of it beyond its cut: begin seconds before it and
// end seconds after it.
func overlap(children []*otioObject, i int) (beyond stretch) {
	if i > 0 && children[i-1] != nil && children[i-1].schema() == "Transition" {
		beyond.begin = children[i-1].InOffset.seconds()
	}
	if i+1 < len(children) && children[i+1] != nil && children[i+1].schema() == "Transition" {
		beyond.end = children[i+1].OutOffset.seconds()
	}
	return beyond
}

// show collects what is seen of an object that begins at a time of its parent, of which cut is seen.
func (w *otioWalk) show(o *otioObject, where string, at Rational, beyond, cut stretch, depth int) error {
	if o.off() || strings.EqualFold(o.Kind, "Audio") {
		return nil
	}
	if o.Name != "" {
		where += ": " + o.Name
	}
	switch o.schema() {
	case "Timeline", "SerializableCollection", "SerializeableCollection": // they have no time of their own
		return w.visit(o, where, always(), depth+1)
	}
	own := o.own()
	length := own.length()
	if all := o.contents(); len(o.Children) > 0 && (own.end.cmp(all.begin) <= 0 || own.begin.cmp(all.end) >= 0) {
		// A range beside all that is in a track or stack trims nothing: it notes the timecode where the record
		// begins. OpenTimelineIO's trimmed_range_of_child has none of the children seen then, and its find_clips
		// lists them all: a night without any shot is the worse mistake.
		return w.visit(o, where, always(), depth+1)
	}
	// From when to when it is seen, counted from its beginning.
	seen := stretch{maxOf(Rational{}.sub(beyond.begin), cut.begin.sub(at)), minOf(length.add(beyond.end), cut.end.sub(at))}
	if length.sign() > 0 && seen.length().cmp(Frac(1, 1_000_000)) < 0 {
		return nil
	}
	isClip := o.schema() == "Clip"
	if isClip {
		w.count++
	}
	seen, err := w.warp(o, own, seen, where)
	switch {
	case err != nil:
		w.edit.Problems = append(w.edit.Problems, Problem{Clip: o.Name, Where: where, Reason: err.Error()})
		return nil
	case isClip:
		w.clip(o, where, seen, at)
		return nil
	}
	return w.visit(o, where, seen, depth+1)
}

// clip adds a clip of which the edit shows what is seen, in the media's own time, from a time of its track
// on.
func (w *otioWalk) clip(o *otioObject, where string, seen stretch, at Rational) {
	media := o.media()
	source := o.SourceRange.rate()
	rate := positive(media.Available.rate(), Rate(max(0, media.Rate)), source)
	c := Clip{
		Name: o.Name, Available: media.Available.toRange(rate), Where: where, Metadata: make(map[string]string), File: fileOfURL(media.TargetURL),
		Event: strconv.Itoa(w.count), EditRate: source, Generated: media.schema() == "GeneratorReference",
	}
	if rate.sign() > 0 && o.own().length().sign() >= 0 && (o.SourceRange != nil || media.Available != nil) {
		c.Source = Range{Start: seen.begin.mul(rate), Duration: seen.length().mul(rate), Rate: rate}
	}
	c.numberImages()
	if media.schema() == "ImageSequenceReference" {
		c.File = strings.TrimSuffix(media.TargetBase, "/") + "/" + media.Prefix + "#" + media.Suffix
		first := Float(media.StartFrame).floor()
		c.FirstNumber = &first
		if step := frames(Float(media.FrameStep).floor()); frames(1).less(step) { // an image is shown until the next one
			begin := frames(c.Source.Start.sub(c.Available.Start).div(step).floor()).mul(step).add(c.Available.Start)
			c.Source.Start, c.Source.Duration = begin, c.Source.Duration.add(c.Source.Start.sub(begin))
		}
		if media.Available == nil && !c.Source.Start.less(frames(first)) {
			c.Available.Start = frames(first) // without a range, what begins after the first number counts as it does
		}
	}
	flattenMetadata(c.Metadata, "media.", media.Metadata, 0)
	flattenMetadata(c.Metadata, "", o.Metadata, 0)
	c.Reel = firstOf(c.Metadata, "cmx_3600.reel", "reel", "media.cmx_3600.reel", "media.reel")
	edit := positive(w.rate, source)
	if edit.sign() > 0 {
		c.Drop = isDropped(edit, w.zero.mul(edit)) || isDropped(rate, c.Available.Start) || media.Available == nil && isDropped(rate, c.Source.Start)
		c.RecordIn = formatTimecode(w.zero.add(at).mul(edit).floor(), edit, c.Drop)
	}
	w.edit.Clips = append(w.edit.Clips, c)
}

// isDropped guesses whether a frame is counted in drop-frame timecode: it lies where these have a full hour
// and others do not have it yet.
func isDropped(rate, at Rational) bool {
	base := nominal(rate)
	if rate.Equal(frames(base)) || base != 30 && base != 60 || at.sign() <= 0 {
		return false
	}
	hour := base * 3600
	n := at.floor()
	toNext := hour - n%hour
	return n%hour != 0 && toNext <= base/15*54*((n+toNext)/hour)
}

// flattenMetadata joins nested names by dots; lists count from 0.
func flattenMetadata(into map[string]string, prefix string, value any, depth int) {
	const deepest = 20
	name := strings.TrimSuffix(prefix, ".")
	switch v := value.(type) {
	case map[string]any:
		for k, x := range v {
			if depth < deepest {
				flattenMetadata(into, prefix+k+".", x, depth+1)
			}
		}
	case []any:
		for i, x := range v {
			if depth < deepest {
				flattenMetadata(into, prefix+strconv.Itoa(i)+".", x, depth+1)
			}
		}
	case string:
		into[name] = v
	case float64:
		into[name] = strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		into[name] = strconv.FormatBool(v)
	}
}

func firstOf(m map[string]string, keys ...string) string {
	for _, k := range keys {
		if m[k] != "" {
			return m[k]
		}
	}
	return ""
}
