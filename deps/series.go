package deps

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
)

// A series is one part of a cache on disk: files of which only the frame in their names differs.
type series struct {
	folder, head, tail string
	digits             int
	numbers            []int // in order
}

// cacheName is the name of a file of a cache: what it is, the frame, the cache's place among those of its
// object or a fraction of the frame, and the extension.
var cacheName = pattern.Lazy(`^(.*?)(-?[0-9]{4,})((?:_[0-9]+)?\.[^/]+)$`)

// seriesOf returns the series of a cache. Of a bake of geometry nodes these are those in the folder meta
// only: blobs are written for frames that have something new.
func seriesOf(u *Use) []series {
	var list []series
	at := map[[3]string]int{}
	for _, file := range u.Files {
		folder, name := folderOf(file), path.Base(file)
		prefix := ""
		switch u.Form {
		case FormPointCache, FormDiskCache:
			prefix = u.Name
		case FormBake:
			if path.Base(folder) != "meta" {
				continue
			}
		}
		m := cacheName().FindStringSubmatch(strings.TrimPrefix(name, prefix))
		if m == nil {
			continue
		}
		number, err := strconv.Atoi(m[2])
		if err != nil {
			continue
		}
		key := [3]string{folder, m[1], path.Ext(m[3])}
		i, known := at[key]
		if !known {
			i = len(list)
			at[key] = i
			list = append(list, series{folder: folder, head: prefix + m[1], tail: m[3], digits: len(m[2])})
		}
		list[i].numbers = append(list[i].numbers, number)
	}
	for i := range list {
		slices.Sort(list[i].numbers)
		list[i].numbers = slices.Compact(list[i].numbers)
	}
	return list
}

// gaps returns the frames from first to last that the series lacks: those between two that it has, by the
// distance that most of them have, and those from its last one up to end.
func (s *series) gaps(first, last, end int) (missing []int) {
	n := s.numbers
	if len(n) < 2 {
		return nil
	}
	distances := map[int]int{}
	step := n[1] - n[0]
	for i := 1; i < len(n); i++ {
		d := n[i] - n[i-1]
		if distances[d]++; distances[d] > distances[step] {
			step = d
		}
	}
	add := func(from, to int) {
		for f := from; f < to && len(missing) < maxHoles; f += step {
			if f >= first && f <= last {
				missing = append(missing, f)
			}
		}
	}
	for i := 1; i < len(n); i++ {
		add(n[i-1]+step, n[i])
	}
	add(n[len(n)-1]+step, min(end, last)+1)
	return missing
}

// isCache reports whether the reference is that of a cache with a file for each frame.
func (r *Reference) isCache() bool {
	switch r.Form {
	case FormPointCache, FormDiskCache, FormFluid, FormOcean, FormBake:
		return true
	}
	return false
}

// cacheHoles finds the frames of baked caches that the shot uses and that are not there.
func (r *run) cacheHoles(first, last int) {
	for _, v := range r.visits {
		for i := range v.uses {
			use := &v.uses[i]
			if !use.isCache() || len(use.Files) < 2 || use.Optional && use.Form != FormBake {
				continue
			}
			end := v.bakedUpTo(use.ID)
			for _, s := range seriesOf(use) {
				if missing := s.gaps(first, last, end); len(missing) > 0 {
					r.hole(v, use, s.folder, numbering{head: s.head, tail: s.tail, digits: s.digits}, missing)
				}
			}
		}
	}
}

// bakedUpTo returns the last frame that a data-block's simulations are baked for; 0 where that is not known,
// or differs.
func (v *visit) bakedUpTo(id string) int {
	end := 0
	if v.file == nil {
		return 0
	}
	for _, n := range v.file.Notes {
		if v.file.IDs[n.ID].Name != id || n.Code != NoteSimulation {
			continue
		}
		if !n.Baked || end != 0 && n.Last != end {
			return 0
		}
		end = n.Last
	}
	return end
}
