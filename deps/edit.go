package deps

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flsync/flsync/deps/blend"
)

// Edit is what the video sequencer of a file's active scene shows.
type Edit struct {
	Path  string // native
	Scene string
	// FPS is in frames a second.
	FPS    float64
	Strips []EditStrip
}

// EditStrip is an image, movie or scene strip that is shown, those within meta strips included. What is muted
// is left out, what lies behind other strips is not.
type EditStrip struct {
	Name    string
	Kind    Kind // KindImage, KindMovie, or "scene"
	Channel int
	// Start and End are frames of the edit: it is shown from Start until before End.
	Start, End int
	// First and Last are what is shown of its content, counted from 0 and both included.
	First, Last int
	// Length is how many frames the content has, FPS their rate; 0: that of the edit.
	Length int
	FPS    float64
	// Note says why First and Last may be more than is shown; "" if they are exact.
	Note string

	File   string   // of a movie, or the first shown image; native, absolute if the edit knows where
	Images []string // names of the images from First to Last

	Scene      string // of a scene strip
	SceneFile  string // the library that has it; "" if the edit itself has it
	SceneStart int    // the scene's first frame: that of content 0
	Problem    string // why the strip cannot be rendered as it is shown
}

// kindScene is the Kind of a scene strip.
const kindScene Kind = "scene"

// More of Sequence.type, Sequence.flag, Sequence.retiming_handles.flag, SeqTimelineChannel.flag and
// SpeedControlVars.
const (
	stripMeta  = 1
	stripScene = 2
	stripSpeed = 29

	stripMute         = 1 << 5
	stripReverse      = 1 << 7
	stripAutoRate     = 1 << 17
	stripSceneStrips  = 1 << 30
	stripFirstEffect  = 8
	keyTransition     = 1 << 0
	channelMute       = 1 << 1
	speedStretch      = 0
	speedMultiply     = 1
	speedLength       = 2
	speedFrameNumber  = 3
	maxStripNesting   = 50
	maxStripImages    = 1 << 20
	sequencerProperty = `"].speed`
)

// sequencerStrip is a strip of any kind, as the file has it.
type sequencerStrip struct {
	old              uint64
	name             string
	kind             int64
	flag             int64
	channel          int
	start            float64 // of the content, in frames of the edit
	left, right      float64 // what is shown, right not included
	length           float64 // of the content, in its own frames
	end              float64 // of the content, in frames of the edit
	rate             float64 // frames of the content that pass in one of the edit, retiming apart
	fps              float64
	animStart        int
	strobe           float64
	keys             []retimingKey
	lastIsLength     bool // the last key means the end of the last frame, not its begin
	folder           string
	images           []string
	scene, input     uint64
	speedType        int64 // of a speed effect; -1: another way, in an old file
	speed, part, one float64
	between          bool // the effect mixes neighbouring frames
	children         []*sequencerStrip
	muted            map[int]bool // channels of a meta strip
}

type retimingKey struct {
	at, factor float64
	transition bool
}

// Edit reads the sequencer of the blend file at path. The error is a *blend.FormatError when the file is no
// Blender file or is damaged, else that of opening it. How strips map time to frames was measured in Blender
// 3.4, 4.3 and 5.2.
func (t *Tracer) Edit(ctx context.Context, path string) (*Edit, error) {
	return t.editBetween(ctx, path, math.Inf(-1), math.Inf(1))
}

// editBetween reads what an edit shows between two of its frames, both included.
func (t *Tracer) editBetween(ctx context.Context, path string, from, to float64) (*Edit, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f, err := blend.Open(ctx, absolute, blend.Options{Shared: &t.shared})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := editReader{version: f.Version, names: map[uint64]string{}, libraryOf: map[uint64]uint64{}, libraries: map[uint64]string{}}
	for d, err := range f.DataBlocks() {
		if err != nil {
			return nil, err
		}
		r.block(d)
	}
	r.edit.Path = absolute
	for i := range r.found {
		if s := &r.found[i]; s.old == r.active || i == 0 {
			r.edit.Scene, r.edit.FPS, r.edit.Strips = s.name, s.fps, nil
			r.show(s.strips, s.muted, from, to, 0)
		}
	}
	slices.SortStableFunc(r.edit.Strips, func(a, b EditStrip) int { return cmp.Compare(a.Start, b.Start) })
	for i := range r.edit.Strips {
		if err := t.findScene(ctx, &r.edit, &r.edit.Strips[i]); err != nil {
			return nil, err
		}
	}
	return &r.edit, nil
}

type editReader struct {
	version   blend.Version
	edit      Edit
	active    uint64
	found     []sequencerScene
	names     map[uint64]string // of scenes, here and linked
	libraryOf map[uint64]uint64 // of linked scenes
	libraries map[uint64]string
	actions   []byte // paths of animated properties of strips
}

type sequencerScene struct {
	old    uint64
	name   string
	fps    float64
	strips []*sequencerStrip
	muted  map[int]bool
}

// block takes in a data-block.
func (r *editReader) block(d *blend.DataBlock) {
	switch d.Code.String() {
	case "GLOB":
		r.active = d.Struct().Pointer("curscene")
	case "LI":
		r.libraries[d.Old] = string(d.Struct().Bytes("name"))
	case "ID":
		s := d.Struct()
		r.names[d.Old], r.libraryOf[d.Old] = bareName(string(s.Bytes("name"))), s.Pointer("lib")
	case "AC":
		for i := range d.Data {
			if raw := d.Array(&d.Data[i]).Raw(); bytes.Contains(raw, []byte(sequencerProperty)) && len(r.actions) < 1<<20 {
				r.actions = append(append(r.actions, raw...), 0)
			}
		}
	case "SC":
		s := d.Struct()
		scene := sequencerScene{old: d.Old, name: bareName(string(s.Bytes("id.name"))), fps: float64(s.Int("r.frs_sec"))}
		if base := s.Float("r.frs_sec_base"); base > 0 {
			scene.fps /= base
		}
		r.names[d.Old] = scene.name
		if ed := s.Follow("ed"); ed.Valid() {
			scene.strips, scene.muted = r.strips(ed, scene.fps, 0), mutedChannels(ed)
		}
		r.found = append(r.found, scene)
	}
}

func mutedChannels(s blend.Struct) map[int]bool {
	muted := map[int]bool{}
	for c := range s.List("channels") {
		if c.Int("flag")&channelMute != 0 {
			muted[int(c.Int("index"))] = true
		}
	}
	return muted
}

// strips reads the strips of a scene's sequencer or of a meta strip.
func (r *editReader) strips(of blend.Struct, fps float64, depth int) (list []*sequencerStrip) {
	for s := range of.List("seqbase") {
		strip := r.strip(s, fps)
		if strip.kind == stripMeta && depth < maxStripNesting {
			strip.children, strip.muted = r.strips(s, fps, depth+1), mutedChannels(s)
		}
		list = append(list, strip)
	}
	return list
}

func (r *editReader) strip(s blend.Struct, fps float64) *sequencerStrip {
	strip := &sequencerStrip{
		old: s.Old(), name: bareName(string(s.Bytes("name"))), kind: s.Int("type"), flag: s.Int("flag"), channel: int(s.Int("machine")),
		start: s.Float("start"), length: s.Float("len"), rate: 1, animStart: int(s.Int("anim_startofs")), strobe: s.Float("strobe"),
		scene: s.Pointer("scene"), input: s.Pointer("seq1"), lastIsLength: r.version.AtLeast(5, 0),
	}
	if rate := s.Float("media_playback_rate"); rate > 0 && strip.flag&stripAutoRate != 0 && fps > 0 {
		strip.rate, strip.fps = rate/fps, rate
	}
	if factor := s.Float("speed_factor"); factor > 0 && r.version.AtLeast(3, 3) && !r.version.AtLeast(4, 0) {
		strip.rate *= factor
	}
	keys := s.FollowArray("retiming_handles")
	for i := range min(keys.Len(), int(s.Int("retiming_handle_num"))) {
		k := keys.At(i)
		at := k.Float("strip_frame_index")
		strip.keys = append(strip.keys, retimingKey{at, k.Float("retiming_factor"), k.Int("flag")&keyTransition != 0})
	}
	strip.end = strip.start + strip.length/strip.rate
	if n := len(strip.keys); n > 1 {
		strip.end = strip.start + strip.keys[n-1].at/strip.rate
		if !strip.lastIsLength {
			strip.end++
		}
	}
	strip.left, strip.right = strip.start+s.Float("startofs"), strip.end-s.Float("endofs")
	if !r.version.AtLeast(3, 3) {
		strip.left, strip.right = strip.left-s.Float("startstill"), strip.right+s.Float("endstill")
	}
	if strip.kind >= stripFirstEffect && strip.kind != stripSpeed {
		return strip
	}
	if v := s.Follow("effectdata"); strip.kind == stripSpeed && v.Valid() {
		strip.left, strip.right = s.Float("startdisp"), s.Float("enddisp")
		strip.speedType, strip.between = v.Int("speed_control_type"), v.Int("flags") != 0
		strip.speed, strip.part, strip.one = v.Float("speed_fader"), v.Float("speed_fader_length"), v.Float("speed_fader_frame_number")
		if !v.Has("speed_control_type") || bytes.Contains(r.actions, []byte(`["`+strip.name+sequencerProperty)) {
			strip.speedType = -1
		}
	}
	r.media(s, strip)
	return strip
}

// media reads the names of a strip's files.
func (r *editReader) media(s blend.Struct, strip *sequencerStrip) {
	data := s.Follow("strip")
	strip.folder = string(data.Bytes("dir"))
	elements := data.FollowArray("stripdata")
	for i := range min(elements.Len(), maxStripImages) {
		strip.images = append(strip.images, string(elements.At(i).Bytes("name")))
		if strip.kind == stripMovie {
			break
		}
	}
}

// show adds what strips show between two frames of the edit, both included.
func (r *editReader) show(strips []*sequencerStrip, muted map[int]bool, from, to float64, depth int) {
	hidden := func(s *sequencerStrip) bool { return s.flag&stripMute != 0 || muted[s.channel] }
	for _, s := range strips {
		begin, end := max(from, math.Round(s.left)), min(to, math.Round(s.right)-1)
		if hidden(s) || end < begin || s.kind >= stripFirstEffect {
			continue
		}
		low, high := s.shown(begin, end)
		note := ""
		for _, effect := range strips {
			if effect.kind == stripSpeed && effect.input == s.old && !hidden(effect) {
				low, high, note = effect.change(s, begin, end, low, high)
			}
		}
		if s.kind == stripMeta {
			r.show(s.children, s.muted, s.start+math.Floor(low), s.start+math.Floor(high), depth+1)
			continue
		}
		e := EditStrip{
			Name: s.name, Channel: s.channel, Start: clampFrame(begin), End: clampFrame(end) + 1, Note: note, FPS: s.fps,
			Length: clampFrame(s.length),
		}
		low, high = r.whole(low, high, s.kind == stripScene, len(s.keys) > 1)
		e.First, e.Last = clampFrame(low)+s.animStart, clampFrame(high)+s.animStart
		switch s.kind {
		case stripScene:
			e.Kind, e.Scene = kindScene, r.names[s.scene]
			if lib, linked := r.libraryOf[s.scene]; linked {
				e.SceneFile = r.libraries[lib]
			}
			if s.flag&stripSceneStrips != 0 {
				e.Problem = "it shows the sequencer of scene " + e.Scene + ", not its camera"
			}
		case stripImage, stripMovie:
			e.Kind = KindImage
			first := e.First
			if s.kind == stripMovie {
				e.Kind, first = KindMovie, 0
			} else if e.First >= 0 && e.First < len(s.images) {
				e.Images = s.images[e.First:min(max(e.First, e.Last)+1, len(s.images))]
			}
			if first >= 0 && first < len(s.images) {
				e.File = strings.ReplaceAll(joinName(s.folder, s.images[first]), `\`, "/")
			}
		default:
			continue // sound, movie clips, masks
		}
		r.edit.Strips = append(r.edit.Strips, e)
	}
}

// findScene looks up the scene of a strip in its library, and makes paths absolute.
func (t *Tracer) findScene(ctx context.Context, e *Edit, s *EditStrip) error {
	folder := filepath.ToSlash(filepath.Dir(e.Path))
	absolute := func(p string) string {
		if rest, ok := strings.CutPrefix(p, "//"); ok {
			p = path.Join(folder, rest)
		}
		return filepath.FromSlash(p)
	}
	if s.File != "" {
		s.File = absolute(s.File)
	}
	if s.Kind != kindScene || s.Problem != "" {
		return nil
	}
	if s.SceneFile == "" {
		s.Problem = fmt.Sprintf("its scene %q is in the edit itself, which is no shot", s.Scene)
		return nil
	}
	s.SceneFile = absolute(strings.ReplaceAll(s.SceneFile, `\`, "/"))
	b, err := t.Inspect(ctx, s.SceneFile)
	if isCancelled(err) {
		return err
	}
	if err != nil {
		s.Problem = err.Error()
		return nil
	}
	for _, scene := range b.Scenes {
		if scene.Name == s.Scene && !scene.Linked {
			s.SceneStart = scene.FrameStart
			if s.Scene != b.ActiveScene {
				s.Problem = fmt.Sprintf("it shows scene %q of %s, which renders scene %q", s.Scene, s.SceneFile, b.ActiveScene)
			}
			return nil
		}
	}
	s.Problem = fmt.Sprintf("%s has no scene %q", s.SceneFile, s.Scene)
	return nil
}
