package pack

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flsync/flsync/internal/gate"
)

// Config says what planning has to know. The zero value of each field but Gate is fine.
type Config struct {
	// Gate decides which files may leave. Its project is the folder that paths are kept under.
	Gate *gate.Gate
	// Shared is what the farm has already.
	Shared Shared
	// RelativeOnly leaves alone every path that does not begin with //, and
	// sends nothing for it, as Flamenco's add-on does when told so.
	RelativeOnly bool
}

// Validate reports what cannot be meant.
func (c Config) Validate() error {
	if c.Gate == nil {
		return errors.New("planning takes a Gate")
	}
	return c.Shared.Validate()
}

// A Plan says what a checkout holds.
type Plan struct {
	// Files are sent as they are, in the order of their place.
	Files []File
	// Changed are blend files of which a copy is sent that names other paths.
	Changed []Changed
	// Held were not allowed to be sent.
	Held []Held
	// Left are paths that were left alone, and so is what they lead to.
	Left []Left
}

// A File and its place in the checkout.
type File struct {
	Path  string // absolute, on this machine
	Place string // relative, with slashes
}

// Changed is a blend file that needs other paths to work in the checkout.
type Changed struct {
	File
	Edits []Edit // in the order of the file
}

// Held is a file that the Gate holds back, and the blend file that names it.
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

// Place gives the place in the checkout of a file of this machine. It looks through all files.
func (p *Plan) Place(file string) (place string, ok bool) {
	for i := range p.Files {
		if p.Files[i].Path == file {
			return p.Files[i].Place, true
		}
	}
	for i := range p.Changed {
		if p.Changed[i].Path == file {
			return p.Changed[i].Place, true
		}
	}
	return "", false
}

// newPlan returns the plan of sections, without their blend files. Of a list of files that are held back it
// names only the first use.
func newPlan(all []*section) *Plan {
	n := len(all)
	for _, s := range all {
		n += len(s.files)
	}
	p := &Plan{Files: make([]File, 0, n)}
	reported := listSet{}
	for _, s := range all {
		p.Files = append(p.Files, s.files...)
		for _, h := range s.held {
			if len(h.Files) > 1 && !reported.isNew(h.Files) {
				continue
			}
			for _, held := range h.held {
				held.UsedBy, held.ID, held.Field = filepath.FromSlash(s.blend), h.ID, h.Field
				p.Held = append(p.Held, held)
			}
		}
		p.Left = append(p.Left, s.left...)
	}
	return p
}

// finish puts everything in order, and each thing once. It reports whether each file has a place of its own.
func (p *Plan) finish() (distinct bool) {
	changed := make(map[string]bool, len(p.Changed))
	for i := range p.Changed {
		changed[p.Changed[i].Path] = true
	}
	if len(changed) > 0 { // other sections send them as files
		p.Files = slices.DeleteFunc(p.Files, func(f File) bool { return changed[f.Path] })
	}
	slices.SortFunc(p.Files, func(a, b File) int {
		return cmp.Or(strings.Compare(a.Place, b.Place), strings.Compare(a.Path, b.Path))
	})
	// Two names of one file, by way of links, have one place.
	distinct = true
	p.Files = slices.CompactFunc(p.Files, func(a, b File) bool {
		distinct = distinct && (a.Place != b.Place || a.Path == b.Path)
		return a.Place == b.Place
	})
	slices.SortFunc(p.Changed, func(a, b Changed) int { return strings.Compare(a.Place, b.Place) })
	p.Held, p.Left = unique(p.Held), unique(p.Left)
	return distinct
}

// unique drops what is there already, and keeps the order.
func unique[T comparable](list []T) []T {
	seen := map[T]bool{}
	return slices.DeleteFunc(list, func(v T) bool {
		was := seen[v]
		seen[v] = true
		return was
	})
}
