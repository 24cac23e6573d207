package page

import (
	"fmt"
	"strings"

	"github.com/flsync/flsync/internal/report"
)

// Lane is a stage on the timeline; Left and Width are percent of the run.
type Lane struct {
	Stage       report.Stage
	Left, Width float64
	Begin, End  float64 // seconds
}

// Timeline is when each stage worked.
func (r *Run) Timeline() (lanes []Lane) {
	if r.Summary == nil || r.Summary.Duration <= 0 {
		return nil
	}
	whole := r.Summary.Duration
	for _, s := range r.Summary.Stages {
		begin, end := min(s.Begin, whole), min(max(s.End, s.Begin), whole)
		lanes = append(lanes, Lane{Stage: s.Stage, Left: 100 * begin / whole, Width: max(0.5, 100*(end-begin)/whole), Begin: begin, End: end})
	}
	return lanes
}

// Chart is a curve over the time of the run, as SVG coordinates in a box of chartWidth by chartHeight.
type Chart struct {
	Title   string
	Most    string  // the highest value, for people
	Points  string  // of a polyline
	Last    float64 // where the polyline ends, to the right
	Seconds float64 // how long the run was: the right edge
}

const (
	chartWidth  = 600
	chartHeight = 90
)

// Charts are throughput, connections, and what was put off or tried again.
func (r *Run) Charts() (charts []Chart) {
	var uploads []report.Progress
	for _, p := range r.Progress {
		if p.Stage == report.StageUpload {
			uploads = append(uploads, p)
		}
	}
	if len(uploads) < 2 {
		return nil
	}
	whole := uploads[len(uploads)-1].Elapsed
	if r.Summary != nil {
		whole = max(whole, r.Summary.Duration)
	}
	of := func(f func(report.Progress) float64) (curve []point) {
		for _, p := range uploads {
			curve = append(curve, point{p.Elapsed, f(p)})
		}
		return curve
	}
	speed := rate(of(func(p report.Progress) float64 { return float64(p.BytesDone) }), whole)
	for _, c := range []struct {
		title, most string
		curve       []point
	}{
		{"Stored a second, also by others", "up to " + report.Bytes(int64(highest(speed))) + "/s", speed},
		{"Connections in use", "up to %.0f", steps(of(func(p report.Progress) float64 { return float64(p.InFlight) }))},
		{"Put off so far", "%.0f in all", steps(of(func(p report.Progress) float64 { return float64(p.Deferred) }))},
		{"Tried again so far", "%.0f in all", steps(of(func(p report.Progress) float64 { return float64(p.Retried) }))},
	} {
		top := highest(c.curve)
		if top <= 0 || whole <= 0 { // a curve of nothing but zeros is left out
			continue
		}
		if strings.Contains(c.most, "%") {
			c.most = fmt.Sprintf(c.most, top)
		}
		charts = append(charts, draw(c.curve, top, whole, Chart{Title: c.title, Most: c.most}))
	}
	return charts
}

// point is a value at a time, in seconds since the run began.
type point struct{ at, value float64 }

func draw(curve []point, top, whole float64, c Chart) Chart {
	var points strings.Builder
	for _, p := range curve {
		c.Last = min(chartWidth, chartWidth*p.at/whole)
		fmt.Fprintf(&points, "%.1f,%.1f ", c.Last, chartHeight*(1-p.value/top))
	}
	c.Points, c.Seconds = points.String(), whole
	return c
}

// steps has each value hold until the next one: nothing happened between them.
func steps(samples []point) []point {
	curve := []point{{0, 0}}
	for _, s := range samples {
		curve = append(curve, point{s.at, curve[len(curve)-1].value}, s)
	}
	return curve
}

// rate is how fast a growing total grew, as means over slices of the time: between two samples that happen to
// be close it would shoot up and say nothing.
func rate(total []point, whole float64) (curve []point) {
	const (
		slices   = 60
		shortest = 0.2 // seconds: totals are told no more often
	)
	last := total[len(total)-1].at
	slice := max(whole/slices, shortest)
	total = append([]point{{0, 0}}, total...)
	for i, begin, before := 0, 0.0, 0.0; begin < last; begin += slice {
		end := begin + slice
		for i+1 < len(total)-1 && total[i+1].at < end {
			i++
		}
		now := total[i+1].value
		if a, b := total[i], total[i+1]; end < b.at {
			now = a.value + (b.value-a.value)*(end-a.at)/(b.at-a.at)
		}
		speed := max(0, (now-before)/slice)
		curve = append(curve, point{begin, speed}, point{min(end, whole), speed})
		before = now
	}
	return curve
}

func highest(curve []point) (most float64) {
	for _, p := range curve {
		most = max(most, p.value)
	}
	return most
}
