package pack

import (
	"errors"
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

	places map[string]string
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

// Place gives the place in the checkout of a file of this machine.
func (p *Plan) Place(file string) (place string, ok bool) {
	place, ok = p.places[file]
	return place, ok
}

// addBlend and addFile put a file on the plan, unless it is there.
func (p *Plan) addBlend(f File, edits []Edit) bool {
	switch added := p.note(f); {
	case !added:
		return false
	case len(edits) > 0:
		p.Changed = append(p.Changed, Changed{f, edits})
	default:
		p.Files = append(p.Files, f)
	}
	return true
}

func (p *Plan) addFile(f File) {
	if p.note(f) {
		p.Files = append(p.Files, f)
	}
}

func (p *Plan) note(f File) bool {
	_, known := p.places[f.Path]
	p.places[f.Path] = f.Place
	return !known
}

// finish puts everything in order, and each thing once.
func (p *Plan) finish() {
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Place, b.Place) })
	// Two names of one file, by way of links, have one place.
	p.Files = slices.CompactFunc(p.Files, func(a, b File) bool { return a.Place == b.Place })
	slices.SortFunc(p.Changed, func(a, b Changed) int { return strings.Compare(a.Place, b.Place) })
	p.Held, p.Left = unique(p.Held), unique(p.Left)
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
