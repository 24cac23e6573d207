package bench

import (
	"context"
	"math"
	"time"

	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/lab/netsim"
)

// Scenario is one thing that is measured.
type Scenario struct {
	Name  string // short, for flags and file names
	Title string
	Cost  time.Duration // of the setup and one sample of each contender on two cores; the time limit reckons with it
	Reps  int           // at most so many samples; 0: as many as the lab takes

	Tree    workload.Spec  // made before Setup; no groups: none
	Batch   workload.Batch // likewise; no shots: none
	Manager managerKind
	Link    netsim.Link // the distance to the Manager; zero: none
	Apart   bool        // the Manager and the contenders have one half of the cores each
	Beside  string      // the scenario in whose table this one, the same on shared cores, is a column
	AllRead bool        // every contender reads every byte, so that a rate means something
	Few     bool        // few inodes: what a sample wrote is removed before the next
	Clear   bool        // what earlier scenarios left is removed first; those that follow for some minutes write few files

	Setup      []step
	Contenders []Contender
	Goals      []Goal

	Curve Point // the place of this scenario in a table over several scenarios
}

// managerKind says which Manager a scenario needs.
type managerKind int

const (
	noManager managerKind = iota
	shaman
	plain // its Shaman is off, and its storage is mounted here
)

// step prepares something at a scenario's site.
type step func(ctx context.Context, s *Site) error

// Contender is one way to do a scenario's work.
type Contender struct {
	Name string
	// Group is set for forms of one contender that differ in a number, such as connections: the best of them counts.
	Group   string
	Needs   string  // programs that have to be installed; add-on: the source of Flamenco's
	Once    bool    // too slow to be sampled more than once
	Times   float64 // how many times a run does the work; 0: once
	Prepare []step  // not measured, before each sample
	Run     func(ctx context.Context, s *Site) (Sample, error)
}

// Goal is a limit for what is measured of a contender, by its unit: the time as a multiple of another's ("×"), the time
// in "s" or "ms", the memory in "MB", or by how much in "%" the time differs from Seconds.
type Goal struct {
	Text    string // as people say it
	Of      string // a contender, or the best of a group
	Than    string // what it is compared with
	Less    string // whose time is subtracted from that of Of
	Seconds float64
	Limit   float64
	AtLeast bool // Than takes at least Limit times as long as Of; else Of takes at most Limit times as long as Than
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

// slower is the goal that one contender takes at most limit times as long as another. Names may be those of groups.
func slower(text, of, than string, limit float64) Goal {
	return Goal{Text: text, Of: of, Than: than, Limit: limit, Unit: "×"}
}

// faster is the goal that one contender is at least limit times as fast as another.
func faster(text, of, than string, limit float64) Goal {
	return Goal{Text: text, Of: of, Than: than, Limit: limit, Unit: "×", AtLeast: true}
}

// memory are goals that contenders stay below a number of megabytes.
func memory(text string, megabytes float64, of ...Contender) (goals []Goal) {
	for _, c := range of {
		goals = append(goals, Goal{Text: text + ", memory of " + c.Name, Of: c.Name, Limit: megabytes, Unit: "MB"})
	}
	return goals
}

// Point is a scenario's place in a table over several scenarios.
type Point struct {
	Table string  `json:"chart,omitempty"` // the table's title; empty: none
	Label string  `json:"label,omitempty"` // of the column
	Per   float64 `json:"per,omitempty"`   // times are divided by it, for a cost per file
}
