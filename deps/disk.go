package deps

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/flsync/flsync/internal/place"
)

// presence is what is found at a path.
type presence uint8

const (
	absent presence = iota // nothing, or nothing that can be read
	isFile
	isFolder
	untouched // not looked at, see Config.MayTouch
)

// seen is what was found at a path.
type seen struct {
	presence
	size int64 // in bytes, of a file
}

// A memo remembers what was worked out for each key. Goroutines may share it.
type memo[K comparable, V any] struct {
	mu    sync.Mutex
	known map[K]V
}

// get returns what is known for a key, or else what work returns. Where two goroutines work it out at the
// same time, both get the value of the first.
func (m *memo[K, V]) get(key K, work func() V) V {
	m.mu.Lock()
	v, ok := m.known[key]
	m.mu.Unlock()
	if ok {
		return v
	}
	v = work()
	m.mu.Lock()
	defer m.mu.Unlock()
	if first, ok := m.known[key]; ok {
		return first
	}
	if m.known == nil {
		m.known = map[K]V{}
	}
	m.known[key] = v
	return v
}

// A disk remembers what it saw, so that what many shots share is looked at once in a run. All paths are
// absolute and have slashes.
type disk struct {
	touch func(path string) bool          // may a path be looked at; nil: any
	probe func(folder string) place.Rules // place.RulesOf, with slashes

	found     memo[string, seen]
	contained memo[string, contents]
	folds     memo[string, map[string]string]
	layers    memo[string, *layer]
	folders   memo[string, []entry]
	real      memo[string, string]
	infos     memo[string, os.FileInfo] // see info
	singles   memo[single, *expansion]  // pointers: a map that grows copies what it holds
	runs      memo[runKey, *sequence]
	rules     memo[string, place.Rules]
	samples   sync.Pool // of *sniff.Sample

	mu      sync.Mutex // guards numbers, sound, and what sequences work out later
	numbers map[string]int32
	sound   []soundness // by number
}

// A runKey is what all file names of a sequence have in common.
type runKey struct {
	folder string
	numbering
}

// An entry is one name in a folder.
type entry struct {
	name   string
	folder bool
}

func newDisk(touch func(path string) bool) *disk {
	probe := func(folder string) place.Rules { return place.RulesOf(filepath.FromSlash(folder)) }
	return &disk{touch: touch, probe: probe, numbers: map[string]int32{}}
}

// sequence returns the files in a folder that belong to a numbering.
func (d *disk) sequence(folder string, n numbering) *sequence {
	return d.runs.get(runKey{folder, n}, func() *sequence {
		s := &sequence{folder: folder, numbering: n}
		rules := d.rulesOf(folder)
		for _, entry := range d.list(folder) {
			if number, ok := n.match(entry.name, rules); ok && !entry.folder {
				s.files = append(s.files, below(folder, n.name(number))) // as the blend file spells it: workers may know case
			}
		}
		slices.Sort(s.files)
		s.files = slices.Compact(s.files)
		s.numbers, s.expansion.sequence = d.number(s.files), s
		return s
	})
}

// rulesOf returns how a folder compares names.
func (d *disk) rulesOf(folder string) place.Rules {
	return d.rules.get(folder, func() place.Rules {
		if d.stat(folder) != isFolder {
			return place.Rules{}
		}
		return d.probe(folder)
	})
}

// has reports whether a sequence has a file of that number.
func (d *disk) has(s *sequence, number int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.has(number)
}

// extend is sequence.extend.
func (d *disk) extend(s *sequence, u FrameUse) FrameUse {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.extend(u)
}

// number returns a number of its own for each path: traces have many files in common, and to see whether a
// path came before is a good part of their work.
func (d *disk) number(paths ...[]string) []int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []int32
	for _, some := range paths {
		for _, p := range some {
			n, ok := d.numbers[p]
			if !ok {
				n = int32(len(d.numbers))
				d.numbers[p] = n
			}
			list = append(list, n)
		}
	}
	return list
}

// mayTouch reports whether a path may be looked at.
func (d *disk) mayTouch(p string) bool { return d.touch == nil || d.touch(filepath.FromSlash(p)) }

// stat returns what is at a path, links followed. What cannot be looked at is absent.
func (d *disk) stat(p string) presence { return d.look(p).presence }

// look is stat with the size of a file.
func (d *disk) look(p string) seen {
	return d.found.get(p, func() seen {
		if !d.mayTouch(p) {
			return seen{presence: untouched}
		}
		info, err := os.Stat(filepath.FromSlash(p))
		switch {
		case err != nil:
		case info.IsDir():
			return seen{presence: isFolder}
		case info.Mode().IsRegular(): // anything else, a pipe or a device, cannot be sent
			return seen{isFile, info.Size()}
		}
		return seen{}
	})
}

// info returns what the system says of a path, links followed; nil if it cannot be looked at.
func (d *disk) info(p string) os.FileInfo {
	return d.infos.get(p, func() os.FileInfo {
		info, err := os.Stat(native(p))
		if err != nil {
			return nil
		}
		return info
	})
}

// list returns the names in a folder, in order. A folder that is not there, or cannot be read, has none.
func (d *disk) list(folder string) []entry {
	return d.folders.get(folder, func() (list []entry) {
		if !d.mayTouch(folder) {
			return nil
		}
		found, _ := os.ReadDir(filepath.FromSlash(folder)) // what it could read
		for _, e := range found {
			switch {
			case e.IsDir(), e.Type().IsRegular():
				list = append(list, entry{e.Name(), e.IsDir()})
			case e.Type()&(os.ModeSymlink|os.ModeIrregular) != 0: // a link, or a junction
				if is := d.stat(folder + "/" + e.Name()); is != absent {
					list = append(list, entry{e.Name(), is == isFolder})
				}
			}
		}
		return list
	})
}

// clean takes .. and . out of a path. Where .. comes after a link to a folder, it follows the link first, as
// the system does.
func (d *disk) clean(p string) string {
	lexical := place.Clean(p)
	if !strings.Contains(p, "/../") {
		return lexical
	}
	i := strings.LastIndex(p, "/../") + len("/..")
	before, after := p[:i], p[i:]
	real := d.real.get(before, func() string {
		if real := place.Clean(before); !d.mayTouch(real) {
			return real
		}
		return realFolder(before)
	})
	return place.Clean(strings.TrimSuffix(real, "/") + after)
}

// realFolder returns the folder that p, which has .. in it, leads to: by its words if that is the same
// folder, else with all links resolved.
func realFolder(p string) string {
	lexical := place.Clean(p)
	system, err := os.Stat(filepath.FromSlash(p))
	if err != nil {
		return lexical
	}
	if plain, err := os.Stat(filepath.FromSlash(lexical)); err == nil && os.SameFile(system, plain) {
		return lexical
	}
	resolved, err := filepath.EvalSymlinks(p) // keeps to the system's meaning of .., as it does not clean first
	if err != nil {
		return lexical
	}
	return filepath.ToSlash(resolved)
}
