package gate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/sniff"
)

// Outside says which files that lie outside of the project may be sent.
type Outside string

const (
	// OutsideMedia sends a file only when its name and its first bytes are those of an image, movie, sound,
	// font, cache, volume or blend file, and no folder of its path is hidden. It is the default: a blend file
	// that somebody sent may name any file there is. Light profiles (IES) and shaders (OSL) count when their
	// text shows what they are; Python and other text does not, nor do the bakes of geometry nodes, since
	// nothing tells them from a secret.
	OutsideMedia Outside = "media"
	// OutsideAll sends whatever blend files name.
	OutsideAll Outside = "all"
	// OutsideDeny sends nothing from outside.
	OutsideDeny Outside = "deny"
)

// A Policy decides which files outside of the project are sent.
type Policy struct {
	Outside Outside // "" is OutsideMedia
	// Roots are folders, absolute, whose files are sent under any policy: a studio's libraries.
	Roots []string
}

// Validate reports a policy that means nothing.
func (p Policy) Validate() error {
	if !slices.Contains([]Outside{"", OutsideMedia, OutsideAll, OutsideDeny}, p.Outside) {
		return fmt.Errorf("outside is %q: choose media, all or deny", p.Outside)
	}
	for _, root := range p.Roots {
		if !filepath.IsAbs(root) {
			return fmt.Errorf("outside_roots: %q is no absolute path", root)
		}
	}
	return nil
}

// Config is what a Gate has to know.
type Config struct {
	Project string // folder, absolute
	Guessed bool   // neither a person nor a manifest named it
	Policy  Policy // about files outside of it
}

// A Gate decides for the files of one project. It remembers its decisions, so that what many shots share is
// looked at once. Goroutines may share it.
type Gate struct {
	cfg   Config
	real  string      // the project without links
	root  *os.Root    // nil if the project cannot be opened
	names place.Rules // of the project

	reach func(path string) bool // see Policy.Reach

	dirs      sync.Map // folders to their paths without links
	folders   sync.Map // folders of the project, relative, to *folder
	decisions sync.Map // files to decision
}

// A File is one that may leave.
type File struct {
	Path string      // as it was named
	Real string      // without links: what to open
	Info fs.FileInfo // of the file that was decided on, never of a link
}

type decision struct {
	file File
	err  error
}

// A HeldError says why a file is not sent.
type HeldError struct {
	Path   string
	Reason string
}

func (e *HeldError) Error() string { return e.Path + " is not sent: " + e.Reason }

// New returns a Gate. The error says what in the Config makes no sense. Close it at the end.
func New(cfg Config) (*Gate, error) {
	if !filepath.IsAbs(cfg.Project) {
		return nil, fmt.Errorf("the project %q is no absolute path", cfg.Project)
	}
	if err := cfg.Policy.Validate(); err != nil {
		return nil, err
	}
	cfg.Project = filepath.Clean(cfg.Project)
	g := &Gate{cfg: cfg, names: place.RulesOf(cfg.Project), reach: cfg.Policy.Reach(cfg.Project)}
	g.real = cfg.Project
	if resolved, err := filepath.EvalSymlinks(cfg.Project); err == nil {
		g.real = resolved
	}
	if root, err := os.OpenRoot(g.real); err == nil {
		g.root = root
	}
	return g, nil
}

// Close ends the use of the project's folder.
func (g *Gate) Close() error {
	if g.root == nil {
		return nil
	}
	return g.root.Close()
}

// Project is the folder that the Gate is for.
func (g *Gate) Project() string { return g.cfg.Project }

// UnlikelyProject says why a guessed project is hardly one, or returns "": it is the root of a drive, the
// folder home, or a folder above that.
func (g *Gate) UnlikelyProject(home string) string {
	switch {
	case !g.cfg.Guessed:
	case filepath.Dir(g.real) == g.real:
		return "the root of the file system"
	case home == "":
	case g.RealDir(home) == g.real:
		return "your home folder"
	case place.In(g.real, g.RealDir(home)):
		return "a folder above your home folder"
	}
	return ""
}

// RealDir returns a folder without links in its path; the path itself where that cannot be had, or may not be
// looked at.
func (g *Gate) RealDir(dir string) string {
	if real, known := g.dirs.Load(dir); known {
		return real.(string)
	}
	real := dir
	if g.MayTouch(dir) {
		if resolved, err := filepath.EvalSymlinks(dir); err == nil {
			real = resolved
		}
	}
	g.dirs.Store(dir, real)
	return real
}

// Decide returns the file at an absolute path if it may leave because a blend file or a listing names it, a
// [*HeldError] if it may not, and otherwise the error of looking at it.
func (g *Gate) Decide(path string) (File, error) {
	if known, ok := g.decisions.Load(path); ok {
		d := known.(decision)
		return d.file, d.err
	}
	return g.Renew(path)
}

// Look is Decide for a file that is asked about once: what it decides, it does not remember.
func (g *Gate) Look(path string) (File, error) {
	if known, ok := g.decisions.Load(path); ok {
		d := known.(decision)
		return d.file, d.err
	}
	return g.decide(path)
}

// Renew decides anew, for a file of which it was found that another has taken its place.
func (g *Gate) Renew(path string) (File, error) {
	f, err := g.decide(path)
	if f.Real == path {
		f.Real = path // one string in memory, not two
	}
	if f.Info != nil {
		f.Info = openfile.Compact(f.Real, f.Info)
	}
	g.decisions.Store(path, decision{f, err})
	return f, err
}

// Inside reports whether a file that was decided on comes from the project, whatever links lead to it.
func (g *Gate) Inside(f File) bool { return place.In(g.real, f.Real) }

// Holds reports whether a path is one of the project by its text.
func (g *Gate) Holds(p string) bool { return place.In(g.cfg.Project, p) }

// Rel returns the path in the project of a folder or file, with slashes, also of one that is spelled
// otherwise or named by way of links: as the link's target, or through another link.
func (g *Gate) Rel(p string) (rel string, ok bool) {
	if rel, ok := place.Inside(g.cfg.Project, p); ok {
		return rel, true
	}
	return place.Inside(g.real, g.RealDir(p))
}

func (g *Gate) decide(path string) (File, error) {
	f := File{Path: path}
	if !g.MayTouch(path) {
		return f, &HeldError{path, fmt.Sprintf("it lies outside of the project on another computer (%s)", RemoteHost(path))}
	}
	var err error
	f.Real = filepath.Join(g.RealDir(filepath.Dir(path)), filepath.Base(path))
	if f.Info, err = g.lstat(f.Real); err == nil && f.Info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
		if f.Real, err = filepath.EvalSymlinks(path); err == nil {
			f.Info, err = g.lstat(f.Real)
		}
	}
	if err != nil {
		return f, err
	}
	reason := "it is no regular file"
	if f.Info.Mode().IsRegular() {
		openfile.Same(f.Info, f.Info) // has Windows look the file's id up now
		if g.Inside(f) {
			reason, err = g.holdsInside(f)
		} else {
			reason, err = g.holdsOutside(f)
		}
	}
	if err == nil && reason != "" {
		err = &HeldError{path, reason}
	}
	return f, err
}

// lstat looks at a path without links. In the project it does not follow one that has come in between,
// either.
func (g *Gate) lstat(real string) (fs.FileInfo, error) {
	if g.root != nil {
		if rel, ok := place.Inside(g.real, real); ok {
			info, err := g.root.Lstat(rel)
			if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
				inner.Path = real
			}
			return info, err
		}
	}
	return os.Lstat(real)
}

// holdsInside says why a file of the project is held back, or returns "".
func (g *Gate) holdsInside(f File) (reason string, err error) {
	real, _ := place.Inside(g.real, f.Real)
	rel, named := place.Inside(g.cfg.Project, f.Path)
	if !named {
		rel = real
	}
	if reason, err := g.ignored(rel, false); reason != "" || err != nil {
		return reason, err
	}
	if !g.cfg.Guessed {
		return "", nil
	}
	const remedy = "; if the folder %s is the project, say so with --project"
	for _, p := range []string{rel, real} {
		if hidden := hiddenPart(p); hidden != "" {
			return fmt.Sprintf("%s is hidden"+remedy, hidden, g.cfg.Project), nil
		}
	}
	if reason, err = pretends(f); reason != "" {
		reason += fmt.Sprintf(remedy, g.cfg.Project)
	}
	return reason, err
}

// A folder of the project, with the rules for what is in it.
type folder struct {
	held  string // why all in it is held back
	rules *Rules
	err   error
}

// ignored says by which rule a file or folder of the project is left out. rel is its path there, with
// slashes.
func (g *Gate) ignored(rel string, isDir bool) (reason string, err error) {
	in := g.folder(path.Dir(rel))
	if in.held != "" || in.err != nil {
		return in.held, in.err
	}
	switch out, decided := in.rules.Judge(rel, isDir); {
	case out:
		return fmt.Sprintf("%s is left out by a %s file", rel, IgnoreFile), nil
	case !decided && isDir && isVersionControl(path.Base(rel)):
		return fmt.Sprintf("%s is a folder of a version control system", rel), nil
	}
	return "", nil
}

func (g *Gate) folder(rel string) *folder {
	if known, ok := g.folders.Load(rel); ok {
		return known.(*folder)
	}
	f := &folder{}
	base := rel
	if rel == "." {
		base = ""
	} else if f.held, f.err = g.ignored(rel, true); f.held == "" && f.err == nil {
		f.rules = g.folder(path.Dir(rel)).rules
	}
	if f.held == "" && f.err == nil {
		f.rules, f.err = ReadRules(filepath.Join(g.cfg.Project, filepath.FromSlash(rel)), base, g.names, f.rules)
	}
	g.folders.Store(rel, f)
	return f
}

// holdsOutside says why a file outside of the project is held back, or returns "".
func (g *Gate) holdsOutside(f File) (reason string, err error) {
	for _, root := range g.cfg.Policy.Roots {
		if place.In(g.RealDir(root), f.Real) {
			return "", nil
		}
	}
	switch g.cfg.Policy.Outside {
	case OutsideAll:
		return "", nil
	case OutsideDeny:
		return "it lies outside of the project (--outside deny)", nil
	}
	for _, p := range []string{f.Path, f.Real} {
		folder := path.Dir(filepath.ToSlash(p))
		if hidden := hiddenPart(folder); hidden != "" {
			reason = "it lies outside of the project in the hidden folder " + hidden
			if sniff.Known(p) {
				reason += "; if the files there may be sent, name " + folder + " in outside_roots"
			}
			return reason, nil
		}
	}
	if reason, err = pretends(f); reason != "" {
		reason = "it lies outside of the project, and " + reason
	}
	return reason, err
}

// pretends says why a file is not of the kinds that a render needs, by its name and contents, or returns "".
func pretends(f File) (reason string, err error) {
	for _, p := range []string{f.Path, f.Real} { // both, so that a link is no way around
		if !sniff.Known(filepath.ToSlash(p)) {
			return fmt.Sprintf("the name %q is not that of an image, movie, sound, font, cache, volume or blend file", filepath.Base(p)), nil
		}
	}
	file, err := openfile.Open(f.Real, f.Info)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var sample sniff.Sample
	if err := sample.Read(file, f.Info.Size()); err != nil {
		return "", err
	}
	if name := filepath.ToSlash(f.Path); !sample.Is(name) {
		return fmt.Sprintf("its first bytes are not those of a .%s file", sniff.Extension(name)), nil
	}
	return "", nil
}

// hiddenPart returns a path up to the first name in it that begins with a dot, or "".
func hiddenPart(p string) string {
	parts := strings.Split(p, "/")
	for i, name := range parts {
		if strings.HasPrefix(name, ".") && name != "." && name != ".." {
			return strings.Join(parts[:i+1], "/")
		}
	}
	return ""
}
