package deps

import (
	"bytes"

	"github.com/flsync/flsync/deps/blend"
)

// textInMemory says that a text has no file (Text.flags).
const textInMemory = 1 << 2

// readText takes in a text data-block.
func readText(c *collector, s blend.Struct, r *row) {
	if s.Int("flags")&textInMemory != 0 {
		return
	}
	if path, part, ok := charPointer(s, r.Field); ok {
		c.add(Reference{Field: "Text.name", Kind: r.Kind, Path: path, Parts: []Part{part}})
	}
}

// charPointer gives the string that a char* field points to.
func charPointer(s blend.Struct, field string) (string, Part, bool) {
	a := s.FollowArray(field)
	if !a.Valid() {
		return "", Part{}, false
	}
	raw := a.Raw()
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		raw = raw[:i]
	}
	part := Part{Role: RolePath, Offset: a.Block.Body, Size: len(a.Raw()), Raw: string(raw), Block: a.Block.Offset}
	return part.Raw, part, true
}

// readFrames takes in a file, or the files of all frames where is_sequence says so. No Blender reads a volume
// that is packed.
func readFrames(c *collector, s blend.Struct, r *row) {
	ref := r.reference(s)
	if s.Int("is_sequence") != 0 {
		ref.Form = FormFrames
		c.readSequenceFrames(s)
	}
	c.add(ref)
}

// readCacheLayer takes in a layer of a cache file, which is a sequence when the cache file is.
func readCacheLayer(c *collector, s blend.Struct, r *row) {
	ref := r.reference(s)
	if c.id.Int("is_sequence") != 0 {
		ref.Form = FormFrames
	}
	c.add(ref)
}
