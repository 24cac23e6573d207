package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/openfile"
)

// absolute joins slash or native paths of a manifest to a folder.
func absolute(dir, p string) string {
	p = filepath.FromSlash(p)
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(dir, p)
}

// absolute is absolute, spelled as on disk.
func (e *expander) absolute(dir, p string) string { return e.speller.Spell(absolute(dir, p)) }

// blendFiles are the blend files that match a pattern, sorted.
func (e *expander) blendFiles(pos Pos, dir, pattern string) []string {
	matches, ok := e.glob(pos, dir, pattern)
	blends := slices.DeleteFunc(slices.Clone(matches), func(m string) bool {
		return !strings.EqualFold(filepath.Ext(m), ".blend")
	})
	if ok && len(blends) == 0 {
		if len(matches) > 0 {
			e.errs.Add(pos, "%q matches %d files, but none of them is a .blend file", pattern, len(matches))
		} else {
			e.errs.Add(pos, "%q matches no file in %s", pattern, dir)
		}
	}
	return blends
}

// glob finds the files that match; false after an error.
func (e *expander) glob(pos Pos, dir, pattern string) ([]string, bool) {
	if !e.checkPattern(pos, pattern) {
		return nil, false
	}
	// The part without wildcards becomes the root, because fs.FS knows no "..".
	base, rest := doublestar.SplitPattern(filepath.ToSlash(pattern))
	root := e.absolute(dir, base)
	matches, err := doublestar.Glob(os.DirFS(root), rest, doublestar.WithFilesOnly(), doublestar.WithFailOnIOErrors())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.errs.Add(pos, "%q: %v", pattern, reason(err))
		return nil, false
	}
	for i, m := range matches {
		matches[i] = filepath.Join(root, filepath.FromSlash(m))
	}
	slices.Sort(matches)
	return matches, true
}

func hasMeta(pattern string) bool { return strings.ContainsAny(pattern, "*?[{") }

// excluded reports whether a match of a glob is excluded by the job.
func (d *draft) excluded(file string) bool {
	rel, err := filepath.Rel(d.project, file)
	if err != nil {
		return false
	}
	patterns := slices.Clone(d.e.opts.Exclude)
	for _, n := range d.field("exclude").list() {
		patterns = append(patterns, n.value.(string))
	}
	return d.excludes(patterns).MatchFile(filepath.ToSlash(rel))
}

// files returns the patterns, relative to the project, of what a job names besides its blend file: the path
// of a file or folder, whatever signs its name has, or else a glob. That they match something is checked
// here, where the place in the manifest is known.
func (d *draft) files(pos Pos, name string) []string {
	base, rest := filepath.ToSlash(name), ""
	if _, err := os.Stat(absolute(d.dir, name)); err != nil {
		if !hasMeta(name) {
			d.e.errs.Add(pos, "%s: %v", name, reason(err))
			return nil
		}
		switch matches, ok := d.e.glob(pos, d.dir, name); {
		case !ok:
			return nil
		case len(matches) == 0:
			d.e.errs.Add(pos, "%q matches no file in %s", name, d.dir)
			return nil
		}
		base, rest = doublestar.SplitPattern(base)
	}
	rel, err := filepath.Rel(d.project, d.e.absolute(d.dir, base))
	if err != nil || !filepath.IsLocal(rel) {
		d.e.errs.Add(pos, "%s lies outside of the project %s", name, d.project)
		return nil
	}
	return []string{path.Join(gate.Quote(filepath.ToSlash(rel)), rest)}
}

// checkBlend looks at the first bytes: a file of another kind is found here, with its place, rather than
// after the others have been traced.
func (d *draft) checkBlend(pos Pos, file string) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		d.e.errs.Add(pos, "%s is a folder, not a blend file", file)
		return
	}
	f, err := openfile.Named(file)
	if openfile.IsBusy(err) {
		return // no mistake of the manifest: if it lasts, this job fails, and no other
	}
	if err != nil {
		d.e.errs.Add(pos, "%s: %v", file, reason(err))
		return
	}
	defer f.Close()
	head := make([]byte, 7)
	n, err := f.Read(head)
	info, statErr := f.Stat()
	switch head := string(head[:n]); {
	case err != nil && n == 0 && statErr == nil && info.Size() > 0:
		d.e.errs.Add(pos, "%s: %v", file, reason(err))
	case head == "BLENDER", strings.HasPrefix(head, "\x1f\x8b"), strings.HasPrefix(head, "\x28\xb5\x2f\xfd"):
		// As it is, gzip or zstd.
	default:
		d.e.errs.Add(pos, "%s is no blend file", file)
	}
}

// reason takes the path out of an error, which the message has already.
func reason(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such file")
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
