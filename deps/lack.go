package deps

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
)

// Severity says what a lack does to the frames.
type Severity string

const (
	// SeverityError: frames will not be those that the artist sees, or the task fails.
	SeverityError Severity = "error"
	// SeverityWarning: frames may differ, or somebody should have a look.
	SeverityWarning Severity = "warning"
)

// Codes of lacks.
const (
	LackMissing    = "missing-file"       // a file that is not there, or is a folder; see [Dependency]
	LackHole       = "hole"               // frames of a sequence that the shot uses and that are not there
	LackLibrary    = "unreadable-library" // a library that is no blend file, is damaged, or may not be read
	LackDataBlock  = "gone-datablock"     // a library has no data-block of the name that is linked
	LackContent    = "not-what-it-says"   // an empty file, a git-lfs pointer, or bytes of another kind
	LackMadeUp     = "made-up"            // a path that nodes put together; the files beside it that fit are sent
	LackProperty   = "property-path"      // a path in a custom property, whose file is not sent
	LackAlone      = "sent-alone"         // a file that is sent without the files that it names itself
	LackTooMany    = "too-many-libraries" // more libraries than a trace follows
	LackNotLooked  = "not-looked-at"      // a path on a host that flsync was not told to touch
	LackUnbaked    = "unbaked"            // a simulation that is not baked for all frames
	LackOldVersion = "old-version"        // a blend file older than the formats that are known
)

// aboutLack is what all lacks of a code have in common: how severe they are, and what to do.
type aboutLack struct {
	Severity Severity
	Remedy   string
}

func lackCodes() map[string]aboutLack {
	return map[string]aboutLack{
		LackMissing:    {SeverityError, "put the file there, or correct the path in Blender (File > External Data > Find Missing Files)"},
		LackHole:       {SeverityError, "render or copy the missing frames, or shorten the range of what shows them"},
		LackLibrary:    {SeverityError, "restore the library, and open the shot in Blender once"},
		LackDataBlock:  {SeverityError, "relink the data-block in Blender (Outliner > Blender File > Relocate), or restore it in the library"},
		LackContent:    {SeverityError, "restore the file"},
		LackMadeUp:     {SeverityWarning, "check that all files are listed; list others under files: in a manifest"},
		LackProperty:   {SeverityWarning, "send it with --properties, properties: true in the configuration, or files: in a manifest"},
		LackAlone:      {SeverityWarning, "list the files that it names under files: in a manifest"},
		LackTooMany:    {SeverityError, "link fewer libraries"},
		LackNotLooked:  {SeverityWarning, "map the share to a drive, or name it in outside_roots"},
		LackUnbaked:    {SeverityWarning, "bake it for the scene's frames (Physics properties > Cache, or Object > Simulation > Bake), and save the file"},
		LackOldVersion: {SeverityWarning, "save the file with Blender 2.8 or later"},
	}
}

// A Lack is something that keeps a render from the frames that the artist sees.
type Lack struct {
	Code     string   `json:"code"` // one of the Lack constants
	Severity Severity `json:"severity"`
	// Path is the file in question, in the system's form. Of a hole it is the first missing frame.
	Path string `json:"path"`
	// UsedBy is the blend file that names it, ID the data-block in it, and Field the place in that.
	UsedBy string `json:"used_by"`
	ID     string `json:"id"`
	Field  string `json:"field,omitempty"`
	// Chain says how the traced blend file comes to want it, see [Dependency].
	Chain []Link `json:"chain,omitempty"`
	// Scene is the scene that it is about; "" for all.
	Scene string `json:"scene,omitempty"`
	// Frames are the missing frames of a hole as Blender's numbers in file names: "2-3,12".
	Frames  string `json:"frames,omitempty"`
	Message string `json:"message"`
	// Remedy is what to do about it.
	Remedy string `json:"remedy"`
}

// lack adds a lack with the severity and the remedy of its code, and returns it for what differs.
func (r *run) lack(code string, d Dependency, format string, args ...any) *Lack {
	about := lackCodes()[code]
	r.trace.Lacks = append(r.trace.Lacks, Lack{
		Code: code, Severity: about.Severity, Path: d.Path, UsedBy: d.UsedBy, ID: d.ID, Field: d.Field, Chain: d.Chain,
		Message: fmt.Sprintf(format, args...), Remedy: about.Remedy,
	})
	return &r.trace.Lacks[len(r.trace.Lacks)-1]
}

// Spoils reports whether the lack makes frames wrong for certain.
func (l *Lack) Spoils() bool { return l.Severity == SeverityError }

// lacks adds the lacks of what was found.
func (r *run) lacks() {
	r.layers()
	for _, d := range r.trace.Files {
		if d.Missing && d.Wrong == WrongUntouched {
			r.lack(LackNotLooked, *d, "%s", d.Message())
		} else if d.Missing {
			d.Hint = r.hint(filepath.ToSlash(d.Path))
			r.lack(LackMissing, *d, "%s", d.Message())
		}
	}
	for _, p := range r.trace.Problems {
		code := LackLibrary
		if p.Code == ProblemNoData {
			code = LackDataBlock
		}
		lack := r.lack(code, Dependency{Path: p.Path, UsedBy: p.UsedBy, ID: p.ID}, "%s", p.Message)
		lack.Remedy = cmp.Or(p.remedy, lack.Remedy)
	}
	main := native(r.main.path)
	if len(r.tooMany) > 0 {
		d := Dependency{Path: native(r.tooMany[0]), UsedBy: main}
		r.lack(LackTooMany, d, "%d paths of libraries were not followed, such as %s: links to folders lead to the same files again and again", len(r.tooMany), d.Path)
	}
	r.madeUp()
	r.propertyPaths()
	r.contents()
	if r.trace.Blend.Old {
		r.lack(LackOldVersion, Dependency{Path: main, UsedBy: main}, "%s was saved by Blender %s: files may have been overlooked", main, r.trace.Blend.Version)
	}
	if s := r.trace.Blend.Active(); s != nil {
		r.holes(s.FrameStart, s.FrameEnd, max(s.FrameStep, 1))
		r.cacheHoles(s.FrameStart, s.FrameEnd)
		r.simulations(s)
	}
}

// madeUp tells of paths that nodes put together.
func (r *run) madeUp() {
	for _, v := range r.visits {
		reported := map[string]bool{}
		for i := range v.uses {
			use := &v.uses[i]
			if use.Form != FormMadeUp || reported[use.ID] {
				continue
			}
			reported[use.ID] = true
			files, others := 0, 0 // a modifier may hold a part of the path
			for k := range v.uses {
				if other := &v.uses[k]; other.Form == FormMade && other.ID == use.ID {
					files += len(other.Files)
				} else if other.Form == FormMade && !strings.HasPrefix(other.ID, "NT") {
					others += len(other.Files)
				}
			}
			files = cmp.Or(files, others)
			d := Dependency{Path: native(v.path), UsedBy: native(v.path), ID: use.ID, Field: use.Field}
			r.lack(LackMadeUp, d, "nodes of %s in %s put together the path of a file: %d files fit what is known of it", use.ID, d.Path, files)
		}
	}
}
