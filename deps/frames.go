package deps

import (
	"path"
	"slices"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/ranges"
)

// A FrameUse says which frames of a sequence a data-block shows.
type FrameUse struct {
	// ID is the index in Contents.IDs of the data-block that shows them, Target that of the image, volume or
	// cache file that has the sequence.
	ID, Target int32
	Mode       FrameMode
	// Start is the frame of the scene that shows the first of Count frames; Offset is added to their numbers.
	Start, Count, Offset int
}

// FrameMode says what a sequence shows outside of its range.
type FrameMode uint8

const (
	framesImage    FrameMode = iota // frame 0 before it, the last one after it (BKE_image_user_frame_get)
	framesClip                      // nothing (volume_sequence_frame, as those below)
	framesExtend                    // the first and the last frame
	framesRepeat                    // the range again
	framesPingPong                  // the range backwards and forwards
	framesScene                     // there is no range: the number is that of the scene's frame
	framesFilm                      // nothing, as framesClip; of a movie clip, where something shows it
	framesShown                     // says that something shows a movie clip

	frameModesEnd
)

// number gives the number in the name of the file that is shown at a frame of the scene; ok is false where
// nothing is shown.
func (u *FrameUse) number(frame int) (number int, ok bool) {
	if u.Mode == framesScene {
		return frame, true
	}
	if u.Count <= 0 || u.Mode == framesShown {
		return 0, false
	}
	n := frame - u.Start + 1
	switch u.Mode {
	case framesImage:
		return max(min(max(n, 0), u.Count)+u.Offset, 0), true
	case framesClip, framesFilm:
		return n + u.Offset, n >= 1 && n <= u.Count
	case framesExtend:
		n = min(max(n, 1), u.Count)
	case framesRepeat:
		n = modulo(n-1, u.Count) + 1
	case framesPingPong:
		period := max(2*u.Count-2, 1)
		if n = modulo(n-1, period) + 1; n > u.Count {
			n = 2*u.Count - n
		}
	}
	return n + u.Offset, true
}

func modulo(n, by int) int { return ((n % by) + by) % by }

// A frameCollector gathers FrameUses, whose targets may not have been read yet.
type frameCollector struct {
	now  []frameTarget // of the data-block being read
	uses []frameTarget
}

type frameTarget struct {
	use FrameUse
	to  uint64 // old address of Target
}

// addImageUser takes in the frames of an image that a struct shows, which holds an ImageUser.
func (c *collector) addImageUser(user blend.Struct, image uint64) {
	if !user.Valid() || image == 0 {
		return
	}
	u := FrameUse{Start: int(user.Int("sfra")), Count: int(user.Int("frames")), Offset: int(user.Int("offset"))}
	if user.Int("cycl") != 0 {
		u.Mode = framesRepeat
	}
	c.frames.now = append(c.frames.now, frameTarget{u, image})
}

// readNode takes in the frames that a node shows of an image.
func readNode(c *collector, s blend.Struct, _ *row) {
	c.scenes.readNode(c, s)
	if c.d.Code.String() == "NT" {
		c.notes.readNode(c.d.Old, s)
	}
	image := s.Pointer("id")
	if image == 0 {
		return
	}
	storage := s.Follow("storage")
	switch {
	case string(s.Bytes("idname")) == "CompositorNodeMovieClip":
		c.showsClip(image)
	case !storage.Valid():
	case storage.Type.Name == "ImageUser":
		c.addImageUser(storage, image)
	default:
		c.addImageUser(storage.Sub("iuser"), image)
	}
}

// showsClip notes that the data-block being read shows a movie clip.
func (c *collector) showsClip(clip uint64) {
	c.frames.now = append(c.frames.now, frameTarget{FrameUse{Mode: framesShown}, clip})
}

// readImageUser takes in the frames that a texture, a background image or an empty shows of an image.
func readImageUser(c *collector, s blend.Struct, r *row) {
	if user := s.Sub("iuser"); user.Valid() {
		c.addImageUser(user, s.Pointer(r.Field))
	} else {
		c.addImageUser(s.Follow("iuser"), s.Pointer(r.Field))
	}
}

// volumeModes are the modes of volumes by their number in files (Volume.sequence_mode).
var volumeModes = [...]FrameMode{framesClip, framesExtend, framesRepeat, framesPingPong}

// readSequenceFrames takes in the frames of a volume or of a cache file.
func (c *collector) readSequenceFrames(s blend.Struct) {
	const fakeUser = 1 << 9 // ID.flag
	if c.id.Int("id.flag")&fakeUser != 0 && c.id.Int("id.us") <= 1 {
		return // nothing shows it
	}
	u := FrameUse{Mode: framesScene}
	if s.Has("sequence_mode") {
		mode := s.Int("sequence_mode")
		if mode < 0 || int(mode) >= len(volumeModes) {
			return
		}
		u.Mode = volumeModes[mode]
		u.Start, u.Count, u.Offset = int(s.Int("frame_start")), int(s.Int("frame_duration")), int(s.Int("frame_offset"))
	} else if c.id.Int("override_frame") != 0 {
		return // it is animated, mostly
	}
	c.frames.now = append(c.frames.now, frameTarget{u, c.d.Old})
}

// finishID gives what was added to a data-block.
func (f *frameCollector) finishID(id int) {
	for _, t := range f.now {
		t.use.ID = int32(id)
		f.uses = append(f.uses, t)
	}
	f.now = f.now[:0]
}

// finish drops what leads to no sequence.
func (f *frameCollector) finish(c *collector) {
	seen := map[FrameUse]bool{}
	for _, t := range f.uses {
		target, ok := c.ids[t.to]
		if !ok || c.IDs[target].Library < 0 && !slices.ContainsFunc(c.refs(int(target)), isSequence) {
			continue
		}
		if t.use.Target = target; !seen[t.use] {
			seen[t.use] = true
			c.Frames = append(c.Frames, t.use)
		}
	}
}

func isSequence(r Reference) bool { return r.Form == FormSequence || r.Form == FormFrames }

// A sequence is what a numbered file name comes to. All references to it share it.
type sequence struct {
	expansion
	folder string
	numbering
	present map[int]bool // the numbers on disk; filled when asked for
}

// has reports whether there is a file of that number. One goroutine at a time asks, see disk.
func (s *sequence) has(number int) bool {
	if s.present == nil {
		s.present = make(map[int]bool, len(s.files))
		for _, f := range s.files {
			if n, ok := s.match(path.Base(f), place.Rules{}); ok {
				s.present[n] = true
			}
		}
	}
	return s.present[number]
}

// extend makes the range of a movie clip reach up to the last frame that is there: Blender saves how many
// there were up to the first hole.
func (s *sequence) extend(u FrameUse) FrameUse {
	s.has(0)
	for n := range s.present {
		u.Count = max(u.Count, n-u.Offset)
	}
	return u
}

const (
	// maxHoles bounds the missing frames that are listed one by one.
	maxHoles = 10_000
	// maxFrameLooks bounds the frames that are looked at in one trace.
	maxFrameLooks = 4 << 20
)

// A shown is a sequence that a reference of a visit names.
type shown struct {
	visit *visit
	name  string // of the data-block
}

// holes finds the frames that the shot uses and that are not there, where the sequence itself is.
func (r *run) holes(first, last, step int) {
	left := maxFrameLooks
	wanted := map[shown]map[FrameUse]bool{}
	for _, v := range r.visits {
		if v.file == nil || len(v.file.Frames) == 0 {
			continue
		}
		counts := r.counts(v)
		for _, u := range v.file.Frames {
			to, id := v, &v.file.IDs[u.Target]
			if id.Library >= 0 {
				to = v.libraries[id.Library]
			}
			if to == nil || !counts[u.ID] {
				continue
			}
			u.ID, u.Target = 0, 0
			key := shown{to, id.Name}
			if wanted[key] == nil {
				wanted[key] = map[FrameUse]bool{}
			}
			wanted[key][u] = true
		}
	}
	if len(wanted) == 0 {
		return
	}
	reported := map[*sequence]map[int]bool{}
	for _, v := range r.visits {
		for i := range v.uses {
			use := &v.uses[i]
			if use.sequence == nil || use.Optional || len(use.Files) == 0 {
				continue
			}
			missing := reported[use.sequence]
			if missing == nil {
				missing = map[int]bool{}
				reported[use.sequence] = missing
			}
			var now []int
			uses := wanted[shown{v, use.ID}]
			for u := range uses {
				if u.Mode == framesFilm {
					if !uses[FrameUse{Mode: framesShown}] {
						continue
					}
					u = r.t.expand.disk.extend(use.sequence, u)
				}
				for f := first; f <= last && left > 0; f += step {
					left--
					if n, ok := u.number(f); ok && !missing[n] && !r.t.expand.disk.has(use.sequence, n) {
						missing[n] = true
						now = append(now, n)
					}
				}
			}
			if len(now) > 0 {
				r.hole(v, use, use.sequence.folder, use.sequence.numbering, now)
			}
		}
	}
}

// counts says of each data-block of a visit whether it counts for the trace.
func (r *run) counts(v *visit) []bool {
	counts := make([]bool, len(v.file.IDs))
	if v == r.main {
		for i := range counts {
			counts[i] = true
		}
		return counts
	}
	for _, id := range v.file.walk(v.wanted, nil) {
		counts[id] = true
	}
	return counts
}

// hole lists missing frames of a sequence or a cache, and tells of them once.
func (r *run) hole(v *visit, use *Use, folder string, names numbering, numbers []int) {
	list := ranges.Format(numbers)
	d := Dependency{
		Kind: use.Kind, Missing: true, UsedBy: native(v.path), ID: use.ID, Field: use.Field, Chain: r.chainTo(v, use.ID),
	}
	for _, n := range numbers {
		d.Path = native(below(folder, names.name(n)))
		if r.holeCount++; r.holeCount <= maxHoles {
			missing := d
			r.trace.Files = append(r.trace.Files, &missing)
		}
	}
	d.Path = native(below(folder, names.name(numbers[0])))
	r.lack(LackHole, d, "%s does not exist; missing frames of %s that the shot uses: %s", d.Path, names.pattern(), list).Frames = list
}
