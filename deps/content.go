package deps

import (
	"bytes"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/sniff"
)

const (
	// pointerMax is more than a git-lfs pointer has: 1,024 bytes by its specification.
	pointerMax = 1 << 10
	// maxStats is how many files of one folder are looked at, maxReads how many of them are read; beyond both
	// it is each maxReads-th.
	maxStats = 2_000
	maxReads = 64
)

// pointerStart is how a git-lfs pointer begins, with the address of its specification (older ones: hawser).
var pointerStart = []byte("version https://")

// pullRemedy is what to do about a git-lfs pointer.
const pullRemedy = "run git lfs pull in the folder of the file"

// isPointer reports whether a file is a git-lfs pointer: what git leaves where the contents were not fetched.
func isPointer(head []byte) bool {
	return len(head) < pointerMax && bytes.HasPrefix(head, pointerStart) && bytes.Contains(head, []byte("\noid sha256:"))
}

// A contents says what is wrong with what is in a file, and what to do about it; wrong is "" when nothing is.
type contents struct{ wrong, remedy string }

// contents compares what is in a file with its name.
func (d *disk) contents(file string) contents {
	return d.contained.get(file, func() contents {
		sample, _ := d.samples.Get().(*sniff.Sample)
		if sample == nil {
			sample = new(sniff.Sample)
		}
		defer d.samples.Put(sample)
		switch err := takeSample(sample, filepath.FromSlash(file)); {
		case err != nil: // whoever sends the file reports it
		case isPointer(sample.Head):
			return contents{"is a git-lfs pointer, not the file itself", pullRemedy}
		case sample.Contradicts(file):
			return contents{"does not begin as a ." + sniff.Extension(file) + " file does", "restore the file, or correct its name"}
		}
		return contents{}
	})
}

// takeSample reads the first and last bytes of a file. It follows links.
func takeSample(sample *sniff.Sample, file string) error {
	f, err := openfile.Named(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return sample.Read(f, info.Size())
}

// contentLack says what is wrong with the contents of a file that a render needs. Of files that are no
// git-lfs pointers for their size it reads only those that are to be read.
func (d *disk) contentLack(file string, kind Kind, read bool) contents {
	size := d.size(file)
	switch {
	case size == 0 && !sniff.IsBake(file) && (sniff.Known(file) || kind != KindText && kind != KindOther && kind != KindCache):
		return contents{"is empty", "restore the file, or render it again"}
	case size <= 0, size >= pointerMax && !(read && sniff.Known(file)):
		return contents{}
	}
	return d.contents(file)
}

// size returns the size of a file that is there, in bytes; -1 for anything else.
func (d *disk) size(file string) int64 {
	if found := d.look(file); found.presence == isFile {
		return found.size
	}
	return -1
}

// A soundness says for which calls contentLack is known to find nothing wrong with a file, whatever its kind.
type soundness uint8

const (
	unknown     soundness = iota
	soundUnread           // if it is not to be read
	sound
)

// soundness returns what is known of each file.
func (d *disk) soundness(files []*Dependency) []soundness {
	known := make([]soundness, len(files))
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, file := range files {
		if int(file.number) < len(d.sound) {
			known[i] = d.sound[file.number]
		}
	}
	return known
}

// keepSoundness records what is known of files now.
func (d *disk) keepSoundness(files []*Dependency, known []soundness) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sound = append(d.sound, make([]soundness, len(d.numbers)-len(d.sound))...)
	for i, file := range files {
		d.sound[file.number] = max(d.sound[file.number], known[i])
	}
}

// contents adds a lack for each file of the trace that is not what it says. Of a folder with very many files
// it looks at a part.
func (r *run) contents() {
	disk := r.t.expand.disk
	known, learnt := disk.soundness(r.trace.Files), false
	counts := map[string]*int{} // of files by folder
	last, count := "", new(int)
	for i, d := range r.trace.Files {
		if d.Missing || d.Kind == KindLibrary {
			continue
		}
		file := filepath.ToSlash(d.Path)
		if folder := file[:strings.LastIndexByte(file, '/')]; folder != last {
			if counts[folder] == nil {
				counts[folder] = new(int)
			}
			last, count = folder, counts[folder]
		}
		n := *count
		*count++
		spot := n%maxReads == 0
		if n >= maxStats && !spot {
			continue
		}
		as := soundUnread
		if n < maxReads || spot {
			as = sound
		}
		if known[i] >= as {
			continue
		}
		if c := disk.contentLack(file, d.Kind, as == sound); c.wrong != "" {
			r.lack(LackContent, *d, "%s %s", d.Path, c.wrong).Remedy = c.remedy
		} else if disk.size(file) != 0 { // whether an empty file is sound depends on its kind
			known[i], learnt = as, true
		}
	}
	if learnt {
		disk.keepSoundness(r.trace.Files, known)
	}
}

// alike gives the path of something that is there and differs from a missing path only in case or in the
// Unicode form of its names; "" when there is no such thing.
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
		found := d.folded(at)[place.Fold(name)]
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

// folded returns the names in a folder by what is the same in all spellings of each.
func (d *disk) folded(folder string) map[string]string {
	return d.folds.get(folder, func() map[string]string {
		names := map[string]string{}
		for _, e := range d.list(folder) {
			names[place.Fold(e.name)] = e.name
		}
		return names
	})
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
