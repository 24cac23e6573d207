// Package workload makes trees of files to measure with: the same names and
// sizes in every run, and contents that no Manager has seen before.
//
// A [Spec] is a description; nothing is kept in memory for a file, so that a
// tree of a million files costs no more than one of ten. To begin:
//
//	spec := workload.SmallFiles(20_000)
//	err := spec.Create(ctx, dir, seed)
//	...
//	err = spec.Freshen(ctx, dir, seed+1) // the same tree with other contents, in a moment
//
// Names and sizes depend on the spec only, contents on the spec and the seed.
package workload

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"path"
)

// Spec describes a tree.
type Spec struct {
	Name   string
	Groups []Group
}

// Group is a number of files of one sort.
type Group struct {
	Dir    string // below the tree's root, with slashes
	Ext    string // with the dot
	Files  int
	PerDir int // files a folder; 0: all in Dir itself
	Nested int // levels of folders above those of PerDir, of ten folders each
	Size   Size
}

// Size draws the sizes of a group, in bytes.
type Size func(r *rand.Rand) int64

// Fixed gives every file the same size.
func Fixed(bytes int64) Size { return func(*rand.Rand) int64 { return bytes } }

// LogNormal is how sizes of textures and small files are distributed: many near the median, a few that are
// far larger. sigma is that of the logarithm; the mean is median·exp(sigma²/2).
func LogNormal(median, sigma float64) Size {
	return func(r *rand.Rand) int64 {
		// Cut at four sigma, so that one draw cannot outweigh all others.
		z := min(max(r.NormFloat64(), -4), 4)
		return max(minSize, int64(median*math.Exp(sigma*z)))
	}
}

// minSize leaves room for the mark that makes contents unique.
const minSize = markSize

const (
	kB = 1000
	mB = 1000 * kB
)

// SmallFiles are scripts, presets, sidecars: 5.45 KB on average, so that 20,000 of them are 109 MB.
func SmallFiles(n int) Spec {
	return Spec{"small files", []Group{{Dir: "small", Ext: ".json", Files: n, PerDir: 200, Size: LogNormal(3950, 0.8)}}}
}

// Textures have a median of 80 KB and a mean of 110 KB.
func Textures(n int) Spec {
	return Spec{"textures", []Group{{Dir: "textures", Ext: ".png", Files: n, PerDir: 500, Size: LogNormal(80*kB, 0.8)}}}
}

// Caches are simulation caches of one size.
func Caches(n int, bytes int64) Spec {
	return Spec{"caches", []Group{{Dir: "cache", Ext: ".vdb", Files: n, Size: Fixed(bytes)}}}
}

// Film is a project with something of everything; scale 1 is about 1 GB in 6,084 files.
func Film(scale float64) Spec {
	n := func(files float64) int { return max(1, int(files*scale)) }
	return Spec{"film project", []Group{
		{Dir: "shots", Ext: ".blend", Files: n(60), Size: LogNormal(2*mB, 0.8)},
		{Dir: "lib/textures", Ext: ".png", Files: n(2000), PerDir: 250, Size: LogNormal(80*kB, 0.8)},
		{Dir: "cache", Ext: ".vdb", Files: n(20), Size: Fixed(20 * mB)},
		{Dir: "lib/presets", Ext: ".json", Files: n(4000), PerDir: 200, Size: LogNormal(3*kB, 0.8)},
		{Dir: "edit", Ext: ".mov", Files: n(4), Size: Fixed(50 * mB)},
	}}
}

// Tiny is a deep tree of files that hold their mark alone: all work is with names and times.
func Tiny(n int) Spec {
	return Spec{"tiny files", []Group{{Dir: "deep", Ext: ".txt", Files: n, PerDir: 100, Nested: 3, Size: Fixed(minSize)}}}
}

// File is one file of a tree.
type File struct {
	Index int
	Path  string // below the root, with slashes
	Size  int64
}

// All goes through the files in a fixed order, those of a folder together.
func (s Spec) All() iter.Seq[File] {
	return func(yield func(File) bool) {
		index := 0
		for g, group := range s.Groups {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range group.Files {
				f := File{Index: index, Path: group.path(i), Size: group.Size(r)}
				if !yield(f) {
					return
				}
				index++
			}
		}
	}
}

func (g Group) path(i int) string {
	dir := g.Dir
	if g.PerDir > 0 {
		folder := i / g.PerDir
		for rest, level := folder, 0; level < g.Nested; level++ {
			rest /= 10
			dir = path.Join(dir, fmt.Sprintf("n%d", rest%10))
		}
		dir = path.Join(dir, fmt.Sprintf("d%05d", folder))
	}
	return fmt.Sprintf("%s/f%07d%s", dir, i, g.Ext)
}

// Totals counts the files and their bytes.
func (s Spec) Totals() (files int, bytes int64) {
	for f := range s.All() {
		files++
		bytes += f.Size
	}
	return files, bytes
}
