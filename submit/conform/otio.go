package conform

import (
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

func (t *otioTime) at(rate float64) float64 {
	if t == nil || t.Rate == 0 {
		return 0
	}
	return t.Value * rate / t.Rate
}

func (r *otioRange) toRange() Range {
	if r == nil {
		return Range{}
	}
	rate := r.Start.Rate
	if rate == 0 {
		rate = r.Duration.Rate
	}
	return Range{Start: r.Start.Value, Duration: r.Duration.at(rate), Rate: rate}
}

// schema is the object's kind without its version: "Clip" of "Clip.2".
func (o *otioObject) schema() string {
	name, _, _ := strings.Cut(o.Schema, ".")
	return name
}

// maxNesting bounds stacks in tracks in stacks.
const maxNesting = 100

func readOTIO(text io.Reader, name string, opt Options) ([]Clip, error) {
	var root otioObject
	if err := json.NewDecoder(text).Decode(&root); err != nil {
		return nil, fmt.Errorf("%s: no OpenTimelineIO JSON: %w", name, err)
	}
	if root.Schema == "" {
		return nil, fmt.Errorf("%s: no OpenTimelineIO JSON: it has no OTIO_SCHEMA", name)
	}
	w := otioWalk{opt: opt}
	if err := w.visit(&root, name, 0); err != nil {
		return nil, err
	}
	return w.clips, nil
}

type otioWalk struct {
	opt   Options
	clips []Clip
}

func (w *otioWalk) visit(o *otioObject, where string, depth int) error {
	if o == nil || o.Enabled != nil && !*o.Enabled {
		return nil
	}
	if depth > maxNesting {
		return fmt.Errorf("%s: nested more than %d deep", where, maxNesting)
	}
	if o.Name != "" && depth > 0 {
		where += ": " + o.Name
	}
	switch o.schema() {
	case "Timeline":
		return w.visit(o.Tracks, where, depth+1)
	case "Track", "Sequence":
		if o.Kind == "Audio" {
			return nil
		}
	case "Clip":
		return w.clip(o, where, Range{})
	}
	for i, child := range o.Children {
		if child == nil {
			continue
		}
		if child.schema() == "Clip" && !w.opt.Cuts {
			if child.Enabled == nil || *child.Enabled {
				if err := w.clip(child, where+": "+child.Name, overlap(o.Children, i)); err != nil {
					return err
				}
			}
			continue
		}
		if err := w.visit(child, where, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// overlap is what the transitions beside child i show of it beyond its cut: Start frames before it and
// Duration frames after it, in frames of Rate 1 a second.
func overlap(children []*otioObject, i int) (beyond Range) {
	beyond.Rate = 1
	if i > 0 && children[i-1] != nil && children[i-1].schema() == "Transition" {
		beyond.Start = children[i-1].InOffset.at(1)
	}
	if i+1 < len(children) && children[i+1] != nil && children[i+1].schema() == "Transition" {
		beyond.Duration = children[i+1].OutOffset.at(1)
	}
	return beyond
}

func (w *otioWalk) clip(o *otioObject, where string, beyond Range) error {
	media := o.Media
	if media == nil {
		key := o.ActiveMedia
		if key == "" {
			key = "DEFAULT_MEDIA"
		}
		media = o.Medias[key]
	}
	if media == nil {
		media = &otioObject{}
	}
	c := Clip{Name: o.Name, Available: media.Available.toRange(), Speed: 1, Where: where, Metadata: make(map[string]string)}
	c.File = media.TargetURL
	if media.schema() == "ImageSequenceReference" {
		c.File = strings.TrimSuffix(media.TargetBase, "/") + "/" + media.Prefix + "#" + media.Suffix
	}
	flattenMetadata(c.Metadata, "media.", media.Metadata, 0)
	flattenMetadata(c.Metadata, "", o.Metadata, 0)
	c.Reel = firstOf(c.Metadata, "cmx_3600.reel", "reel", "media.cmx_3600.reel", "media.reel")

	c.Source = o.SourceRange.toRange()
	if o.SourceRange == nil {
		c.Source = c.Available
	}
	if c.Source.Rate <= 0 || math.IsInf(c.Source.Rate, 0) || c.Source.Duration < 0 {
		return fmt.Errorf("%s: the clip has neither a source range nor an available range with a rate", where)
	}
	c.Source.Start -= beyond.Start * c.Source.Rate
	c.Source.Duration += (beyond.Start + beyond.Duration) * c.Source.Rate
	for _, e := range o.Effects {
		if e == nil {
			continue
		}
		switch {
		case e.schema() == "FreezeFrame":
			c.Speed = 0
		case e.TimeScalar != nil: // LinearTimeWarp
			c.Speed *= *e.TimeScalar
		}
	}
	w.clips = append(w.clips, c)
	return nil
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
