package pack

import (
	"fmt"
	"path"
	"strings"

	"github.com/flsync/flsync/deps"
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

// value is the field that says where the files are: the whole path, or its
// folder. It is "" where Blender does not read it from a field.
func (u *Use) value() string {
	if p := u.part(); p != nil {
		return p.Raw
	}
	return ""
}

// part is the field that value stands in.
func (u *Use) part() *deps.Part {
	for i := range u.Parts {
		if u.Parts[i].Role != deps.RoleName {
			return &u.Parts[i]
		}
	}
	return nil
}

// isAbsolute reports whether a path of a blend file is one on any system.
func isAbsolute(p string) bool {
	slashed := unslashed(p)
	return !isRelative(p) && (strings.HasPrefix(slashed, "/") || isDrive(slashed))
}

// resolve is what a path of a blend file means on this machine. A path that is
// neither relative nor absolute is one beside the blend file, see package deps.
func resolve(p, base string) string {
	slashed := unslashed(p)
	switch {
	case isRelative(p):
		return path.Clean(base + "/" + slashed[2:])
	case isDrive(slashed) && isDrive(base):
		return slashed[:2] + path.Clean(slashed[2:])
	case isDrive(slashed):
		return path.Clean("/" + strings.ToLower(p[:1]) + slashed[2:])
	case strings.HasPrefix(p, `\\`):
		return "/" + path.Clean(slashed)
	case strings.HasPrefix(slashed, "/") && isDrive(base):
		return base[:2] + path.Clean(slashed)
	case strings.HasPrefix(slashed, "/"):
		return path.Clean(slashed)
	}
	return path.Clean(base + "/" + slashed)
}

// edits gives what has to change in a blend file.
func (m *maker) edits(b *sentBlend) ([]Edit, []error) {
	byOffset := map[int64]int{}
	var edits []Edit
	var errs []error
	put := func(u sentUse, p *deps.Part, value string) {
		e := Edit{ID: u.ID, Field: u.Field, Offset: p.Offset, Size: p.Size, Old: p.Raw, New: value, Block: max(p.Block, 0)}
		if i, twice := byOffset[e.Offset]; twice {
			if edits[i].New != e.New {
				errs = append(errs, &UnreachableError{b.path, u.ID, u.Field, p.Raw, u.files[0]})
			}
			return
		}
		if err := e.check(); err != nil {
			if long, ok := err.(*TooLongError); ok {
				long.Blend = b.path
			}
			errs = append(errs, err)
			return
		}
		byOffset[e.Offset] = len(edits)
		edits = append(edits, e)
	}
	for _, u := range b.uses {
		base := m.baseFolder(b, u)
		folder, needed := m.folderOf(u, base)
		if p := u.part(); p != nil && needed != p.Raw {
			put(u, p, needed)
		} else if p != nil {
			byOffset[p.Offset] = byOffset[p.Offset] // see keep
		}
		for i := range u.Parts {
			if p := &u.Parts[i]; p.Role == deps.RoleName && sendable(p.Raw) != p.Raw {
				put(u, p, sendable(p.Raw))
			}
		}
		for _, f := range u.files {
			if rel, ok := below(m.namedFolder(u), f); !ok || path.Join(folder, sendable(rel)) != m.where.place(f) {
				errs = append(errs, &UnreachableError{b.path, u.ID, u.Field, u.value(), f})
				break
			}
		}
	}
	return edits, errs
}
