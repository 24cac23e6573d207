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
	Manager bool          // needs one; it gets a new one, if the lab can start it
	Renews  bool          // and another, empty one for each sample that sends everything: gigabytes would pile up
	Link    netsim.Link   // the distance to the Manager; zero: none
	Apart   bool          // the Manager and the contenders have one half of the cores each
	Reps    int           // at most so many samples; 0: as many as the lab takes
	AllRead bool          // every contender reads every byte, so that a rate means something

	Setup      func(ctx context.Context, s *Site) error
	Contenders []Contender
	Goals      []Goal

	// Chart names the series and the point of this scenario in charts over
	// several scenarios.
	Chart ChartPoint
}

// Contender is one way to do a scenario's work.
type Contender struct {
	Name string
	// Group is set for forms of one contender that differ in a number, such as
	// connections: the best of them counts.
	Group string
	Needs string // a program that has to be installed
	Once  bool   // too slow to be sampled more than once

	Prepare func(ctx context.Context, s *Site) error // not measured, before each sample
	Run     func(ctx context.Context, s *Site) (Sample, error)
}

// Goal compares contenders of a scenario.
type Goal struct {
	Text    string // as people say it
	Limit   float64
	AtLeast bool // the value has to reach the limit, and else must not exceed it
	Unit    string
	// Value gives what is compared with the limit; false: it was not measured.
	Value func(r *Result) (float64, bool)
}

// ChartPoint is a scenario's place in a chart over several scenarios.
type ChartPoint struct {
	Chart string  `json:"chart,omitempty"` // the chart's name; empty: none
	Label string  `json:"label,omitempty"` // on the axis of categories
	Per   float64 `json:"per,omitempty"`   // times are divided by it, for a cost per file
}

// slower is the goal that one contender takes at most limit times as long as
// another. Names may be those of groups.
func slower(text, of, than string, limit float64) Goal {
	return Goal{Text: text, Limit: limit, Unit: "×", Value: func(r *Result) (float64, bool) {
		a, okA := r.Wall(of)
		b, okB := r.Wall(than)
		return a / b, okA && okB
	}}
}

// faster is the goal that one contender is at least so many times as fast as
// another.
func faster(text, of, than string, limit float64) Goal {
	return Goal{Text: text, Limit: limit, AtLeast: true, Unit: "×", Value: func(r *Result) (float64, bool) {
		a, okA := r.Wall(of)
		b, okB := r.Wall(than)
		return b / a, okA && okB
	}}
}

// memory is the goal that a contender stays below a number of megabytes.
func memory(text, of string, megabytes float64) Goal {
	return Goal{Text: text, Limit: megabytes, Unit: "MB", Value: func(r *Result) (float64, bool) {
		m := r.contender(of)
		if m == nil || m.Median.MaxRSS == 0 {
			return 0, false
		}
		return float64(m.maxRSS()) / 1e6, true
	}}
}
