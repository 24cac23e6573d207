package pack

import (
	"maps"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/place"
)

// outsideFolder is where in a checkout files go that lie outside of the project.
const outsideFolder = "_outside_project"

// A layout gives each file its place in the checkout. In the project that is the path it has there. Outside
// it is its whole path below outsideFolder, so that all that lay side by side still does.
type layout struct {
	root          string
	outside       string            // outsideFolder, or another name where the project has one
	layers        map[string]string // of files whose names some file systems take for those of others: see placeAll
	gate          *gate.Gate
	placed        map[string]string // places of files, when they are final
	selfContained bool              // none of the placed files lies outside
}

func newLayout(g *gate.Gate) *layout {
	l := &layout{root: slash(g.Project()), outside: outsideFolder, gate: g}
	return l
}

// realDir is a folder without links in its path.
func (l *layout) realDir(dir string) string { return slash(l.gate.RealDir(filepath.FromSlash(dir))) }

// real is a file without links in its path; the path itself where that cannot be had.
func (l *layout) real(file string) string {
	if f, err := l.gate.Decide(filepath.FromSlash(file)); err == nil {
		return slash(f.Real)
	}
	return file
}

// inside is [gate.Gate.Rel].
func (l *layout) inside(dir string) (rel string, ok bool) { return l.gate.Rel(filepath.FromSlash(dir)) }

// place is where a file goes.
func (l *layout) place(file string) string {
	if place, ok := l.placed[file]; ok {
		return place
	}
	return path.Join(l.folder(parent(file), l.layers[file]), sendable(path.Base(file)))
}

// folder is where what is in a folder goes; layer is that of one of its files.
func (l *layout) folder(dir, layer string) string {
	if rel, ok := l.inside(dir); ok {
		return path.Clean(sendable(rel))
	}
	return path.Join(l.outside, layer, sendable(outsideName(dir)))
}

// placeAll sees to it that no two files of the checkout have names which differ only in case or Unicode form,
// as far as they come from outside. groups are files that have to keep their places to each other; where a
// group gets in the way of another, the whole of it goes one layer deeper: _outside_project/~1. files are all
// there are, in order.
func (l *layout) placeAll(files []string, groups [][]string) {
	l.placed = make(map[string]string, len(files))
	l.layers = map[string]string{}
	outside := l.placeInside(files)
	l.selfContained = len(outside) == 0
	l.spread(outside, groups)
	for _, f := range outside {
		l.placed[f] = l.place(f)
	}
}

// placeInside finds the places of the files of the project, and gives the others.
func (l *layout) placeInside(files []string) (outside []string) {
	homes := map[string]string{} // of folders; "" for one that does not lie in the project
	for _, f := range files {
		dir := parent(f)
		home, known := homes[dir]
		if !known {
			if l.isIn(f) {
				home = l.folder(dir, "")
			}
			homes[dir] = home
		}
		if home == "" {
			outside = append(outside, f)
			continue
		}
		at := sendable(path.Base(f))
		if home != "." {
			at = home + "/" + at
		}
		l.placed[f] = at
		// The project may have such a folder itself, from an earlier pack.
		for folded := place.Fold(at); within(place.Fold(l.outside), folded); {
			l.outside += "_"
		}
	}
	return outside
}

// spread finds layers for files from outside.
func (l *layout) spread(outside []string, groups [][]string) {
	all := places{}
	clash := false
	for _, f := range outside {
		clash = !all.take(l.place(f)) || clash
	}
	if !clash {
		return
	}
	all = places{}
	for _, g := range together(outside, groups) {
		for n := 1; !all.takeAll(g, l.place); n++ {
			for _, f := range g {
				l.layers[f] = "~" + strconv.Itoa(n)
			}
		}
	}
}

// stays reports whether a path plainly leads to its file in the checkout as it does here: from a blend file
// of the project up to a folder of it, and from there down to the file. So most paths do, and there is
// nothing to work out.
func (l *layout) stays(by string, u sentUse, part *deps.Part) bool {
	rest, ok := strings.CutPrefix(part.Raw, "//")
	if !ok || len(u.Parts) != 1 || len(u.files) != 1 || slash(u.From) != by || namesFolder(u.Use, part) || strings.Contains(rest, `\`) {
		return false
	}
	file, base := u.files[0], parent(by)
	for strings.HasPrefix(rest, "../") {
		rest, base = rest[3:], parent(base)
	}
	name, ok := below(base, file)
	return ok && name == rest && within(l.root, base) && utf8.ValidString(file) && utf8.ValidString(by)
}

func (l *layout) isIn(file string) bool {
	_, ok := l.inside(parent(file))
	return ok
}

// together joins groups that share a file. The result is in the order of files.
func together(files []string, groups [][]string) [][]string {
	leader := make(map[string]string, len(files))
	for _, f := range files {
		leader[f] = f
	}
	find := func(f string) string {
		for leader[f] != f {
			leader[f] = leader[leader[f]]
			f = leader[f]
		}
		return f
	}
	for _, g := range groups {
		first := ""
		for _, f := range g {
			if _, ok := leader[f]; !ok {
				continue
			}
			if first == "" {
				first = find(f)
			} else if other := find(f); other != first {
				first, other = min(first, other), max(first, other)
				leader[other] = first
			}
		}
	}
	var joined [][]string
	index := map[string]int{}
	for _, f := range files {
		lead := find(f)
		i, ok := index[lead]
		if !ok {
			i = len(joined)
			index[lead] = i
			joined = append(joined, nil)
		}
		joined[i] = append(joined[i], f)
	}
	return joined
}

// places are those that are taken, folders too, by what they are for a file system that knows no case.
type places map[string]string

// take takes a place. It reports false when it, or one of the folders above
// it, is there already under another spelling.
func (t places) take(at string) bool {
	ok := true
	for p := at; p != "."; p = path.Dir(p) {
		key := place.Fold(p)
		kind := p + "/"
		if p == at {
			kind = p
		}
		if was, there := t[key]; !there {
			t[key] = kind
		} else if was != kind {
			ok = false
		} else if p != at {
			break // and so are the folders above it
		}
	}
	return ok
}

// takeAll takes all places or, when one is taken by others, none. Files of one group that get in each other's
// way are let through: they keep the names that they have.
func (t places) takeAll(files []string, place func(string) string) bool {
	own := places{}
	for _, f := range files {
		own.take(place(f))
	}
	for key, kind := range own {
		if was, there := t[key]; there && was != kind {
			return false
		}
	}
	maps.Copy(t, own)
	return true
}
