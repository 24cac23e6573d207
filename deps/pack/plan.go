package pack

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flsync/flsync/deps"
)

// A Use is a reference in a blend file and what was found for it.
type Use struct {
	deps.Reference
	// BaseDir is the folder that a leading // stands for, absolute.
	BaseDir string
	// Files are those that exist of what it names, absolute: the frames of a
	// sequence, the tiles of an image, what is in a folder.
	Files []string
}

// A Blend is a traced blend file: a shot or a library.
type Blend struct {
	Path string // absolute
	Uses []Use
}

// Config says what a [Planner] has to know. The zero value of each field but
// Project is fine.
type Config struct {
	// Project is the folder, absolute, that paths are kept under.
	Project string
	// Policy decides on files outside of it.
	Policy Policy
	// Shared is what the farm has already.
	Shared Shared
	// RelativeOnly leaves alone every path that does not begin with //, and
	// sends nothing for it, as Flamenco's add-on does when told so.
	RelativeOnly bool
}

// Validate reports what cannot be meant.
func (c Config) Validate() error {
	if !filepath.IsAbs(c.Project) {
		return fmt.Errorf("the project %q is no absolute path", c.Project)
	}
	return errors.Join(c.Policy.Validate(), c.Shared.Validate())
}

// A Plan says what a checkout holds.
type Plan struct {
	// Files are sent as they are, in the order of their place.
	Files []File
	// Rewrites are blend files of which a copy is sent that names other paths.
	Rewrites []Rewrite
	// Held were not allowed to be sent.
	Held []Held
	// Left are paths that were left alone though they lead out of the project.
	Left []Left

	places map[string]string
}

// A File and its place in the checkout.
type File struct {
	Path  string // absolute, on this machine
	Place string // relative, with slashes
}

// A Rewrite is a blend file that needs other paths to work in the checkout.
type Rewrite struct {
	File
	Edits []Edit // in the order of the file
}

// Held is a file that the policy holds back, and who wants it.
type Held struct {
	Path   string
	Reason string
	UsedBy string // the blend file
	ID     string
	Field  string
}

// Left is a path that stays as it is.
type Left struct {
	Value  string // as it stands in the blend file
	Reason LeftReason
	UsedBy string
	ID     string
	Field  string
}

// LeftReason is why a path was left alone.
type LeftReason string

const (
	LeftShared   LeftReason = "shared"        // on the farm's shared storage
	LeftAbsolute LeftReason = "relative-only" // absolute, and told to leave these
)

// Place gives the place in the checkout of a file of this machine.
func (p *Plan) Place(file string) (place string, ok bool) {
	place, ok = p.places[slash(file)]
	return place, ok
}

// Make plans one checkout for the shots, each the path of one of blends, and
// for all that they need. Blends that the shots do not lead to, or only through
// what is left alone or held back, are not part of it. Errors are
// [*TooLongError] for paths that their fields have no room for, and
// [*UnreachableError]; all there are, joined.
func Make(cfg Config, shots []string, blends []Blend) (*Plan, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := maker{cfg: cfg, blends: map[string]*Blend{}, verdicts: map[string]error{}, where: newLayout(slash(cfg.Project))}
	for i := range blends {
		m.blends[slash(blends[i].Path)] = &blends[i]
	}
	if err := m.gather(shots); err != nil {
		return nil, err
	}
	m.where.settle(m.groups)
	return m.plan()
}

// A maker makes one plan: first it gathers what is sent, then it finds a place
// for each file, then it sees which paths have to change.
type maker struct {
	cfg      Config
	blends   map[string]*Blend
	where    *layout
	verdicts map[string]error // of the policy, by file

	reached []*sentBlend // in the order they were reached
	seen    map[string]bool
	groups  [][]string // files that have to stay together
	held    []Held
	left    []Left
}

// A sentBlend is a blend file that is sent, and those of its uses that are.
type sentBlend struct {
	path string
	uses []sentUse
}

type sentUse struct {
	*Use
	files []string // with slashes; those that are sent
}

// gather follows the shots to all that is sent.
func (m *maker) gather(shots []string) error {
	m.seen = map[string]bool{}
	queue := make([]string, 0, len(shots))
	for _, shot := range shots {
		shot = slash(shot)
		if m.blends[shot] == nil {
			return fmt.Errorf("%s was not traced", shot)
		}
		if !m.seen[shot] {
			m.seen[shot] = true
			queue = append(queue, shot)
		}
	}
	for len(queue) > 0 {
		b := &sentBlend{path: queue[0]}
		queue = queue[1:]
		m.reached = append(m.reached, b)
		own := []string{b.path} // what lies where it does because the blend file does
		for i := range m.blends[b.path].Uses {
			u := &m.blends[b.path].Uses[i]
			files, err := m.sent(b.path, u)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				continue
			}
			b.uses = append(b.uses, sentUse{u, files})
			if len(u.Parts) == 0 {
				own = append(own, files...)
			} else {
				m.groups = append(m.groups, files)
			}
			for _, f := range files {
				if u.Kind == deps.KindLibrary && m.blends[f] != nil && !m.seen[f] {
					m.seen[f] = true
					queue = append(queue, f)
				}
			}
		}
		m.groups = append(m.groups, own)
	}
	return nil
}

// sent gives the files of a use that are to be sent.
func (m *maker) sent(by string, u *Use) ([]string, error) {
	if len(u.Files) == 0 {
		return nil, nil
	}
	value := u.value()
	leave := LeftReason("")
	switch {
	case m.cfg.Shared.Holds(value, slash(u.Files[0])):
		leave = LeftShared
	case m.cfg.RelativeOnly && isAbsolute(value):
		leave = LeftAbsolute
	}
	if leave != "" {
		m.left = append(m.left, Left{value, leave, by, u.ID, u.Field})
		return nil, nil
	}
	files := make([]string, 0, len(u.Files))
	for _, f := range u.Files {
		f = path.Clean(slash(f))
		err := m.verdict(f)
		held, isHeld := errors.AsType[*HeldError](err)
		switch {
		case isHeld:
			m.held = append(m.held, Held{f, held.Reason, by, u.ID, u.Field})
		case err != nil:
			return nil, err
		default:
			files = append(files, f)
		}
	}
	return files, nil
}

// verdict asks the policy about a file that does not lie in the project, or
// only seems to, by a link.
func (m *maker) verdict(file string) error {
	if m.where.isReallyInside(file) {
		return nil
	}
	err, known := m.verdicts[file]
	if !known {
		err = m.cfg.Policy.Check(filepath.FromSlash(file))
		m.verdicts[file] = err
	}
	return err
}

// plan works out the edits and lists everything.
func (m *maker) plan() (*Plan, error) {
	p := &Plan{Held: m.held, Left: m.left, places: map[string]string{}}
	sources := map[string]string{} // by place
	var problems []error
	add := func(file string) bool {
		place := m.where.place(file)
		p.places[file] = place
		other, taken := sources[place]
		if taken && other != file && m.where.real(other) != m.where.real(file) {
			problems = append(problems, fmt.Errorf("%s and %s would both be %s in the checkout: rename one", other, file, place))
		}
		if !taken {
			sources[place] = file
		}
		return !taken
	}
	for _, b := range m.reached {
		add(b.path)
	}
	for _, b := range m.reached {
		edits, errs := m.edits(b)
		problems = append(problems, errs...)
		file := File{filepath.FromSlash(b.path), m.where.place(b.path)}
		if sources[file.Place] == b.path {
			if len(edits) > 0 {
				p.Rewrites = append(p.Rewrites, Rewrite{file, edits})
			} else {
				p.Files = append(p.Files, file)
			}
		}
		for _, u := range b.uses {
			for _, f := range u.files {
				if add(f) {
					p.Files = append(p.Files, File{filepath.FromSlash(f), m.where.place(f)})
				}
			}
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Place, b.Place) })
	slices.SortFunc(p.Rewrites, func(a, b Rewrite) int { return strings.Compare(a.Place, b.Place) })
	return p, nil
}
