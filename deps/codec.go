package deps

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"

	"github.com/flsync/flsync/deps/blend"
)

// contentsFormat stands before the digest in the keys of kept contents. Its
// number goes up whenever the same file may give other contents.
const contentsFormat = "deps.contents.13:"

var errKept = errors.New("kept contents are damaged")

// encodeContents packs contents for keeping.
func encodeContents(c *Contents) []byte {
	e := encoder{buf: make([]byte, 0, 256+64*len(c.IDs)+128*len(c.Refs))}
	e.contents(c)
	return e.buf
}

// decodeContents is the reverse of encodeContents. It believes nothing it reads.
func decodeContents(data []byte) (*Contents, error) {
	d := decoder{buf: data, text: string(data)}
	c := d.contents(maxPackedDepth + 1)
	if d.failed || len(d.buf) > 0 {
		return nil, errKept
	}
	return c, nil
}

type encoder struct {
	buf []byte
}

func (e *encoder) int(n int64) { e.buf = binary.AppendVarint(e.buf, n) }

func (e *encoder) bool(b bool) {
	if b {
		e.int(1)
		return
	}
	e.int(0)
}

func (e *encoder) string(s string) {
	e.int(int64(len(s)))
	e.buf = append(e.buf, s...)
}

func (e *encoder) contents(c *Contents) {
	e.string(c.Version)
	e.int(int64(c.Subversion))
	e.string(string(c.Compression))
	e.string(c.ActiveScene)
	e.bool(c.HasGraph)
	e.int(int64(len(c.Scenes)))
	for i := range c.Scenes {
		s, err := json.Marshal(&c.Scenes[i])
		if err != nil { // a number that is none: the scene comes back without it
			s = []byte("{}")
		}
		e.string(string(s))
		e.string(c.Scenes[i].Name) // JSON has only UTF-8
		e.string(c.Scenes[i].Filepath)
		if p := c.Scenes[i].Properties; p != nil {
			e.any(p)
		} else {
			e.any(nil)
		}
	}
	e.int(int64(len(c.Libraries)))
	for _, l := range c.Libraries {
		e.int(int64(l.Ref))
		e.int(int64(l.Linked))
		e.int(int64(l.Stored))
		e.bool(l.Packed != nil)
		if l.Packed != nil {
			e.contents(l.Packed)
		}
	}
	e.int(int64(len(c.IDs)))
	for _, id := range c.IDs {
		e.string(id.Name)
		e.int(int64(id.Library))
		e.int(int64(id.FirstRef))
		e.int(int64(id.NumRefs))
		e.indices(id.Uses)
	}
	e.int(int64(len(c.Refs)))
	for i := range c.Refs {
		e.reference(&c.Refs[i])
	}
	e.int(int64(len(c.Frames)))
	for _, u := range c.Frames {
		for _, n := range []int{int(u.ID), int(u.Target), int(u.Mode), u.Start, u.Count, u.Offset} {
			e.int(int64(n))
		}
	}
	e.notes(c)
}

func (e *encoder) notes(c *Contents) {
	e.int(int64(len(c.Notes)))
	for _, n := range c.Notes {
		e.int(int64(n.ID))
		e.string(string(n.Code))
		e.string(n.What)
		e.bool(n.Baked)
		e.int(int64(n.First))
		e.int(int64(n.Last))
		e.indices(n.If)
	}
	e.indices(c.Simulating)
}

func (e *encoder) indices(list []int32) {
	e.int(int64(len(list)))
	for _, i := range list {
		e.int(int64(i))
	}
}

func (e *encoder) reference(r *Reference) {
	e.string(r.ID)
	e.string(r.Field)
	e.string(string(r.Kind))
	e.string(r.Path)
	e.int(int64(r.Form))
	e.int(int64(r.Base))
	e.int(int64(r.Library))
	e.string(r.Name)
	e.int(int64(r.Stack))
	e.bool(r.Optional)
	e.int(int64(len(r.Tiles)))
	for _, t := range r.Tiles {
		e.int(int64(t))
	}
	e.int(int64(len(r.Parts)))
	for _, p := range r.Parts {
		e.int(int64(p.Role))
		e.int(p.Offset)
		e.int(int64(p.Size))
		e.string(p.Raw)
		e.int(p.Block)
		e.int(p.Length)
	}
}

// Tags of values of custom properties.
const (
	tagNil = iota
	tagBool
	tagInt
	tagFloat
	tagString
	tagList
	tagMap
)

func (e *encoder) any(v any) {
	switch v := v.(type) {
	case bool:
		e.int(tagBool)
		e.bool(v)
	case int64:
		e.int(tagInt)
		e.int(v)
	case float64:
		e.int(tagFloat)
		e.int(int64(math.Float64bits(v)))
	case string:
		e.int(tagString)
		e.string(v)
	case []any:
		e.int(tagList)
		e.int(int64(len(v)))
		for _, item := range v {
			e.any(item)
		}
	case map[string]any:
		e.int(tagMap)
		e.int(int64(len(v)))
		for key, item := range v {
			e.string(key)
			e.any(item)
		}
	default:
		e.int(tagNil)
	}
}

type decoder struct {
	buf    []byte // what is left
	text   string // all of it, of which strings are parts: they are most of it
	parts  []Part // room for those of many references
	failed bool
}

func (d *decoder) fail() {
	d.failed, d.buf = true, nil
}

func (d *decoder) int() int64 {
	n, size := binary.Varint(d.buf)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

func (d *decoder) bool() bool { return d.int() != 0 }

// count reads how many things follow, each of which takes a byte or more.
func (d *decoder) count() int {
	n := d.int()
	if n < 0 || n > int64(len(d.buf)) {
		d.fail()
		return 0
	}
	return int(n)
}

// index reads a number from low up to below limit.
func (d *decoder) index(low, limit int) int {
	n := d.int()
	if n < int64(low) || n >= int64(limit) {
		d.fail()
		return max(low, 0)
	}
	return int(n)
}

// indices reads numbers from 0 up to below limit.
func (d *decoder) indices(limit int) []int32 {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(d.index(0, limit))
	}
	return list
}

func (d *decoder) string() string {
	n := d.count()
	at := len(d.text) - len(d.buf)
	d.buf = d.buf[n:]
	return d.text[at : at+n]
}

func (d *decoder) contents(depth int) *Contents {
	c := &Contents{}
	if depth == 0 {
		d.fail()
		return c
	}
	c.Version, c.Subversion = d.string(), int(d.int())
	c.Compression, c.ActiveScene = blend.Compression(d.string()), d.string()
	c.HasGraph = d.bool()
	for range d.count() {
		var s Scene
		if json.Unmarshal([]byte(d.string()), &s) != nil {
			d.fail()
		}
		s.Name, s.Filepath = d.string(), d.string()
		s.Properties, _ = d.any(maxPropertyDepth + 2).(map[string]any)
		c.Scenes = append(c.Scenes, s)
	}
	c.Libraries = make([]Library, d.count())
	for i := range c.Libraries {
		l := &c.Libraries[i]
		l.Ref, l.Linked, l.Stored = int(d.int()), int(d.int()), int(d.int())
		if d.bool() {
			l.Packed = d.contents(depth - 1)
		}
	}
	c.IDs = make([]ID, d.count())
	for i := range c.IDs {
		id := &c.IDs[i]
		id.Name, id.Library = d.string(), d.index(-1, len(c.Libraries))
		id.FirstRef, id.NumRefs = int(d.int()), int(d.int())
		id.Uses = d.indices(len(c.IDs))
	}
	c.Refs = make([]Reference, d.count())
	for i := range c.Refs {
		d.reference(&c.Refs[i], len(c.Libraries))
	}
	c.Frames = make([]FrameUse, d.count())
	for i := range c.Frames {
		c.Frames[i] = FrameUse{
			ID: int32(d.index(0, len(c.IDs))), Target: int32(d.index(0, len(c.IDs))), Mode: FrameMode(d.index(0, int(frameModesEnd))),
			Start: int(d.int()), Count: int(d.int()), Offset: int(d.int()),
		}
	}
	c.Notes = make([]Note, d.count())
	for i := range c.Notes {
		c.Notes[i] = Note{int32(d.index(0, len(c.IDs))), NoteCode(d.string()), d.string(), d.bool(), int(d.int()), int(d.int()), d.indices(len(c.IDs))}
	}
	c.Simulating = d.indices(len(c.IDs))
	d.check(c)
	return c
}

// check refuses indices that lead nowhere.
func (d *decoder) check(c *Contents) {
	for _, l := range c.Libraries {
		if l.Ref < 0 || l.Ref >= len(c.Refs) {
			d.fail()
		}
	}
	for _, id := range c.IDs {
		if id.FirstRef < 0 || id.NumRefs < 0 || id.FirstRef > len(c.Refs)-id.NumRefs {
			d.fail()
		}
	}
}

func (d *decoder) reference(r *Reference, libraries int) {
	r.ID, r.Field, r.Kind, r.Path = d.string(), d.string(), Kind(d.string()), d.string()
	r.Form, r.Base = Form(d.index(0, int(formsEnd))), Base(d.index(0, int(basesEnd)))
	r.Library = d.index(0, max(libraries, 1))
	if r.Base == BaseLibrary && libraries == 0 {
		d.fail()
	}
	r.Name, r.Stack, r.Optional = d.string(), int(d.int()), d.bool()
	for range d.count() {
		r.Tiles = append(r.Tiles, int(d.int()))
	}
	if n := d.count(); n > 0 {
		r.Parts = d.room(n)
	}
	for i := range r.Parts {
		p := &r.Parts[i]
		p.Role, p.Offset, p.Size = Role(d.int()), d.int(), int(d.int())
		p.Raw, p.Block, p.Length = d.string(), d.int(), d.int()
	}
}

// room makes n parts, most of which are the only one of their reference.
func (d *decoder) room(n int) []Part {
	if n > len(d.parts) {
		d.parts = make([]Part, max(n, 64))
	}
	parts := d.parts[:n:n]
	d.parts = d.parts[n:]
	return parts
}

func (d *decoder) any(depth int) any {
	tag := d.int()
	if depth == 0 {
		d.fail()
	}
	switch tag {
	case tagBool:
		return d.bool()
	case tagInt:
		return d.int()
	case tagFloat:
		return math.Float64frombits(uint64(d.int()))
	case tagString:
		return d.string()
	case tagList:
		list := []any{}
		for range d.count() {
			list = append(list, d.any(depth-1))
		}
		return list
	case tagMap:
		m := map[string]any{}
		for range d.count() {
			key := d.string()
			m[key] = d.any(depth - 1)
		}
		return m
	}
	return nil
}
