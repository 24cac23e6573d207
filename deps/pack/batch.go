package pack

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/gate"
)

// A Batch is the plan of several shots at once. It does not change, so goroutines may share it. A file has
// the same place in the checkouts of all, and a library that all use is changed in the same way for all, so
// that it is sent once.
type Batch struct {
	gatherer
	shots    [][]*section // of each shot, that of the traced file first
	sections []*section   // of all shots, each once
	known    sections
	changes  map[string]*editor // by blend file
	clashes  map[string]error   // files that would take the place of another
}

// A section is what is sent because of one blend file. Shots that need the same of a library share its
// section, so it is placed and edited once.
type section struct {
	blend     string
	place     string     // of the blend file, since it is placed
	of        []deps.Use // what the section was made of
	uses      []sentUse
	bases     []sentUse // libraries that are no files, but that // stands for the folder of
	libraries []string  // blend files that are sent for it
	held      []heldList
	left      []Left

	files []File // that uses are sent for, each once, since they are placed
	alone bool   // of Planner.standing: see there
}

// A heldList are the files of a use that are held back.
type heldList struct {
	*deps.Use
	held []Held // without who names them
}

// sections are those that are known, by their blend file.
type sections map[string][]*section

// maxSections is how many sections of one blend file are remembered: shots need much the same of a library.
const maxSections = 4

// find returns the section of a blend file with these uses; nil if it is not known.
func (m sections) find(file string, uses []deps.Use) *section {
	for _, s := range m[file] {
		if sameUses(s.of, uses) {
			return s
		}
	}
	return nil
}

// add remembers a section in place of the oldest of its blend file, if there are many.
func (m sections) add(s *section) {
	known := m[s.blend]
	m[s.blend] = append(known[max(0, len(known)+1-maxSections):], s)
}

// sameUses reports whether uses are of the same references, which lead to the same lists of files.
func sameUses(a, b []deps.Use) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		a, b := &a[i], &b[i]
		if a != b && (a.Reference != b.Reference || a.From != b.From || len(a.Files) != len(b.Files) ||
			len(a.Files) > 0 && &a.Files[0] != &b.Files[0]) {
			return false
		}
	}
	return true
}

// A sentUse is a use in a blend file that files are sent for.
type sentUse struct {
	*deps.Use
	files []string // uses of one sequence share the list
}

// A listID identifies a list of files: its first element and its length. References to one sequence share
// their list, so work that is done once for each list does not grow with references times frames.
type listID struct {
	first *string
	n     int
}

// idOf returns the identity of a list that is not empty.
func idOf(files []string) listID { return listID{&files[0], len(files)} }

// A listSet holds the lists that were seen.
type listSet map[listID]bool

// isNew reports whether a list has something and is asked about for the first time.
func (s listSet) isNew(files []string) bool {
	if len(files) == 0 || s[idOf(files)] {
		return false
	}
	s[idOf(files)] = true
	return true
}

// A Planner plans the shots of one project. Goroutines may share it.
type Planner struct {
	cfg   Config
	where *layout // of nothing: for its root

	mu    sync.Mutex
	known sections // of libraries, see standing
}

// NewPlanner returns a Planner. The error is that of Config.Validate.
func NewPlanner(cfg Config) (*Planner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Planner{cfg: cfg, where: newLayout(cfg.Gate), known: sections{}}, nil
}

func (p *Planner) newBatch() *Batch {
	return &Batch{
		gatherer: gatherer{cfg: p.cfg, where: newLayout(p.cfg.Gate), lists: map[listID]verdict{}},
		known:    sections{}, changes: map[string]*editor{}, clashes: map[string]error{},
	}
}

// Together plans for what was traced: a shot, or several. What a shot needs only through something that is
// left alone or held back is not part of its plan. What is wrong with single shots comes with their plans.
func (p *Planner) Together(traces ...*deps.Trace) *Batch {
	b := p.newBatch()
	for _, t := range traces {
		b.shots = append(b.shots, gather(t, b.section))
	}
	b.placeAll()
	b.edit()
	return b
}

// Alone gives the plan of a shot that all other shots of the project leave as it is: what it needs lies in
// the project, and no path has to change. For any other shot ok is false; it is to be planned together with
// its like. Libraries are planned once for all shots that need the same of them.
func (p *Planner) Alone(t *deps.Trace) (plan *Plan, ok bool) {
	ok = true
	all := gather(t, func(file string, uses []deps.Use) *section {
		s := p.standing(file, uses, file != slash(t.Path))
		ok = ok && s.alone
		if !ok {
			return nil
		}
		return s
	})
	if !ok {
		return nil, false
	}
	plan = newPlan(all)
	for _, s := range all {
		plan.Files = append(plan.Files, File{filepath.FromSlash(s.blend), s.place})
	}
	return plan, plan.finish()
}

// standing returns the section of a blend file, planned as if nothing else were sent. It is alone if it leads
// to no other places and edits than in any batch: all of it lies in the project, and stays as it is. Of
// libraries it is remembered.
func (p *Planner) standing(file string, uses []deps.Use, isLibrary bool) *section {
	if isLibrary {
		p.mu.Lock()
		known := p.known.find(file, uses)
		p.mu.Unlock()
		if known != nil {
			return known
		}
	}
	s := p.plain(file, uses)
	if s == nil {
		b := p.newBatch()
		s = b.section(file, uses)
		b.shots = [][]*section{{s}}
		b.placeAll()
		b.edit()
		plan, err := b.Plan(0)
		s.alone = err == nil && len(plan.Changed) == 0 && b.where.selfContained
		s.uses, s.bases = nil, nil
	}
	if isLibrary {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.known.add(s)
	}
	return s
}

// plain is standing for a blend file all of whose paths plainly lead to one file each that may be sent, see
// layout.stays; nil for others. Nothing is to be compared or edited then: each file has the path in the
// checkout that it has in the project, so no two have the same.
func (p *Planner) plain(file string, uses []deps.Use) *section {
	at, ok := below(p.where.root, file)
	if !ok || !utf8.ValidString(file) {
		return nil
	}
	s := &section{blend: file, place: at, of: uses, files: make([]File, 0, len(uses)), alone: true}
	fields := make([]int64, 0, len(uses))
	for i := range uses {
		u := &uses[i]
		if len(u.Files) == 0 && u.Kind != deps.KindLibrary {
			continue
		}
		part := partOf(u)
		if len(u.Files) != 1 || part == nil || !p.where.stays(file, sentUse{u, u.Files}, part) {
			return nil
		}
		path := filepath.FromSlash(u.Files[0])
		if _, err := p.cfg.Gate.Decide(path); err != nil {
			return nil
		}
		at, _ := below(p.where.root, u.Files[0])
		s.files, fields = append(s.files, File{path, at}), append(fields, part.Offset)
		if u.Kind == deps.KindLibrary {
			s.libraries = append(s.libraries, u.Files[0])
		}
	}
	slices.Sort(fields)
	if n := len(fields); len(slices.Compact(fields)) < n {
		return nil // two uses of one field may not agree
	}
	return s
}

// Plan gives the plan of one of the traces, by its index. Errors are all that there are of [*TooLongError],
// for paths that their fields have no room for, [*UnreachableError], and of two files in one place.
func (b *Batch) Plan(i int) (*Plan, error) {
	all := b.shots[i]
	p := newPlan(all)
	var errs []error
	for _, s := range all {
		c, f := b.changes[s.blend], File{filepath.FromSlash(s.blend), s.place}
		errs = append(errs, c.errs...)
		if len(c.edits) > 0 {
			p.Changed = append(p.Changed, Changed{f, c.edits})
		} else {
			p.Files = append(p.Files, f)
		}
	}
	for file, err := range b.clashes {
		if _, sent := p.Place(filepath.FromSlash(file)); sent {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.finish()
	return p, nil
}

// placeAll finds the place of every file.
func (b *Batch) placeAll() {
	var files []string
	var groups [][]string
	blends := make(map[string]bool, len(b.sections))
	for _, s := range b.sections {
		files = append(files, s.blend)
		blends[s.blend] = true
	}
	all, grouped := listSet{}, listSet{}
	for _, s := range b.sections {
		// What has no path of its own lies where it does because its blend file does.
		beside, besides := map[string][]string{}, map[string]listSet{}
		for _, u := range s.uses {
			if all.isNew(u.files) {
				files = append(files, u.files...)
			}
			if from := slash(u.From); len(u.Parts) > 0 {
				if grouped.isNew(u.files) {
					groups = append(groups, u.files)
				}
			} else {
				if besides[from] == nil {
					besides[from] = listSet{}
				}
				if besides[from].isNew(u.files) {
					beside[from] = append(beside[from], u.files...)
				}
			}
		}
		for from, list := range beside {
			if blends[from] {
				groups = append(groups, append(list, from))
			}
		}
	}
	slices.Sort(files)
	files = slices.Compact(files)
	b.where.placeAll(files, groups)

	sources := make(map[string]string, len(files))
	for _, file := range files {
		place := b.where.place(file)
		if other, taken := sources[place]; !taken {
			sources[place] = file
		} else if b.where.real(other) != b.where.real(file) {
			b.clashes[file] = fmt.Errorf("%s and %s would both be %s in the checkout: rename one of them", other, file, place)
		}
	}
	for _, s := range b.sections {
		lists := listSet{}
		s.place = b.where.place(s.blend)
		s.files = make([]File, 0, len(s.uses)) // mostly one each
		for _, u := range s.uses {
			if lists.isNew(u.files) {
				for _, file := range u.files {
					s.files = append(s.files, File{filepath.FromSlash(file), b.where.place(file)})
				}
			}
		}
	}
}

// edit works out which fields have to change, in each blend file once.
func (b *Batch) edit() {
	folders := map[string]bool{".": true}
	for _, s := range b.sections {
		addFolders(folders, s.place)
		for _, f := range s.files {
			addFolders(folders, f.Place)
		}
		if b.changes[s.blend] == nil {
			b.changes[s.blend] = &editor{where: b.where, blend: s.blend, folders: folders, values: map[int64]string{}, from: map[string]bool{}, astray: map[listIn]string{}}
		}
	}
	for _, s := range b.sections {
		for _, u := range s.uses {
			b.changes[s.blend].use(u)
		}
	}
	for _, s := range b.sections {
		for _, u := range s.bases {
			b.changes[s.blend].base(u)
		}
	}
	for _, c := range b.changes {
		slices.SortFunc(c.edits, func(a, b Edit) int { return cmp.Compare(a.Offset, b.Offset) })
	}
}

func addFolders(folders map[string]bool, place string) {
	for dir := path.Dir(place); !folders[dir]; dir = path.Dir(dir) {
		folders[dir] = true
	}
}

// gather returns the sections of a trace: that of the traced file, and of libraries that are sent, in the
// order of coming to them. It asks section for each, and ends early if that returns nil.
func gather(t *deps.Trace, section func(file string, uses []deps.Use) *section) (all []*section) {
	blends := make(map[string]int, len(t.Blends)) // also those of libraries that are packed into a file
	for i := range t.Blends {
		blends[slash(t.Blends[i].Path)] = i
	}
	queue := []string{slash(t.Path)}
	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]
		i, ok := blends[file]
		if !ok {
			continue // it was seen, or could not be read, and is sent as it is
		}
		delete(blends, file)
		s := section(file, t.Blends[i].Uses)
		if s == nil {
			return nil
		}
		all = append(all, s)
		queue = append(queue, s.libraries...)
	}
	return all
}

// A gatherer finds what is sent for blend files.
type gatherer struct {
	cfg   Config
	where *layout
	lists map[listID]verdict
}

// A verdict says which files of a list are sent, and why the others are not.
type verdict struct {
	files []string
	held  []Held // without who names them
}

// section returns the section of a blend file.
func (b *Batch) section(file string, uses []deps.Use) *section {
	if s := b.known.find(file, uses); s != nil {
		return s
	}
	s := &section{blend: file, of: uses, uses: make([]sentUse, 0, len(uses))}
	for i := range uses {
		u := &uses[i]
		files := b.sent(s, u)
		if u.Kind == deps.KindLibrary && len(u.Files) == 0 {
			s.bases = append(s.bases, sentUse{u, nil})
		}
		if len(files) == 0 {
			continue
		}
		s.uses = append(s.uses, sentUse{u, files})
		if u.Kind == deps.KindLibrary {
			s.libraries = append(s.libraries, files...)
		}
	}
	b.known.add(s)
	b.sections = append(b.sections, s)
	return s
}

// sent returns the files of a use that are to be sent.
func (g *gatherer) sent(s *section, u *deps.Use) []string {
	if len(u.Files) == 0 {
		return nil
	}
	value := valueOf(u)
	leave := LeftReason("")
	switch {
	case g.cfg.Shared.Holds(value, slash(u.Files[0])):
		leave = LeftShared
	case g.cfg.RelativeOnly && isAbsolute(value):
		leave = LeftAbsolute
	}
	by := filepath.FromSlash(s.blend)
	if leave != "" {
		s.left = append(s.left, Left{value, leave, by, u.ID, u.Field})
		return nil
	}
	v, known := g.lists[idOf(u.Files)]
	if !known {
		v = g.judge(u.Files)
		g.lists[idOf(u.Files)] = v
	}
	if len(v.held) > 0 {
		s.held = append(s.held, heldList{u, v.held})
	}
	return v.files
}

// judge asks the gate about the files of a list.
func (g *gatherer) judge(list []string) verdict {
	v := verdict{files: make([]string, 0, len(list))}
	for _, file := range list {
		_, err := g.cfg.Gate.Decide(filepath.FromSlash(file))
		if err == nil {
			v.files = append(v.files, slash(file))
			continue
		}
		reason := "it cannot be read: " + err.Error()
		if held, ok := errors.AsType[*gate.HeldError](err); ok {
			reason = held.Reason
		}
		v.held = append(v.held, Held{Path: filepath.FromSlash(file), Reason: reason})
	}
	return v
}
