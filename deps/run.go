package deps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/deps/blend"
)

// A run is one trace of one blend file. It begins with all data-blocks of that file, and goes on in rounds:
// what was asked of libraries is looked up in them, which may ask more of other libraries.
type run struct {
	t      *Tracer
	main   *visit
	visits []*visit          // in the order of coming to them
	bySelf map[string]*visit // by tracedFile.self
	twins  map[twinKey][]twins
	trace  Trace

	holeCount int
	tooMany   []string        // libraries that were not followed
	followed  map[string]bool // files of which the files that they name are on the trace
	listed    []bool          // of the numbers of paths: they are in trace.Files
	spare     []Dependency    // for those of trace.Files that are only this trace's
}

// A visit is a blend file in a run: the one that is traced, or a library.
type visit struct {
	path string
	file *tracedFile // nil until it is read, and when it cannot be
	err  error       // why it cannot be
	// wanted are the data-blocks that were asked of it: its roots.
	wanted []int32
	// asked says who asked for a name first.
	asked map[string]origin
	// waiting are the names that were asked for since the last round.
	waiting []string
	// libraries are the visits of its own libraries by their index; nil where the library is not there.
	libraries map[int]*visit
	uses      []Use
	// properties are paths in custom properties that do not count.
	properties []Use
}

// An origin is the stand-in for a data-block of a library.
type origin struct {
	visit *visit
	id    int32
}

func newRun(t *Tracer, main *tracedFile) *run {
	v := &visit{path: main.path, file: main, asked: map[string]origin{}, libraries: map[int]*visit{}}
	r := &run{t: t, main: v, visits: []*visit{v}, bySelf: map[string]*visit{main.self: v}, twins: map[twinKey][]twins{}, followed: map[string]bool{}}
	r.list(t.expand.disk.number([]string{main.path})[0])
	r.trace.Files = make([]*Dependency, 0, t.usual.Load()) // shots of a sequence are much alike
	return r
}

// list reports whether the path of that number is new to the trace.
func (r *run) list(number int32) bool {
	if int(number) >= len(r.listed) {
		r.listed = append(r.listed, make([]bool, int(number)+1024-len(r.listed))...)
	}
	isNew := !r.listed[number]
	r.listed[number] = true
	return isNew
}

// follow finds everything.
func (r *run) follow(ctx context.Context) error {
	main := r.main.file
	r.absorb(r.main, main.everything(&r.t.expand))
	for i := range main.Libraries {
		r.library(r.main, i, origin{})
	}
	for {
		var round []*visit
		for _, v := range r.visits {
			if len(v.waiting) > 0 {
				round = append(round, v)
			}
		}
		if len(round) == 0 {
			return nil
		}
		if err := r.read(ctx, round); err != nil {
			return err
		}
		for _, v := range round {
			r.answer(v)
		}
	}
}

// read reads libraries that were not yet.
func (r *run) read(ctx context.Context, round []*visit) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(r.t.config.Workers) // more would only wait, and many traces that begin at once want the same libraries
	for _, v := range round {
		if v.file != nil || v.err != nil {
			continue
		}
		if v.file, v.err = r.t.loaded(v.path); v.file != nil || v.err != nil {
			continue
		}
		g.Go(func() error {
			v.file, v.err = r.t.load(ctx, v.path, true)
			if isCancelled(v.err) {
				return v.err
			}
			return nil
		})
	}
	return g.Wait()
}

// answer looks up what was asked of a library.
func (r *run) answer(v *visit) {
	names := v.waiting
	v.waiting = nil
	if v == r.main {
		return // a library links the traced file, of which all counts already
	}
	if v.err != nil {
		if v.wanted == nil {
			v.wanted = []int32{}
			r.unreadable(v, names[0])
		}
		return
	}
	var roots []int32
	for _, name := range names {
		if id, ok := v.file.findLinked(name); ok {
			roots = append(roots, id)
			continue
		}
		r.trace.Problems = append(r.trace.Problems, Problem{
			Code: ProblemNoData, Path: native(v.path), UsedBy: native(v.asked[name].visit.path), ID: name,
			Message: fmt.Sprintf("%s has no data-block %s, which %s links from it",
				native(v.path), name, native(v.asked[name].visit.path)),
		})
	}
	if len(roots) > 0 {
		v.wanted = append(v.wanted, roots...)
		r.absorb(v, v.file.reach(&r.t.expand, roots))
	}
}

// unreadable tells that a library cannot be read.
func (r *run) unreadable(v *visit, name string) {
	p := Problem{
		Code: ProblemUnreadable, Path: native(v.path), UsedBy: native(v.asked[name].visit.path), ID: name,
		Message: fmt.Sprintf("cannot read the library %s: %v", native(v.path), v.err), Err: v.err,
	}
	if r.t.expand.disk.contents(v.path).remedy == pullRemedy {
		p.Code, p.remedy = ProblemNotBlend, pullRemedy
		p.Message = fmt.Sprintf("the library %s is a git-lfs pointer, not the file itself", native(v.path))
	} else if errors.Is(v.err, blend.ErrNotBlend) {
		p.Code = ProblemNotBlend
		p.Message = fmt.Sprintf("the library %s is no Blender file", native(v.path))
	}
	r.trace.Problems = append(r.trace.Problems, p)
}

// absorb takes in what data-blocks of a file need.
func (r *run) absorb(v *visit, what *reach) {
	if v.uses == nil {
		v.uses = slices.Clip(what.uses) // shared by all traces that need just this of the file
	} else {
		v.uses = append(v.uses, what.uses...)
	}
	v.properties = append(v.properties, what.properties...)
	for i := range what.uses {
		r.add(v, &what.uses[i], nil)
	}
	for _, ref := range what.open {
		r.use(v, v.file.use(&r.t.expand, ref, r.main.file), nil)
	}
	for _, id := range what.links {
		link := &v.file.IDs[id]
		lib := r.library(v, link.Library, origin{v, id})
		if lib == nil {
			continue
		}
		if _, known := lib.asked[link.Name]; !known {
			lib.asked[link.Name] = origin{v, id}
			lib.waiting = append(lib.waiting, link.Name)
		}
	}
}

// library gives the visit of a library of a file; nil when there is no such
// file. by is the data-block that is wanted of it.
func (r *run) library(v *visit, i int, by origin) *visit {
	if known, ok := v.libraries[i]; ok {
		return known
	}
	lib := &v.file.Libraries[i]
	if packed := v.file.packed(&r.t.expand, i); packed != nil {
		// It is no file that is needed, but its path is what // in it stands for.
		r.use(v, Use{Reference: &v.file.Refs[lib.Ref], From: v.file.self}, nil)
		v.libraries[i] = r.visit(packed.self, packed)
		return v.libraries[i]
	}
	if beside := r.bySelf[v.file.libraryPath(&r.t.expand, i)]; beside != nil && beside.isPacked() {
		v.libraries[i] = beside // a packed library finds others that are packed beside it
		return beside
	}
	use := v.file.use(&r.t.expand, lib.Ref, r.main.file)
	if !lib.Needed() {
		use.Missing, use.Wrong, use.numbers = nil, "", use.numbers[:len(use.Files)]
	}
	var chain []Link
	if by.visit != nil && len(use.Missing) > 0 {
		chain = append(r.chain(by.visit, by.id), Link{native(v.path), use.ID})
	}
	r.use(v, use, chain)
	v.libraries[i] = nil
	if len(use.Files) > 0 {
		v.libraries[i] = r.visit(use.Files[0], nil)
	}
	return v.libraries[i]
}

// isPacked reports whether the visit is that of a library in another file.
func (v *visit) isPacked() bool { return v.file != nil && v.file.self != v.file.path }

// maxTwins bounds by how many paths a library is visited in one trace. Links to folders can make up any
// number of paths to one file; two or three are real.
const maxTwins = 8

// maxVisits bounds the libraries of one trace.
const maxVisits = 20_000

// twins are the visits of one file in one folder by several paths.
type twins struct {
	file, folder os.FileInfo
	visits       int
}

type twinKey struct {
	size int64
	time time.Time
}

// mayVisit reports whether another path to a library is followed.
func (r *run) mayVisit(path string) bool {
	if len(r.visits) >= maxVisits {
		return false
	}
	file, folder := r.t.expand.disk.info(path), r.t.expand.disk.info(folderOf(path))
	if file == nil || folder == nil {
		return true
	}
	key := twinKey{file.Size(), file.ModTime()}
	for i := range r.twins[key] {
		if t := &r.twins[key][i]; os.SameFile(t.file, file) && os.SameFile(t.folder, folder) {
			t.visits++
			return t.visits <= maxTwins
		}
	}
	r.twins[key] = append(r.twins[key], twins{file, folder, 1})
	return true
}

// visit gives the visit of the blend file that // in it refers to as self; nil when there are too many.
func (r *run) visit(self string, file *tracedFile) *visit {
	v := r.bySelf[self]
	if v == nil {
		if file == nil && !r.mayVisit(self) {
			r.tooMany = append(r.tooMany, self)
			return nil
		}
		v = &visit{path: self, file: file, asked: map[string]origin{}, libraries: map[int]*visit{}}
		if file != nil {
			v.path = file.path // a packed library is part of the file it is packed into
		}
		r.visits = append(r.visits, v)
		r.bySelf[self] = v
	}
	return v
}

// use takes in a use of files that is only this trace's.
func (r *run) use(v *visit, use Use, chain []Link) {
	v.uses = append(v.uses, use)
	r.add(v, &use, chain)
}

// add lists the files of a use. chain is how missing ones come to be wanted, nil to work it out.
func (r *run) add(v *visit, use *Use, chain []Link) {
	for i, number := range use.numbers {
		if !r.list(number) {
			continue
		}
		if i < len(use.needed) {
			r.trace.Files = append(r.trace.Files, &use.needed[i])
			continue
		}
		if len(r.spare) == 0 {
			r.spare = make([]Dependency, spareFiles)
		}
		d := &r.spare[0]
		r.spare = r.spare[1:]
		*d = use.dependency(v.path, i)
		if d.Missing {
			if chain == nil {
				chain = r.chainTo(v, use.ID)
			}
			d.Chain = chain
		}
		r.trace.Files = append(r.trace.Files, d)
	}
}

// spareFiles is how many dependencies are allocated at once.
const spareFiles = 64

// dependency returns the file with index i of Files and then Missing, as the blend file at path names it.
func (u *Use) dependency(path string, i int) Dependency {
	d := Dependency{Kind: u.Kind, UsedBy: native(path), ID: u.ID, Field: u.Field, number: u.numbers[i]}
	if i < len(u.Files) {
		d.Path = native(u.Files[i])
	} else {
		d.Path, d.Missing, d.Wrong = native(u.Missing[i-len(u.Files)]), true, u.Wrong
	}
	return d
}

// chainTo gives the chain to a data-block of that name.
func (r *run) chainTo(v *visit, name string) []Link {
	if id, ok := v.file.find(name); ok {
		return r.chain(v, id)
	}
	return []Link{{native(v.path), name}}
}

// chain gives the way from the traced file to a data-block.
func (r *run) chain(v *visit, id int32) []Link {
	if v == r.main {
		return []Link{{native(v.path), v.file.IDs[id].Name}}
	}
	way := v.file.way(v.wanted, id)
	if len(way) == 0 {
		return []Link{{native(v.path), v.file.IDs[id].Name}}
	}
	var chain []Link
	if from, ok := v.asked[v.file.IDs[way[0]].Name]; ok {
		chain = r.chain(from.visit, from.id)
	}
	for _, id := range way {
		chain = append(chain, Link{native(v.path), v.file.IDs[id].Name})
	}
	return chain
}

// result gives what was found.
func (r *run) result() *Trace {
	at := map[string]int{}
	for _, v := range r.visits {
		i, known := at[v.path]
		switch {
		case v.file == nil:
		case known:
			b := &r.trace.Blends[i]
			b.Uses = append(slices.Clip(b.Uses), v.uses...)
		default:
			at[v.path] = len(r.trace.Blends)
			r.trace.Blends = append(r.trace.Blends, BlendUses{Path: native(v.path), Uses: v.uses})
		}
	}
	r.trace.Path = native(r.main.path)
	r.t.usual.Store(int64(len(r.trace.Files)))
	return &r.trace
}

// native is a path as the system has it.
func native(path string) string { return filepath.FromSlash(path) }
