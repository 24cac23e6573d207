package deps

import "github.com/flsync/flsync/deps/blend"

// A Trace is all that a render of one blend file needs.
type Trace struct {
	// Path is the blend file, absolute.
	Path string
	// Blend is what a render needs to know of it.
	Blend Blend
	// Files are the files it needs, without itself, each once, in the order in which they were found. Traces
	// share what a library needs: callers do not change it.
	Files []*Dependency
	// Lacks are all that keeps frames from being those that the artist sees: missing files, holes, Problems
	// and more.
	Lacks []Lack
	// Problems are what is amiss beyond missing files. None of them stops a trace.
	Problems []Problem
	// Blends are the blend files that were read, the traced one first, with the places in them that name
	// files: the tree of dependencies, and what there is to rewrite when files move.
	Blends []BlendUses
}

// A Dependency is a file that a render needs.
type Dependency struct {
	// Path is absolute. Its bytes are those on disk, which need not be UTF-8.
	Path string `json:"path"`
	Kind Kind   `json:"kind"`
	// Missing says that it is not there. A path that stands for many files is then the one in the blend file
	// (skin.<UDIM>.png, the first of a sequence) or a folder.
	Missing bool `json:"missing"`
	// UsedBy is the blend file that names it, ID the data-block in it, Field the
	// place in that. Where there are several, they are the first.
	UsedBy string `json:"used_by"`
	ID     string `json:"id"`
	Field  string `json:"field"`
	// Wrong is WrongFolder or WrongFile when something is there, but not what is needed, and WrongUntouched
	// when nobody looked.
	Wrong string `json:"wrong,omitempty"`
	// Hint says of a missing file what is there in its stead: a name that differs only in case.
	Hint string `json:"hint,omitempty"`
	// Chain says, for a missing file, how the traced blend file comes to want
	// it: from a data-block in that file to the one that names the missing file.
	Chain []Link `json:"chain,omitempty"`

	number int32 // see disk.number
}

// Message says for people what is wrong with a missing file.
func (d *Dependency) Message() string {
	message := explain(d.Wrong, d.Path)
	if d.Hint != "" {
		message += "; it " + d.Hint
	}
	return message
}

// A Link of a chain is a data-block in a blend file.
type Link struct {
	Blend string `json:"blend"`
	ID    string `json:"id"`
}

// Codes of Problems.
const (
	// ProblemNotBlend: a library is no Blender file.
	ProblemNotBlend = "not-blend"
	// ProblemUnreadable: a library is damaged, or may not be read.
	ProblemUnreadable = "unreadable-library"
	// ProblemNoData: a library has no data-block of the name that is linked.
	ProblemNoData = "missing-data-block"
)

// A Problem is something that a render will stumble over.
type Problem struct {
	Code string `json:"code"`
	// Path is the file in question, UsedBy the blend file that names it, and ID the data-block.
	Path    string `json:"path"`
	UsedBy  string `json:"used_by"`
	ID      string `json:"id"`
	Message string `json:"message"`
	// Err is the error behind it, if there is one.
	Err error `json:"-"`

	remedy string // in place of the usual one
}

// BlendUses are the places in one blend file that name files which count for a trace.
type BlendUses struct {
	Path string
	Uses []Use
}

// A Use is a reference and what it leads to. The same Use may be part of
// several traces; it is not to be changed.
type Use struct {
	*Reference
	// From is the blend file that // stands for the folder of.
	From string
	// Files exist, Missing do not. As From they are absolute and have slashes on all systems.
	Files, Missing []string
	// Wrong is as in Dependency.
	Wrong string

	numbers  []int32      // of Files and then Missing, see disk.number
	needed   []Dependency // Files, as the traces of all shots list them; nil if each makes its own
	sequence *sequence    // what Files are frames of, if they are
}

// Blend is what a render needs to know of a blend file.
type Blend struct {
	Path        string            `json:"path"`
	Version     string            `json:"version"`
	Compression blend.Compression `json:"compression"`
	// Old says that the file is older than Blender 2.7, whose scenes and paths are known.
	Old         bool    `json:"old,omitempty"`
	ActiveScene string  `json:"active_scene"`
	Scenes      []Scene `json:"scenes"`
	// Scripts are what the file has Blender run: "TXrig_ui.py" for a text to be registered, "OBCube:
	// noise.random()" for a driver that needs Python.
	Scripts []string `json:"scripts"`
}

// RenderSize returns the size in pixels of an image that the scene renders; 0, 0 where its border or its
// views decide.
func (s Scene) RenderSize() (width, height int) {
	if s.UseBorder && s.UseCropToBorder || s.UseMultiview {
		return 0, 0
	}
	return s.ResolutionX * s.ResolutionPercentage / 100, s.ResolutionY * s.ResolutionPercentage / 100
}

// Active gives the scene that is rendered by default; nil when the file has none.
func (b *Blend) Active() *Scene {
	for i := range b.Scenes {
		if b.Scenes[i].Name == b.ActiveScene {
			return &b.Scenes[i]
		}
	}
	return nil
}

// Missing gives the files that are not there.
func (t *Trace) Missing() []*Dependency {
	var missing []*Dependency
	for _, d := range t.Files {
		if d.Missing {
			missing = append(missing, d)
		}
	}
	return missing
}
