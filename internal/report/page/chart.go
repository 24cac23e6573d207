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

// Chart is a curve over the time of the run, as SVG coordinates.
type Chart struct {
	Title, Unit string
	Points      string // of a polyline, in a box of chartWidth by chartHeight
	Most        string // the highest value, for people
	Seconds     float64
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
	speed := make([]float64, len(uploads))
	for i := 1; i < len(uploads); i++ {
		if dt := uploads[i].Elapsed - uploads[i-1].Elapsed; dt > 0 {
			speed[i] = max(0, float64(uploads[i].BytesDone-uploads[i-1].BytesDone)/dt)
		}
	}
	of := func(f func(report.Progress) float64) []float64 {
		values := make([]float64, len(uploads))
		for i, p := range uploads {
			values[i] = f(p)
		}
		return values
	}
	count := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	for _, c := range []struct {
		title  string
		values []float64
		label  func(float64) string
	}{
		{"Sent a second", speed, func(v float64) string { return report.Bytes(int64(v)) + "/s" }},
		{"Connections in use", of(func(p report.Progress) float64 { return float64(p.InFlight) }), count},
		{"Put off, so far", of(func(p report.Progress) float64 { return float64(p.Deferred) }), count},
		{"Tried again, so far", of(func(p report.Progress) float64 { return float64(p.Retried) }), count},
	} {
		if chart, ok := curve(uploads, c.values); ok {
			chart.Title, chart.Most = c.title, c.label(highest(c.values))
			charts = append(charts, chart)
		}
	}
	return charts
}

// curve draws values over time; a curve of nothing but zeros is left out.
func curve(at []report.Progress, values []float64) (c Chart, ok bool) {
	top, last := highest(values), at[len(at)-1].Elapsed
	if top <= 0 || last <= 0 {
		return c, false
	}
	var points strings.Builder
	for i, v := range values {
		fmt.Fprintf(&points, "%.1f,%.1f ", chartWidth*at[i].Elapsed/last, chartHeight*(1-v/top))
	}
	return Chart{Points: points.String(), Seconds: last}, true
}

func highest(values []float64) (most float64) {
	for _, v := range values {
		most = max(most, v)
	}
	return most
}
