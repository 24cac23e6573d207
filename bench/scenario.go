package bench

import (
	"context"

	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/lab/netsim"
)

// Scenario is one thing that is measured.
type Scenario struct {
	Name  string // short, for flags and file names
	Title string

	Tree    workload.Spec // made before Setup; no groups: none
	Manager bool          // needs one, and gets a new one if the lab can start it
	Plain   bool          // its Shaman is off, and its storage is mounted here
	Renews  bool          // and an empty one for each sample that sends everything: gigabytes would pile up
	Link    netsim.Link   // the distance to the Manager; zero: none
	Apart   bool          // the Manager and the contenders have one half of the cores each
	Reps    int           // at most so many samples; 0: as many as the lab takes
	AllRead bool          // every contender reads every byte, so that a rate means something

	Setup      []step
	Contenders []Contender
	Goals      []Goal

	Curve Point // the place of this scenario in a table over several scenarios
}

// step prepares something at a scenario's site.
type step func(ctx context.Context, s *Site) error

// Contender is one way to do a scenario's work.
type Contender struct {
	Name string
	// Group is set for forms of one contender that differ in a number, such as connections: the best of them counts.
	Group string
	Needs string // a program that has to be installed
	Addon bool   // needs the source of Flamenco's add-on
	Once  bool   // too slow to be sampled more than once

	Prepare []step // not measured, before each sample
	Run     func(ctx context.Context, s *Site) (Sample, error)
}

// Goal compares contenders of a scenario.
type Goal struct {
	Text    string // as people say it
	Limit   float64
	AtLeast bool // the value has to reach the limit, and else must not exceed it
	Unit    string
	// Value returns what is compared with the limit; false: it was not measured.
	Value func(r *Result) (float64, bool)
}

// Point is a scenario's place in a table over several scenarios.
type Point struct {
	Table string  `json:"chart,omitempty"` // the table's name; empty: none
	Label string  `json:"label,omitempty"` // of the column
	Per   float64 `json:"per,omitempty"`   // times are divided by it, for a cost per file
}

// slower is the goal that one contender takes at most limit times as long as another. Names may be those of groups.
func slower(text, of, than string, limit float64) Goal {
	return Goal{Text: text, Limit: limit, Unit: "×", Value: func(r *Result) (float64, bool) {
		a, okA := r.Wall(of)
		b, okB := r.Wall(than)
		return a / b, okA && okB
	}}
}

// faster is the goal that one contender is at least limit times as fast as another.
func faster(text, of, than string, limit float64) Goal {
	g := slower(text, than, of, limit)
	g.AtLeast = true
	return g
}

// memory is the goal that a contender stays below a number of megabytes.
func memory(text, of string, megabytes float64) Goal {
	return Goal{Text: text, Limit: megabytes, Unit: "MB", Value: func(r *Result) (float64, bool) {
		return r.contender(of).megabytes()
	}}
}

const checkoutAlone = "checkout alone"

// ownPart compares what a warm sync adds to the Manager's checkout with a tool: a small difference of two large numbers,
// and as noisy.
func ownPart(text, than string, limit float64) Goal {
	return Goal{Text: text, Limit: limit, Unit: "×", Value: func(r *Result) (float64, bool) {
		whole, ok1 := r.Wall("flsync")
		manager, ok2 := r.Wall(checkoutAlone)
		tool, ok3 := r.Wall(than)
		return max(0, whole-manager) / tool, ok1 && ok2 && ok3
	}}
}
