package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// Sample is one measured run.
type Sample struct {
	Wall   float64 `json:"wall_s"`
	User   float64 `json:"user_s"`
	System float64 `json:"system_s"`
	// MaxRSS is the most memory that was resident, in bytes; 0: not known on
	// this system. See measure for what it can and cannot show.
	MaxRSS int64 `json:"max_rss_bytes"`
}

// Results are those of one run of the lab.
type Results struct {
	Environment Environment `json:"environment"`
	Scenarios   []Result    `json:"scenarios"`
}

// Result is that of one scenario.
type Result struct {
	Name       string     `json:"name"`
	Title      string     `json:"title"`
	Files      int        `json:"files,omitempty"`
	Bytes      int64      `json:"bytes,omitempty"`
	AllRead    bool       `json:"all_read,omitempty"` // every contender reads every byte
	Curve      Point      `json:"chart,omitzero"`
	Contenders []Measured `json:"contenders,omitempty"`
	Goals      []Verdict  `json:"goals,omitempty"`
	Error      string     `json:"error,omitempty"` // why there is no result, or not all of it
	Apart      bool       `json:"apart,omitempty"`
	Beside     string     `json:"beside,omitempty"`  // see Scenario
	Seconds    float64    `json:"seconds,omitempty"` // of the whole scenario, with its setup
	Manager    string     `json:"manager,omitempty"` // name and version
}

// Measured is a contender with its samples.
type Measured struct {
	Name    string   `json:"name"`
	Group   string   `json:"group,omitempty"`
	Samples []Sample `json:"samples,omitempty"`
	Median  Sample   `json:"median"`
	Skipped string   `json:"skipped,omitempty"` // why there are no samples
}

// Verdict is a goal with what was measured.
type Verdict struct {
	Number   int     `json:"-"` // in the report
	Goal     string  `json:"goal"`
	Limit    float64 `json:"limit"`
	AtLeast  bool    `json:"at_least,omitempty"`
	Unit     string  `json:"unit"`
	Value    float64 `json:"value"`
	Measured bool    `json:"measured"`
	Met      bool    `json:"met"`
}

// median takes the middle of each number by itself; of two middle ones, the mean.
func median(samples []Sample) Sample {
	middle := func(get func(Sample) float64) float64 {
		values := sorted(samples, get)
		n := len(values)
		return (values[(n-1)/2] + values[n/2]) / 2
	}
	return Sample{
		Wall: middle(Sample.wall), User: middle(func(s Sample) float64 { return s.User }),
		System: middle(func(s Sample) float64 { return s.System }), MaxRSS: int64(middle(Sample.maxRSS)),
	}
}

func (s Sample) wall() float64   { return s.Wall }
func (s Sample) maxRSS() float64 { return float64(s.MaxRSS) }

func sorted(samples []Sample, get func(Sample) float64) (values []float64) {
	for _, s := range samples {
		values = append(values, get(s))
	}
	slices.Sort(values)
	return values
}

// Least returns the shortest wall time in seconds. There have to be samples.
func (m Measured) Least() float64 { return sorted(m.Samples, Sample.wall)[0] }

// Most returns the longest wall time in seconds. There have to be samples.
func (m Measured) Most() float64 { return sorted(m.Samples, Sample.wall)[len(m.Samples)-1] }

// megabytes returns the most memory of all samples in MB; false for nil and where the system does not count
// it.
func (m *Measured) megabytes() (float64, bool) {
	if m == nil || len(m.Samples) == 0 {
		return 0, false
	}
	most := sorted(m.Samples, Sample.maxRSS)[len(m.Samples)-1] / 1e6
	return most, most > 0
}

// contender gives the best contender with that name or in that group, by the
// median of its wall times; nil when none was measured.
func (r *Result) contender(name string) (best *Measured) {
	for i := range r.Contenders {
		m := &r.Contenders[i]
		if name != "" && (m.Name == name || m.Group == name) && len(m.Samples) > 0 && (best == nil || m.Median.Wall < best.Median.Wall) {
			best = m
		}
	}
	return best
}

// Wall is the median of the wall times of a contender or of the best in a group, in seconds.
func (r *Result) Wall(name string) (float64, bool) {
	m := r.contender(name)
	if m == nil || m.Median.Wall <= 0 {
		return 0, false
	}
	return m.Median.Wall, true
}

// result is that of a scenario of which nothing was measured, and why.
func (s Scenario) result(why string) Result {
	r := Result{Name: s.Name, Title: s.Title, Curve: s.Curve, AllRead: s.AllRead, Apart: s.Apart, Beside: s.Beside, Error: why}
	r.Files, r.Bytes = s.Tree.spec().Totals()
	for _, c := range s.Contenders {
		r.Contenders = append(r.Contenders, Measured{Name: c.Name, Group: c.Group})
	}
	r.judge(s.Goals)
	return r
}

// judge compares what was measured with the goals.
func (r *Result) judge(goals []Goal) {
	r.Goals = nil
	for _, goal := range goals {
		r.Goals = append(r.Goals, goal.judge(r))
	}
}

func (g Goal) judge(r *Result) Verdict {
	v := Verdict{Goal: g.Text, Limit: g.Limit, AtLeast: g.AtLeast, Unit: g.Unit}
	if v.Value, v.Measured = g.value(r); v.Measured {
		v.Met = v.Value <= g.Limit
		if g.AtLeast {
			v.Met = v.Value >= g.Limit
		}
	} else {
		v.Value = 0 // it may be no number at all, which JSON cannot hold
	}
	return v
}

// Save writes the results as JSON.
func (r *Results) Save(path string) error { return writeJSON(path, r) }

// Load reads what Save wrote.
func Load(path string) (*Results, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Results
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &r, nil
}
