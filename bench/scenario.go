package bench

import (
	"context"
	"math"
	"time"

	"github.com/flsync/flsync/bench/baseline"
	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/lab/netsim"
)

// Scenario is one thing that is measured.
type Scenario struct {
	Name    string // short, for flags and file names
	Title   string
	Cost    time.Duration // of the setup and one sample of each contender on two cores; the time limit reckons with it
	Reps    int           // at most so many samples; 0: as many as the lab takes
	Tree    Tree          // made before Setup
	Shots   int           // likewise: so many that share 500 textures, and their manifest
	Manager string        // shaman; plain: without Shaman, and with its storage mounted here; empty: none
	Link    netsim.Link   // the distance to the Manager; zero: none
	Both    bool          // two scenarios: with the Manager on cores of its own, as on a farm, and on shared ones
	AllRead bool          // every contender reads every byte, so that a rate means something
	Few     bool          // few inodes: what a sample wrote is removed before the next
	Disk    bool          // writes to a disk, even where other scenarios are in memory
	Clear   bool          // what earlier scenarios left is removed first; those that follow for some minutes write few files

	Setup      []string // steps, see Site.take
	Contenders []Contender
	Goals      []Goal
	Curve      Point // the place of this scenario in a table over several scenarios

	Apart  bool   `yaml:"-"` // the Manager and the contenders have one half of the cores each
	Beside string `yaml:"-"` // the scenario in whose table this one, the same on shared cores, is a column
}

// Tree names a workload: small, textures, tiny, caches (which also have a size) or film (which has a scale
// instead).
type Tree struct {
	Kind  string
	Files int
	Bytes int64
	Scale float64
}

func (t Tree) spec() workload.Spec {
	switch t.Kind {
	case "small":
		return workload.SmallFiles(t.Files)
	case "textures":
		return workload.Textures(t.Files)
	case "tiny":
		return workload.Tiny(t.Files)
	case "caches":
		return workload.Caches(t.Files, t.Bytes)
	case "film":
		return workload.Film(t.Scale)
	}
	return workload.Spec{}
}

// Contender is one way to do a scenario's work. It is a command of flsync that ends with a summary, a shell's
// command line or a baseline, with places as Site.fill knows them.
type Contender struct {
	Name    string
	Group   string   // set for forms of one contender that differ in a number, such as connections: the best of them counts
	Needs   string   // programs that have to be installed; add-on: the source of Flamenco's
	Once    bool     // too slow to be sampled more than once
	Times   float64  // how many times a run does the work; 0: once
	Prepare []string // steps that are not measured, before each sample

	Flsync []string       // arguments
	Want   string         // what flsync has to do, see Site.wanted
	Beside []string       // arguments of a second flsync of the same user, which uploads meanwhile and for longer
	Tool   string         // a command line
	Timed  bool           // its last word is the wall time in seconds
	Base   *baseline.Work // is run in a process of its own, and measures the wall time itself
	Env    string         // one more variable of Base

	Run func(ctx context.Context, s *Site) (Sample, error) `yaml:"-"` // for tests
}

// Goal is a limit for what is measured of a contender, by its unit: the time as a multiple of another's
// ("×"), the time in "s" or "ms", the memory in "MB", or by how much in "%" the time differs from Seconds.
type Goal struct {
	Text    string // as people say it
	Of      string // a contender, or the best of a group
	Than    string // what it is compared with
	Less    string // whose time is subtracted from that of Of
	Seconds float64
	Limit   float64
	Shared  float64 // the limit on shared cores
	AtLeast bool    // Than takes at least Limit times as long as Of; else Of takes at most Limit times as long as Than
	Unit    string
}

// value returns what is compared with the limit; false: it was not measured.
func (g Goal) value(r *Result) (float64, bool) {
	if g.Unit == "MB" {
		return r.contender(g.Of).megabytes()
	}
	of, ok := r.Wall(g.Of)
	less, okLess := r.Wall(g.Less)
	than, okThan := r.Wall(g.Than)
	ok = ok && (okLess || g.Less == "") && (okThan || g.Than == "")
	own := max(0, of-less)
	switch {
	case g.Unit == "%":
		return math.Abs(own/g.Seconds-1) * 100, ok
	case g.Unit == "ms":
		return own * 1e3, ok
	case g.Unit == "s":
		return own, ok
	case g.AtLeast:
		return than / own, ok
	}
	return own / than, ok
}

// Point is a scenario's place in a table over several scenarios.
type Point struct {
	Table string  `json:"chart,omitempty"` // the table's title; empty: none
	Label string  `json:"label,omitempty"` // of the column
	Per   float64 `json:"per,omitempty"`   // times are divided by it, for a cost per file
}
