package deps

import (
	"bytes"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/flsync/flsync/internal/openfile"
)

const (
	// pointerMax is more than a git-lfs pointer has: 1,024 bytes by its specification.
	pointerMax = 1 << 10
	// maxFrameStats bounds how many frames of one sequence are looked at.
	maxFrameStats = 2_000
)

// pointerStart is how a git-lfs pointer begins, with the address of its specification (older ones: hawser).
var pointerStart = []byte("version https://")

// pullRemedy is what to do about a git-lfs pointer.
const pullRemedy = "run git lfs pull in the folder of the file"

// isPointer reports whether a file is a git-lfs pointer: what git leaves where the contents were not fetched.
func isPointer(file string, size int64) bool {
	if size < int64(len(pointerStart)) || size >= pointerMax {
		return false
	}
	info, err := os.Stat(file)
	if err != nil {
		return false
	}
	f, err := openfile.Open(file, info)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, pointerMax)
	n, _ := io.ReadFull(f, head)
	return bytes.HasPrefix(head[:n], pointerStart) && bytes.Contains(head[:n], []byte("\noid sha256:"))
}

// contentLack says what is wrong with the contents of a file that a render needs, and what to do about it; "" when
// nothing is.
func (d *disk) contentLack(file string, kind Kind) (wrong, remedy string) {
	size := d.size(file)
	switch {
	case size == 0 && kind != KindText && kind != KindOther:
		return "is empty", "restore the file, or render it again"
	case size >= pointerMax || size <= 0:
		return "", ""
	case isPointer(filepath.FromSlash(file), size):
		return "is a git-lfs pointer, not the file itself", pullRemedy
	}
	return "", ""
}

// size gives the size of a file that is there, in bytes; -1 for anything else.
func (d *disk) size(file string) int64 {
	if d.stat(file) != isFile {
		return -1
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.found[file].size
}

// contents tells of files of the trace that are not what they say. Of a very long sequence it looks at some frames.
func (r *run) contents() {
	var frames map[string]bool // those to leave out
	seen := map[*sequence]bool{}
	for _, v := range r.visits {
		for i := range v.uses {
			if s := v.uses[i].sequence; s != nil && len(s.files) > maxFrameStats && !seen[s] {
				seen[s] = true
				if frames == nil {
					frames = map[string]bool{}
				}
				every := len(s.files)/maxFrameStats + 1
				for n, f := range s.files {
					frames[f] = n%every != 0
				}
			}
		}
	}
	for i := range r.trace.Files {
		d := &r.trace.Files[i]
		slashed := filepath.ToSlash(d.Path)
		if d.Missing || d.Kind == KindLibrary || frames[slashed] {
			continue
		}
		if wrong, remedy := r.t.expand.disk.contentLack(slashed, d.Kind); wrong != "" {
			lack := newLack(LackContent, d, "%s %s", d.Path, wrong)
			lack.Remedy = remedy
			r.trace.Lacks = append(r.trace.Lacks, lack)
		}
	}
}

// alike gives the path of something that is there and differs from a missing path only in case or in the Unicode form
// of its names; "" when there is no such thing.
func (d *disk) alike(p string) string {
	at, names := p, []string(nil)
	for d.stat(at) != isFolder {
		parent := path.Dir(at)
		if parent == at || len(names) > maxAlikeDepth {
			return ""
		}
		names = append(names, path.Base(at))
		at = parent
	}
	for _, name := range slices.Backward(names) {
		found := d.folded(at)[fold(name)]
		if found == "" {
			return ""
		}
		at = below(at, found)
	}
	if at == p {
		return ""
	}
	return at
}

// maxAlikeDepth bounds how many folders of a missing path may be spelled otherwise.
const maxAlikeDepth = 8

// folded gives the names in a folder by what is the same in all spellings of each.
func (d *disk) folded(folder string) map[string]string {
	d.mu.Lock()
	known := d.folds[folder]
	d.mu.Unlock()
	if known != nil {
		return known
	}
	names := map[string]string{}
	for _, e := range d.list(folder) {
		names[fold(e.name)] = e.name
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.folds[folder] = names
	return names
}

// fold makes equal what some file system takes for the same name.
func fold(name string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(name)))
}

// hint says of a missing path what is there in its stead.
func (r *run) hint(p string) string {
	if isShare(p) || strings.HasPrefix(p, "//") {
		return ""
	}
	if other := r.t.expand.disk.alike(p); other != "" {
		return "differs from " + native(other) + " only in case or Unicode form"
	}
	return ""
}
