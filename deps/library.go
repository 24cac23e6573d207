package deps

import (
	"encoding/binary"
	"slices"
	"sync"
)

// A tracedFile is a blend file and what was found out about it so far. It is shared by all traces of a run.
type tracedFile struct {
	*Contents
	path string // absolute, with slashes
	// self is the path that // in it refers to; other than path for a library
	// that is packed into another file.
	self string

	once   sync.Once
	byName map[string]int32 // its own data-blocks

	mu       sync.Mutex
	reached  map[string]*reach   // by their roots
	packedIn map[int]*tracedFile // libraries packed into the file
}

// maxShared bounds the files of a use that traces share: a sequence would be held until the end of the run
// for each use of it.
const maxShared = 100

func newTracedFile(path string, c *Contents) *tracedFile {
	return &tracedFile{Contents: c, path: path, self: path}
}

// find gives the data-block of that name that the file itself holds.
func (f *tracedFile) find(name string) (int32, bool) {
	f.once.Do(func() {
		f.byName = make(map[string]int32, len(f.IDs))
		for i := range f.IDs {
			if f.IDs[i].Library < 0 {
				f.byName[f.IDs[i].Name] = int32(i)
			}
		}
	})
	i, ok := f.byName[name]
	return i, ok
}

// renamed are the letters of kinds of data-blocks that other versions of Blender
// have other letters for: curves (hair) and grease pencils.
var renamed = map[string]string{"CV": "HA", "HA": "CV", "GP": "GD", "GD": "GP"}

// findLinked is find for a name that a file of another version may have written.
func (f *tracedFile) findLinked(name string) (int32, bool) {
	id, ok := f.find(name)
	if !ok && len(name) > 2 && renamed[name[:2]] != "" {
		return f.find(renamed[name[:2]] + name[2:])
	}
	return id, ok
}

// packed gives a library that is packed into the file; nil when it is not.
func (f *tracedFile) packed(x *expander, lib int) *tracedFile {
	contents := f.Libraries[lib].Packed
	if contents == nil {
		return nil
	}
	self := f.libraryPath(x, lib)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.packedIn == nil {
		f.packedIn = map[int]*tracedFile{}
	}
	p := f.packedIn[lib]
	if p == nil {
		p = newTracedFile(f.path, contents)
		p.self = self
		f.packedIn[lib] = p
	}
	return p
}

// A reach is what some data-blocks of a file need: themselves, what they use, and what that uses.
type reach struct {
	// uses are the references of all of them, expanded, but for those that
	// depend on which file is rendered: these are in open.
	uses []Use
	open []int
	// properties are paths in custom properties that do not count, see Config.Properties.
	properties []Use
	// links are the data-blocks among them that are read from libraries.
	links []int32
}

// reach gives what the data-blocks roots need. Many shots use the same of a
// library, so this is worked out once.
func (f *tracedFile) reach(x *expander, roots []int32) *reach {
	slices.Sort(roots)
	roots = slices.Compact(roots)
	key := make([]byte, 0, 4*len(roots))
	for _, r := range roots {
		key = binary.LittleEndian.AppendUint32(key, uint32(r))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.reached[string(key)]; known != nil {
		return known
	}
	r := &reach{}
	for _, id := range f.walk(roots, nil) {
		f.addID(r, x, id)
	}
	for i := range r.uses {
		if use := &r.uses[i]; len(use.Files) <= maxShared {
			for k := range use.Files {
				use.needed = append(use.needed, use.dependency(f.path, k))
			}
		}
	}
	if f.reached == nil {
		f.reached = map[string]*reach{}
	}
	f.reached[string(key)] = r
	return r
}

// everything gives what a file needs that is rendered: all its data-blocks.
func (f *tracedFile) everything(x *expander) *reach {
	r := &reach{uses: make([]Use, 0, len(f.Refs))}
	for id := range f.IDs {
		f.addID(r, x, int32(id))
	}
	return r
}

// addID adds what one data-block itself needs.
func (f *tracedFile) addID(r *reach, x *expander, id int32) {
	if f.IDs[id].Library >= 0 {
		r.links = append(r.links, id)
	}
	for i := range f.refs(int(id)) {
		f.addUse(r, x, f.IDs[id].FirstRef+i)
	}
}

func (f *tracedFile) addUse(r *reach, x *expander, ref int) {
	if f.Refs[ref].Base >= BaseMain {
		r.open = append(r.open, ref)
		return
	}
	use := f.use(x, ref, nil)
	if f.Refs[ref].Form != FormProperty {
		r.uses = append(r.uses, use)
	} else if x.properties && len(use.Files) > 0 {
		r.uses = append(r.uses, use)
	} else if !x.properties {
		r.properties = append(r.properties, use)
	}
}

// use expands a reference. main is the file that is rendered; nil where that makes no difference.
func (f *tracedFile) use(x *expander, ref int, main *tracedFile) Use {
	r := &f.Refs[ref]
	at := bases{self: f.self}
	if main != nil {
		at.main, at.version = main.self, main.Version
	}
	if r.Base == BaseLibrary {
		at.library = f.libraryPath(x, r.Library)
	}
	e, from := x.expand(r, at), at.of(r.Base)
	if r.Base == BaseStrip && len(e.files) == 0 && from != f.self {
		// Nothing is there: show at least what the library has.
		e, from = x.expand(r, bases{self: f.self, version: "4"}), f.self
	}
	return Use{
		Reference: r, From: from, Files: e.files, Missing: e.missing, Wrong: e.wrong,
		numbers: e.numbers, sequence: e.sequence,
	}
}

// libraryPath gives where a library is, or should be.
func (f *tracedFile) libraryPath(x *expander, lib int) string {
	ref := f.Refs[f.Libraries[lib].Ref]
	ref.Optional = false
	e := x.expand(&ref, bases{self: f.self})
	for _, p := range slices.Concat(e.files, e.missing) {
		return p
	}
	return f.self
}

// walk gives the data-blocks that can be come to from roots by way of those that pass, in the order of coming
// to them. Nil: all pass.
func (f *tracedFile) walk(roots []int32, pass func(*ID) bool) []int32 {
	seen := make([]bool, len(f.IDs))
	var order []int32
	for _, r := range roots {
		if !seen[r] {
			seen[r] = true
			order = append(order, r)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, to := range f.IDs[order[i]].Uses {
			if !seen[to] && (pass == nil || pass(&f.IDs[to])) {
				seen[to] = true
				order = append(order, to)
			}
		}
	}
	return order
}

// way gives how target is come to from roots, from a root to target itself.
func (f *tracedFile) way(roots []int32, target int32) []int32 {
	from := make([]int32, len(f.IDs)) // 1 + where it was come to from; 0: not yet
	var queue []int32
	for _, r := range roots {
		if from[r] == 0 {
			from[r] = -1
			queue = append(queue, r)
		}
	}
	for i := 0; i < len(queue) && from[target] == 0; i++ {
		for _, to := range f.IDs[queue[i]].Uses {
			if from[to] == 0 {
				from[to] = queue[i] + 1
				queue = append(queue, to)
			}
		}
	}
	var way []int32
	for id := target; from[id] != 0; id = from[id] - 1 {
		way = append(way, id)
		if from[id] < 0 {
			break
		}
	}
	slices.Reverse(way)
	return way
}
