package conform

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
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

	// of transitions and time warps
	InOffset   *otioTime `json:"in_offset"`
	OutOffset  *otioTime `json:"out_offset"`
	TimeScalar *float64  `json:"time_scalar"`
}

type otioTime struct {
	Rate  float64 `json:"rate"`
	Value float64 `json:"value"`
}

type otioRange struct {
	Start    otioTime `json:"start_time"`
	Duration otioTime `json:"duration"`
}

func (t *otioTime) seconds() float64 {
	if t == nil || t.Rate == 0 {
		return 0
	}
	return t.Value / t.Rate
}

func (r *otioRange) toRange() Range {
	if r == nil {
		return Range{}
	}
	rate := r.Start.Rate
	if rate == 0 {
		rate = r.Duration.Rate
	}
	return Range{Start: r.Start.Value, Duration: snap(r.Duration.seconds() * rate), Rate: rate}
}

// schema is the object's kind without its version: "Clip" of "Clip.2".
func (o *otioObject) schema() string {
	name, _, _ := strings.Cut(o.Schema, ".")
	return name
}

// sequential says whether an object's children follow each other; those of others lie above each other.
func (o *otioObject) sequential() bool {
	return o.schema() == "Track" || o.schema() == "Sequence" // the name in files before 2018
}

// off says whether the edit has the object without showing it.
func (o *otioObject) off() bool { return o.Enabled != nil && !*o.Enabled }

// media is the clip's active media reference; the second version of the schema has several.
func (o *otioObject) media() *otioObject {
	media := o.Media
	if media == nil {
		media = o.Medias[cmp.Or(o.ActiveMedia, "DEFAULT_MEDIA")]
	}
	return cmp.Or(media, &otioObject{})
}

// speed is what the effects of an object make of its time.
func (o *otioObject) speed() float64 {
	speed := 1.0
	for _, e := range o.Effects {
		switch {
		case e == nil || e.off():
		case e.schema() == "FreezeFrame":
			speed = 0
		case e.TimeScalar != nil: // LinearTimeWarp
			speed *= *e.TimeScalar
		}
	}
	return speed
}

// rate is that of the object's range, 0 if it has none.
func (o *otioObject) rate() float64 {
	r := o.SourceRange
	if r == nil {
		r = o.media().Available
	}
	return r.toRange().Rate
}

// stretch is some time, in seconds. An object's own time is that of its source range.
type stretch struct{ begin, end float64 }

// always is the part of what nothing trims.
var always = stretch{math.Inf(-1), math.Inf(1)}

// own is the part of an object's own time that it fills a place of its parent with: its source range, else
// all that it has. Effects do not change its length.
func (o *otioObject) own() stretch {
	switch {
	case o.SourceRange != nil:
		begin := o.SourceRange.Start.seconds()
		return stretch{begin, begin + o.SourceRange.Duration.seconds()}
	case o.schema() == "Clip":
		if a := o.media().Available; a != nil {
			return stretch{a.Start.seconds(), a.Start.seconds() + a.Duration.seconds()}
		}
		return stretch{}
	}
	return o.contents()
}

// contents is all that a composition has, from its beginning.
func (o *otioObject) contents() (all stretch) {
	for i, child := range o.Children {
		if child == nil {
			continue
		}
		if child.schema() == "Transition" { // it adds to the track only where one begins or ends
			if i == 0 {
				all.end += child.InOffset.seconds()
			}
			if i == len(o.Children)-1 {
				all.end += child.OutOffset.seconds()
			}
			continue
		}
		length := child.own()
		if o.sequential() {
			all.end += length.end - length.begin
		} else {
			all.end = max(all.end, length.end-length.begin)
		}
	}
	return all
}

// maxNesting bounds stacks in tracks in stacks.
const maxNesting = 100

func readOTIO(text io.Reader, name string, opt Options) ([]Clip, error) {
	all, err := io.ReadAll(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var root otioObject
	if err := json.Unmarshal(finite(all), &root); err != nil {
		return nil, fmt.Errorf("%s: no OpenTimelineIO JSON: %w", name, err)
	}
	if root.Schema == "" {
		return nil, fmt.Errorf("%s: no OpenTimelineIO JSON: it has no OTIO_SCHEMA", name)
	}
	w := otioWalk{opt: opt}
	if err := w.show(&root, name, 0, stretch{}, always, 0); err != nil {
		return nil, err
	}
	return w.clips, nil
}

// token is a string or a number that JSON does not have, but OpenTimelineIO writes.
var token = pattern(`"(?:[^"\\]|\\.)*"|-?(?:Infinity|Inf|NaN|nan)\b`)

// finite makes null of numbers that are none: they stand in metadata, and JSON has no words for them.
func finite(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
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
	clips []Clip
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
		return w.show(o.Tracks, where, 0, stretch{}, cut, depth)
	}
	at := 0.0 // where the child begins, in the composition's own time
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
		if own := child.own(); o.sequential() {
			at += own.end - own.begin
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
func (w *otioWalk) show(o *otioObject, where string, at float64, beyond, cut stretch, depth int) error {
	if o.off() || o.Kind == "Audio" {
		return nil
	}
	if o.Name != "" {
		where += ": " + o.Name
	}
	switch o.schema() {
	case "Timeline", "SerializableCollection", "SerializeableCollection": // they have no time of their own
		return w.visit(o, where, always, depth+1)
	}
	own := o.own()
	length := own.end - own.begin
	if all := o.contents(); len(o.Children) > 0 && (own.end <= all.begin || own.begin >= all.end) {
		// A range beside all that is in a track or stack trims nothing: it notes the timecode where the record begins.
		// OpenTimelineIO's trimmed_range_of_child has none of the children seen then, and its find_clips lists them all:
		// a night without any shot is the worse mistake.
		return w.visit(o, where, always, depth+1)
	}
	// From when to when it is seen, counted from its beginning.
	from, to := max(-beyond.begin, cut.begin-at), min(length+beyond.end, cut.end-at)
	if length > 0 && to-from < grain {
		return nil
	}
	// The same in its own time, which its effects make run faster, backwards or not at all.
	var seen stretch
	switch speed := o.speed(); {
	case speed > 0:
		seen = stretch{own.begin + from*speed, own.begin + to*speed}
	case speed < 0:
		seen = stretch{own.begin - (length-to)*speed, own.begin - (length-from)*speed}
	default:
		seen = stretch{own.begin, own.begin + 1/cmp.Or(o.rate(), 1/grain)}
	}
	if o.schema() == "Clip" {
		w.clip(o, where, seen)
		return nil
	}
	return w.visit(o, where, seen, depth+1)
}

// clip adds a clip of which the edit shows what is seen, in the media's own time.
func (w *otioWalk) clip(o *otioObject, where string, seen stretch) {
	media := o.media()
	c := Clip{Name: o.Name, Available: media.Available.toRange(), Where: where, Metadata: make(map[string]string)}
	c.File = media.TargetURL
	if media.schema() == "ImageSequenceReference" {
		c.File = strings.TrimSuffix(media.TargetBase, "/") + "/" + media.Prefix + "#" + media.Suffix
	}
	flattenMetadata(c.Metadata, "media.", media.Metadata, 0)
	flattenMetadata(c.Metadata, "", o.Metadata, 0)
	c.Reel = firstOf(c.Metadata, "cmx_3600.reel", "reel", "media.cmx_3600.reel", "media.reel")
	if rate := o.rate(); rate > 0 {
		c.Source = Range{Start: snap(seen.begin * rate), Duration: snap((seen.end - seen.begin) * rate), Rate: rate}
	}
	w.clips = append(w.clips, c)
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
