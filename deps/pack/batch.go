package pack

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/gate"
)

// A Batch is the plan of several shots at once. It does not change, so
// goroutines may share it. A file has the same place in
// the checkouts of all, and a library that all use is changed in the same way
// for all, so that it is sent once.
type Batch struct {
	where   *layout
	shots   []shot
	changes map[string]*editor // by blend file
	clashes map[string]error   // files that would take the place of another
}

// A shot is what is sent for one trace.
type shot struct {
	blends []string // the traced one first
	uses   []sentUse
	bases  []sentUse // libraries that are no files, but that // stands for the folder of
	held   []Held
	left   []Left
}

// A sentUse is a use in a blend file that files are sent for.
type sentUse struct {
	*deps.Use
	by    string
	files []string // uses of one sequence share the list
}

// A listID identifies a list of files: its first element and its length. References to one sequence share their list,
// so work that is done once for each list does not grow with references times frames.
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
type Planner struct{ cfg Config }

// NewPlanner returns a Planner. The error is that of Config.Validate.
func NewPlanner(cfg Config) (*Planner, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Planner{cfg: cfg}, nil
}

// Together plans for what was traced: a shot, or several. What a shot needs only
// through something that is left alone or held back is not part of its plan.
// What is wrong with single shots comes with their plans.
func (p *Planner) Together(traces ...*deps.Trace) *Batch {
	g := gatherer{cfg: p.cfg, where: newLayout(p.cfg.Gate), lists: map[listID]verdict{}}
	b := &Batch{where: g.where, changes: map[string]*editor{}, clashes: map[string]error{}}
	for _, t := range traces {
		b.shots = append(b.shots, g.gather(t))
	}
	b.placeAll()
	b.edit()
	return b
}

// Alone gives the plan of a shot that all other shots of the project leave as
// it is: what it needs lies in the project, and no path has to change. For
// any other shot ok is false; it is to be planned together with its like.
func (p *Planner) Alone(t *deps.Trace) (plan *Plan, ok bool) {
	b := p.Together(t)
	plan, err := b.Plan(0)
	if err != nil || len(plan.Changed) > 0 || !b.where.selfContained {
		return nil, false
	}
	return plan, true
}

// Plan gives the plan of one of the traces, by its index. Errors are all that
// there are of [*TooLongError], for paths that their fields have no room for,
// [*UnreachableError], and of two files in one place.
func (b *Batch) Plan(i int) (*Plan, error) {
	s := b.shots[i]
	n := len(s.blends) + len(s.uses) // mostly one file each
	p := &Plan{places: make(map[string]string, n), Files: make([]File, 0, n), Held: s.held, Left: s.left}
	var errs []error
	for _, file := range s.blends {
		c := b.changes[file]
		if p.addBlend(b.file(file), c.edits) {
			errs = append(errs, c.errs...)
		}
	}
	lists := listSet{}
	for _, u := range s.uses {
		if !lists.isNew(u.files) {
			continue
		}
		for _, file := range u.files {
			p.addFile(b.file(file))
		}
	}
	for file, err := range b.clashes {
		if _, sent := p.places[filepath.FromSlash(file)]; sent {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.finish()
	return p, nil
}

func (b *Batch) file(file string) File { return File{filepath.FromSlash(file), b.where.place(file)} }

// placeAll finds the place of every file.
func (b *Batch) placeAll() {
	var files []string
	var groups [][]string
	all, grouped := listSet{}, listSet{}
	for _, s := range b.shots {
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
		for _, file := range s.blends {
			files = append(files, file)
			if len(beside[file]) > 0 {
				groups = append(groups, append(beside[file], file))
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
}

// edit works out which fields have to change, in each blend file once.
func (b *Batch) edit() {
	folders, lists := map[string]bool{".": true}, listSet{}
	for _, s := range b.shots {
		for _, file := range s.blends {
			b.addFolders(folders, file)
			if b.changes[file] == nil {
				b.changes[file] = &editor{where: b.where, blend: file, folders: folders, values: map[int64]string{}, from: map[string]bool{}, astray: map[listIn]string{}}
			}
		}
		for _, u := range s.uses {
			if !lists.isNew(u.files) {
				continue
			}
			for _, file := range u.files {
				b.addFolders(folders, file)
			}
		}
	}
	for _, s := range b.shots {
		for _, u := range s.uses {
			b.changes[u.by].use(u)
		}
		for _, u := range s.bases {
			b.changes[u.by].base(u)
		}
	}
	for _, c := range b.changes {
		slices.SortFunc(c.edits, func(a, b Edit) int { return cmp.Compare(a.Offset, b.Offset) })
	}
}

func (b *Batch) addFolders(folders map[string]bool, file string) {
	for dir := path.Dir(b.where.place(file)); !folders[dir]; dir = path.Dir(dir) {
		folders[dir] = true
	}
}

// A gatherer follows traces to all that is sent for them.
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

func (g *gatherer) gather(t *deps.Trace) shot {
	var s shot
	told := listSet{}
	uses := map[string][]*deps.Use{} // also those of libraries that are packed into a file
	for i := range t.Blends {
		file := slash(t.Blends[i].Path)
		list := slices.Grow(uses[file], len(t.Blends[i].Uses))
		for u := range t.Blends[i].Uses {
			list = append(list, &t.Blends[i].Uses[u])
		}
		if list == nil {
			list = []*deps.Use{}
		}
		uses[file] = list
	}
	seen := map[string]bool{}
	queue := []string{slash(t.Path)}
	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]
		if seen[file] || uses[file] == nil {
			continue // nil: it could not be read, and is sent as it is
		}
		seen[file] = true
		s.blends = append(s.blends, file)
		s.uses = slices.Grow(s.uses, len(uses[file]))
		for _, u := range uses[file] {
			files := g.sent(&s, told, file, u)
			if u.Kind == deps.KindLibrary && len(u.Files) == 0 {
				s.bases = append(s.bases, sentUse{u, file, nil})
			}
			if len(files) == 0 {
				continue
			}
			s.uses = append(s.uses, sentUse{u, file, files})
			if u.Kind == deps.KindLibrary {
				queue = append(queue, files...)
			}
		}
	}
	return s
}

// sent returns the files of a use that are to be sent. told are the lists of which the files that are held back are
// on the shot's list.
func (g *gatherer) sent(s *shot, told listSet, by string, u *deps.Use) []string {
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
	by = filepath.FromSlash(by)
	if leave != "" {
		s.left = append(s.left, Left{value, leave, by, u.ID, u.Field})
		return nil
	}
	v, known := g.lists[idOf(u.Files)]
	if !known {
		v = g.judge(u.Files)
		g.lists[idOf(u.Files)] = v
	}
	if len(v.held) > 0 && (len(u.Files) == 1 || told.isNew(u.Files)) {
		for _, h := range v.held {
			h.UsedBy, h.ID, h.Field = by, u.ID, u.Field
			s.held = append(s.held, h)
		}
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
