package pack

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/place"
)

// An UnreachableError is a path that no rewriting of its field makes right in
// the checkout, as when the names in a strip's folder climb out of it.
type UnreachableError struct {
	Blend, ID, Field string
	Value            string // as it stands in the blend file
	File             string // what it should lead to
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s: %s of %s is %q, which cannot be made to lead to %s in the checkout: move the file to where the path has no \"..\" behind a folder's name, or into the project",
		e.Blend, e.Field, e.ID, e.Value, e.File)
}

// partOf is the field that says where the files of a use are: the whole path,
// or its folder. It is nil where Blender does not read it from a field.
func partOf(u *deps.Use) *deps.Part {
	for i := range u.Parts {
		if u.Parts[i].Role != deps.RoleName {
			return &u.Parts[i]
		}
	}
	return nil
}

func valueOf(u *deps.Use) string {
	if p := partOf(u); p != nil {
		return p.Raw
	}
	return ""
}

// isAbsolute reports whether a path of a blend file is one on any system.
func isAbsolute(p string) bool {
	slashed := unslashed(p)
	return !isRelative(p) && (strings.HasPrefix(slashed, "/") || place.IsDrive(slashed))
}

// resolve is what a path of a blend file means on this machine. A path that is
// neither relative nor absolute is one beside the blend file, see package deps.
func resolve(p, base string) string {
	slashed := unslashed(p)
	switch {
	case isRelative(p):
		return place.Clean(base + "/" + slashed[2:])
	case place.IsDrive(slashed) && (place.IsDrive(base) || strings.HasPrefix(base, "//")):
		return slashed[:2] + path.Clean(slashed[2:])
	case place.IsDrive(slashed):
		return path.Clean("/" + strings.ToLower(p[:1]) + slashed[2:])
	case strings.HasPrefix(p, `\\`):
		return place.Clean(slashed)
	case strings.HasPrefix(slashed, "/") && place.IsDrive(base):
		return base[:2] + path.Clean(slashed)
	case strings.HasPrefix(slashed, "/"):
		return path.Clean(slashed)
	}
	return place.Clean(base + "/" + slashed)
}

// An editor works out the edits of one blend file.
type editor struct {
	where   *layout
	blend   string
	folders map[string]bool // of the checkout

	values map[int64]string // what each field is to hold, by its offset
	from   map[string]bool  // the blend files that // stands for the folder of
	astray map[listIn]string
	edits  []Edit
	errs   []error
}

// A listIn is a list of files that a path names by their folder, and where that folder goes.
type listIn struct {
	listID
	dir, want string
}

// strays returns the first file of a list that does not lie in dir, or does not go to the same place below
// want; "" if all do.
func (e *editor) strays(files []string, dir, want string) string {
	key := listIn{idOf(files), dir, want}
	if len(files) > 1 {
		if known, ok := e.astray[key]; ok {
			return known
		}
	}
	for _, f := range files {
		if rel, ok := below(dir, f); !ok || path.Join(want, sendable(rel)) != e.where.place(f) {
			e.astray[key] = f
			return f
		}
	}
	if len(files) > 1 {
		e.astray[key] = ""
	}
	return ""
}

// use sees to it that the path of a use leads to its files.
func (e *editor) use(u sentUse) {
	e.from[slash(u.From)] = true
	part := partOf(u.Use)
	if part == nil {
		return // beside the blend file or the film, where place has put it too
	}
	if e.where.stays(e.blend, u, part) {
		e.put(u, part, part.Raw)
		return
	}
	dir := e.namedFolder(u, part)
	want := e.where.folder(dir, e.where.layers[u.files[0]])
	if f := e.strays(u.files, dir, want); f != "" {
		e.errs = append(e.errs, &UnreachableError{e.blend, u.ID, u.Field, part.Raw, f})
		return
	}
	base := path.Dir(e.where.place(slash(u.From)))
	for i := range u.Parts {
		p := &u.Parts[i]
		_, name := u.Cut(p.Raw)
		switch {
		case p.Role == deps.RoleName:
			e.put(u, p, sendable(p.Raw))
		case !namesFolder(u.Use, p):
			e.put(u, p, e.value(u, p.Raw, base, want, "/"+sendable(unslashed(name))))
		case name == "":
			e.put(u, p, e.value(u, p.Raw, base, want, "/"))
		default:
			e.put(u, p, e.value(u, p.Raw, base, want, ""))
		}
	}
}

// base sees to it that a library which is packed into the blend file is said to
// be where // in its data is to lead. It comes after the uses of the blend file.
func (e *editor) base(u sentUse) {
	part := partOf(u.Use)
	if part == nil {
		return
	}
	library := resolve(part.Raw, parent(slash(u.From)))
	if e.from[library] {
		place := e.where.place(library)
		e.put(u, part, e.value(u, part.Raw, path.Dir(e.where.place(slash(u.From))), path.Dir(place), "/"+path.Base(place)))
	}
}

// namesFolder reports whether a field holds the path of a folder.
func namesFolder(u *deps.Use, p *deps.Part) bool {
	switch u.Form {
	case deps.FormPointCache, deps.FormFluid, deps.FormOcean, deps.FormBake, deps.FormProxies:
		return true
	}
	if u.Form == deps.FormProperty && len(u.Files) > 0 {
		return path.Base(unslashed(p.Raw)) != path.Base(slash(u.Files[0]))
	}
	return p.Role == deps.RoleFolder
}

// value gives what a field is to hold that holds old now, so that it leads to
// the folder want of the checkout, and tail in it, from base.
func (e *editor) value(u sentUse, old, base, want, tail string) string {
	if isRelative(old) && path.Join(want, tail) == follow(base, old) && (u.Kind == deps.KindLibrary || e.walkable(base, old)) {
		return old
	}
	rel := relative(base, want)
	if rel == "" {
		tail = strings.TrimPrefix(tail, "/")
	}
	return "//" + rel + tail
}

// walkable reports whether every folder that a path goes into, even if only to
// leave it by .., is there in the checkout: systems insist on it. For libraries
// it does not matter, as Blender takes the .. out of their paths.
func (e *editor) walkable(base, old string) bool {
	at := base
	names := strings.Split(unslashed(old)[2:], "/")
	for _, name := range names[:len(names)-1] {
		at = path.Join(at, name)
		if name != ".." && !e.folders[at] {
			return false
		}
	}
	return true
}

// namedFolder is the folder that the path of a use names, or that has the files whose name the path ends in.
func (e *editor) namedFolder(u sentUse, part *deps.Part) string {
	file := u.files[0]
	folder, rest := u.Cut(part.Raw)
	switch {
	case namesFolder(u.Use, part):
		folder = part.Raw
	case !strings.ContainsAny(rest, `/\`):
		return parent(file)
	}
	base := parent(slash(u.From))
	dir := resolve(folder, base)
	if _, ok := below(dir, file); ok {
		return dir
	}
	// A .. behind a link leads to where the link does.
	return e.where.realDir(base + "/" + strings.TrimPrefix(unslashed(folder), "//"))
}

// put notes what a field is to hold.
func (e *editor) put(u sentUse, p *deps.Part, value string) {
	if was, known := e.values[p.Offset]; known {
		if was != value {
			e.errs = append(e.errs, &UnreachableError{e.blend, u.ID, u.Field, p.Raw, strings.Join(u.files[:min(1, len(u.files))], "")})
		}
		return
	}
	e.values[p.Offset] = value
	if value == p.Raw {
		return
	}
	edit := Edit{ID: u.ID, Field: u.Field, Offset: p.Offset, Size: p.Size, Old: p.Raw, New: value, Block: max(p.Block, 0), Length: p.Length}
	if err := edit.check(); err != nil {
		if long, ok := errors.AsType[*TooLongError](err); ok {
			long.Blend = e.blend
		}
		e.errs = append(e.errs, err)
		return
	}
	e.edits = append(e.edits, edit)
}
