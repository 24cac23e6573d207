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

// A disk remembers what it saw, so that what many shots share is looked at
// once in a run. All paths are absolute and have slashes.
type disk struct {
	mu        sync.Mutex
	touch     func(path string) bool // may a path be looked at; nil: any
	found     map[string]seen
	contained map[string]contents
	folds     map[string]map[string]string
	layers    map[string]*layer
	folders   map[string][]entry
	real      map[string]string
	infos     map[string]os.FileInfo // see info
	numbers   map[string]int32
	singles   map[single]expansion
	runs      map[runKey]*sequence
	rules     map[string]place.Rules
	probe     func(folder string) place.Rules // place.RulesOf, with slashes
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
	return &disk{
		touch: touch, found: map[string]seen{}, contained: map[string]contents{}, folds: map[string]map[string]string{}, layers: map[string]*layer{}, folders: map[string][]entry{}, real: map[string]string{}, infos: map[string]os.FileInfo{},
		numbers: map[string]int32{}, singles: map[single]expansion{}, runs: map[runKey]*sequence{}, rules: map[string]place.Rules{},
		probe: func(folder string) place.Rules { return place.RulesOf(filepath.FromSlash(folder)) },
	}
}

// sequence gives the files in a folder that belong to a numbering.
func (d *disk) sequence(folder string, n numbering) *sequence {
	key := runKey{folder, n}
	d.mu.Lock()
	known := d.runs[key]
	d.mu.Unlock()
	if known != nil {
		return known
	}
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
	d.mu.Lock()
	defer d.mu.Unlock()
	if other := d.runs[key]; other != nil {
		return other
	}
	d.runs[key] = s
	return s
}

// rulesOf returns how a folder compares names.
func (d *disk) rulesOf(folder string) place.Rules {
	d.mu.Lock()
	rules, ok := d.rules[folder]
	d.mu.Unlock()
	if !ok {
		if d.stat(folder) == isFolder {
			rules = d.probe(folder)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.rules[folder] = rules
	}
	return rules
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

// number gives each path a number of its own: traces have many files in
// common, and to tell whether one was seen before is a good part of their work.
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

// single gives what keep was given.
func (d *disk) single(s single) (expansion, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, known := d.singles[s]
	return e, known
}

// keep remembers what a reference comes to. Nobody changes its slices.
func (d *disk) keep(s single, e expansion) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.singles[s] = e
}

// mayTouch reports whether a path may be looked at.
func (d *disk) mayTouch(p string) bool { return d.touch == nil || d.touch(filepath.FromSlash(p)) }

// stat gives what is at a path, links followed. What cannot be looked at is absent.
func (d *disk) stat(p string) presence {
	d.mu.Lock()
	known, ok := d.found[p]
	d.mu.Unlock()
	if ok {
		return known.presence
	}
	var now seen
	if !d.mayTouch(p) {
		now.presence = untouched
	} else if info, err := os.Stat(filepath.FromSlash(p)); err == nil {
		switch {
		case info.IsDir():
			now.presence = isFolder
		case info.Mode().IsRegular(): // anything else, a pipe or a device, cannot be sent
			now = seen{isFile, info.Size()}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found[p] = now
	return now.presence
}

// info gives what the system says of a path, links followed; nil if it cannot be looked at.
func (d *disk) info(p string) os.FileInfo {
	d.mu.Lock()
	info, known := d.infos[p]
	d.mu.Unlock()
	if !known {
		if found, err := os.Stat(native(p)); err == nil {
			info = found
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.infos[p] = info
	}
	return info
}

// list gives the names in a folder, in order. A folder that is not there, or
// cannot be read, has none.
func (d *disk) list(folder string) []entry {
	d.mu.Lock()
	known, ok := d.folders[folder]
	d.mu.Unlock()
	if ok {
		return known
	}
	var list []entry
	var dirEntries []os.DirEntry
	if d.mayTouch(folder) {
		dirEntries, _ = os.ReadDir(filepath.FromSlash(folder)) // gives what it could read
	}
	for _, e := range dirEntries {
		switch {
		case e.IsDir(), e.Type().IsRegular():
			list = append(list, entry{e.Name(), e.IsDir()})
		case e.Type()&(os.ModeSymlink|os.ModeIrregular) != 0: // a link, or a junction
			if is := d.stat(folder + "/" + e.Name()); is != absent {
				list = append(list, entry{e.Name(), is == isFolder})
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.folders[folder] = list
	return list
}

// clean takes .. and . out of a path. Where .. comes after a link to a folder,
// the system follows the link first, and so do we.
func (d *disk) clean(p string) string {
	lexical := place.Clean(p)
	if !strings.Contains(p, "/../") {
		return lexical
	}
	i := strings.LastIndex(p, "/../") + len("/..")
	before, after := p[:i], p[i:]
	d.mu.Lock()
	real, ok := d.real[before]
	d.mu.Unlock()
	if !ok {
		if real = place.Clean(before); d.mayTouch(real) {
			real = realFolder(before)
		}
		d.mu.Lock()
		d.real[before] = real
		d.mu.Unlock()
	}
	return place.Clean(strings.TrimSuffix(real, "/") + after)
}

// realFolder gives the folder that p, which has .. in it, leads to: by its
// words if that is the same folder, else with all links resolved.
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
