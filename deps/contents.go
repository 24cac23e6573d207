package deps

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flsync/flsync/deps/blend"
)

// Contents is what a blend file says of other files and of its scenes. It
// depends on the file's bytes only, so it may be kept under their digest.
type Contents struct {
	Version     string // as Blender shows it: "3.4"
	Subversion  int
	Compression blend.Compression
	// ActiveScene is the name of the scene that is rendered by default.
	ActiveScene string
	Scenes      []Scene
	Libraries   []Library
	// IDs are the data-blocks that matter: those with references and those linked from libraries. With
	// HasGraph they are all that are not part of the user interface.
	IDs  []ID
	Refs []Reference
	// Frames are the frames of sequences that are shown.
	Frames []FrameUse
	// Notes are what data-blocks hold beside files, see [Note].
	Notes []Note
	// Simulating are the node trees with a simulation zone of their own, and the particle settings that
	// simulate.
	Simulating []int32
	// HasGraph says that the Uses of all IDs are filled in.
	HasGraph bool
}

// Library is a blend file that data is linked from.
type Library struct {
	// Ref is the index in Refs of the reference to it.
	Ref int
	// Linked and Stored count data-blocks of the library: those that are read
	// from it, and those that were packed into this file when they were linked,
	// as Blender 5 can. A library of which all is stored need not be there.
	Linked, Stored int
	// Packed is the library itself, when it is packed into this file.
	Packed *Contents
}

// Needed reports whether the library has to be on disk.
func (l *Library) Needed() bool { return l.Packed == nil && (l.Linked > 0 || l.Stored == 0) }

// ID is a data-block.
type ID struct {
	// Name has the two letters of its kind in front: "OBCube".
	Name string
	// Library is the index of the library that it is read from; -1 for data that this file holds itself.
	Library int
	// FirstRef and NumRefs are its part of Contents.Refs.
	FirstRef, NumRefs int
	// Uses are the indices of the data-blocks that it points to.
	Uses []int32
}

func (i *ID) isScene() bool { return strings.HasPrefix(i.Name, "SC") }

// refs gives the references that a data-block holds.
func (c *Contents) refs(id int) []Reference {
	i := &c.IDs[id]
	return c.Refs[i.FirstRef : i.FirstRef+i.NumRefs]
}

// ErrTooMany is wrapped by the error for a blend file that names more files
// than any real one, and was made to use up memory.
var ErrTooMany = errors.New("names too many files")

// maxRefs bounds what one blend file may refer to: image strips of ten hours.
const maxRefs = 1 << 20

// maxPackedDepth bounds how often a blend file is packed into one that is packed itself.
const maxPackedDepth = 2

// readContents reads a blend file. graph asks for the Uses of its data-blocks;
// depth is how often the file is packed into another.
func readContents(f *blend.File, plans *planCache, graph bool, depth int) (*Contents, error) {
	c := collector{
		depth:     depth,
		Contents:  &Contents{Compression: f.Compression, HasGraph: graph},
		plans:     plans,
		plan:      plans.of(f.DNA()),
		ids:       map[uint64]int32{},
		libraries: map[uint64]int{},
		archives:  map[int]uint64{},
		refLib:    map[int]uint64{},
		version:   f.Version,
		uses:      useCollector{noScenes: !f.Version.AtLeast(4, 1)},
		scenes:    sceneCollector{names: map[uint64]string{}, outputs: map[uint64]bool{}},
		nodes:     nodeCollector{ports: map[port]*portStrings{}},
		notes:     noteCollector{settings: map[uint64]bool{}, zones: map[uint64]bool{}, groups: map[uint64][]uint64{}},
	}
	for d, err := range f.DataBlocks() {
		if err != nil {
			return nil, err
		}
		c.read(d)
		if len(c.Refs) > maxRefs {
			return nil, fmt.Errorf("%w: %d by byte %d", ErrTooMany, len(c.Refs), d.Offset)
		}
	}
	c.Version, c.Subversion = f.Version.String(), f.Version.Sub
	c.finish()
	return c.Contents, nil
}

// A collector gathers the contents of one blend file, data-block after
// data-block. What takes knowing all of them is put right in finish.
type collector struct {
	*Contents
	version blend.Version
	plan    *plan
	plans   *planCache
	depth   int

	// The data-block being read.
	d    *blend.DataBlock
	id   blend.Struct
	base Base

	ids        map[uint64]int32 // old address of an ID: index in IDs
	idLibs     []uint64         // of IDs: the old address of the library it is linked from
	libraries  map[uint64]int   // old address of a library: index in Libraries
	archives   map[int]uint64   // index in Libraries of one for stored data only: old address of the library that it stands for
	refLib     map[int]uint64   // index in Refs: old address of the library that is its base
	uses       useCollector
	frames     frameCollector
	properties []Reference // of the data-block being read: texts that may be paths
	nodes      nodeCollector
	notes      noteCollector
	scenes     sceneCollector
}

// skipped reports whether data-blocks of a kind are about the user interface:
// window managers, workspaces, and screens in two spellings.
func skipped(c blend.Code) bool {
	switch c {
	case 'W' | 'M'<<8, 'W' | 'S'<<8, 'S' | 'R'<<8, 'S' | 'N'<<8:
		return true
	}
	return false
}

// read takes in one data-block.
func (c *collector) read(d *blend.DataBlock) {
	c.d, c.id, c.base = d, blend.Struct{}, BaseSelf
	switch {
	case !d.Code.IsID():
		c.scenes.readFile(c)
	case d.Code == blend.CodeLink:
		c.addID(d.Struct().Pointer("lib"))
	case d.Code == blend.CodeLib:
		c.readLibrary()
	case !skipped(d.Code):
		c.readID()
	}
}

// readID takes in a data-block that the file holds itself.
func (c *collector) readID() {
	first := len(c.Refs)
	c.id = c.d.Struct()
	stored := c.id.Pointer("id.lib")
	if stored != 0 {
		c.base = BaseLibrary
	}
	c.readBlock(&c.d.Block)
	for i := range c.d.Data {
		c.readBlock(&c.d.Data[i])
	}
	c.nodes.finishID(c)
	c.addProperties(first)
	c.scenes.readID(c)
	if stored != 0 {
		for i := first; i < len(c.Refs); i++ {
			c.refLib[i] = stored
		}
		c.scenes.stored = append(c.scenes.stored, stored)
	}
	if len(c.Refs) == first && len(c.frames.now) == 0 && len(c.notes.now) == 0 && !c.HasGraph {
		return
	}
	i := c.addID(0)
	c.frames.finishID(i)
	c.notes.finishID(i)
	c.IDs[i].FirstRef, c.IDs[i].NumRefs = first, len(c.Refs)-first
	c.uses.finishID(i)
}

// readBlock takes in one block, if structs of its kind may name files or data-blocks.
func (c *collector) readBlock(b *blend.Block) {
	t := c.d.TypeOf(b)
	if t == nil {
		return
	}
	rows := c.plan.rows[t.SDNA]
	var pointers []idPointer
	if c.HasGraph {
		pointers = c.plan.pointersOf(t)
	}
	if len(rows) == 0 && len(pointers) == 0 {
		return
	}
	a := c.d.Array(b)
	for i := range a.Len() {
		s := a.At(i)
		for _, r := range rows {
			r.read(c, s)
		}
		if len(pointers) > 0 {
			c.uses.add(s, pointers)
		}
	}
}

// addID makes an entry for the data-block that is being read; lib is the old
// address of the library that it has to be read from, if any.
func (c *collector) addID(lib uint64) int {
	i := len(c.IDs)
	c.IDs = append(c.IDs, ID{Name: c.idName(), Library: -1})
	c.idLibs = append(c.idLibs, lib)
	c.ids[c.d.Old] = int32(i)
	return i
}

// idName is the name of the data-block that is being read.
func (c *collector) idName() string {
	s := c.d.Struct()
	if s.Has("id.name") {
		return string(s.Bytes("id.name"))
	}
	return string(s.Bytes("name")) // the stand-in of a linked one is an ID and nothing more
}

// add takes in a reference that the data-block being read holds.
func (c *collector) add(r Reference) {
	if r.Path == "" && r.Form != FormDiskCache && r.Form != FormMadeUp || len(c.Refs) > maxRefs {
		return
	}
	r.ID = c.idName()
	if r.Base == BaseSelf {
		r.Base = c.base
	}
	c.Refs = append(c.Refs, r)
}

// readLibrary takes in a library.
func (c *collector) readLibrary() {
	s := c.d.Struct()
	lib := Library{Ref: len(c.Refs)}
	c.Refs = append(c.Refs, Reference{
		ID: c.idName(), Field: "Library.name", Kind: KindLibrary, Library: len(c.Libraries),
		Path:  string(s.Bytes("name")),
		Parts: []Part{pathPart(s, "name", RolePath)},
	})
	if packed := s.Follow("packedfile"); packed.Valid() {
		lib.Packed = c.readPacked(packed)
	}
	if parent := s.Pointer("archive_parent_library"); parent != 0 {
		c.archives[len(c.Libraries)] = parent
	}
	c.libraries[c.d.Old] = len(c.Libraries)
	c.Libraries = append(c.Libraries, lib)
}

// readPacked reads a blend file that is packed into this one. Damage in it is no
// reason to refuse the file around it: it counts as empty then.
func (c *collector) readPacked(packed blend.Struct) *Contents {
	data := c.d.FindBlock(packed.Pointer("data"))
	empty := &Contents{HasGraph: true}
	if data == nil || c.depth >= maxPackedDepth {
		return empty
	}
	size := data.Len
	if n := packed.Int("size"); n > 0 && n < size {
		size = n // the block is padded
	}
	f, err := blend.NewReader(c.d.Reader(data), size, blend.Options{})
	if err != nil {
		return empty
	}
	defer f.Close()
	inner, err := readContents(f, c.plans, true, c.depth+1)
	if err != nil {
		return empty
	}
	for i := range inner.Refs {
		inner.Refs[i].Parts = nil // their offsets are not those of this file
	}
	return inner
}

// finish resolves what refers to other data-blocks.
func (c *collector) finish() {
	for i, old := range c.idLibs {
		if lib, ok := c.libraries[old]; ok && old != 0 {
			c.IDs[i].Library = lib
			c.Libraries[lib].Linked++
		}
	}
	for _, old := range c.scenes.stored {
		if lib, ok := c.libraries[old]; ok {
			c.Libraries[lib].Stored++
		}
	}
	for archive, old := range c.archives {
		if lib, ok := c.libraries[old]; ok {
			c.Libraries[lib].Stored += max(c.Libraries[archive].Stored, 1)
			c.Libraries[archive].Stored++ // never needed itself
		}
	}
	for i, old := range c.refLib {
		lib, ok := c.libraries[old]
		if !ok && c.Refs[i].Base == BaseLibrary {
			c.Refs[i].Base = BaseSelf // a library that is not in the file
		}
		c.Refs[i].Library = lib
	}
	c.nodes.finish(c)
	c.frames.finish(c)
	if c.HasGraph {
		c.uses.finish(c)
	}
	c.notes.finish(c)
	c.scenes.finish(c)
}
