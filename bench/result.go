package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
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
	Error      string     `json:"error,omitempty"` // why there is no result
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
	of := func(get func(Sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = get(s)
		}
		return middle(values)
	}
	return Sample{
		Wall:   of(func(s Sample) float64 { return s.Wall }),
		User:   of(func(s Sample) float64 { return s.User }),
		System: of(func(s Sample) float64 { return s.System }),
		MaxRSS: int64(of(func(s Sample) float64 { return float64(s.MaxRSS) })),
	}
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// maxRSS is the most of all samples, in bytes; 0 for nil.
func (m *Measured) maxRSS() (most int64) {
	if m == nil {
		return 0
	}
	for _, s := range m.Samples {
		most = max(most, s.MaxRSS)
	}
	return most
}

// spread is the least and the most of the wall times.
func (m *Measured) spread() (least, most float64) {
	for i, s := range m.Samples {
		if i == 0 || s.Wall < least {
			least = s.Wall
		}
		most = max(most, s.Wall)
	}
	return least, most
}

// contender gives the best contender with that name or in that group, by the
// median of its wall times; nil when none was measured.
func (r *Result) contender(name string) (best *Measured) {
	for i := range r.Contenders {
		m := &r.Contenders[i]
		if (m.Name == name || m.Group == name) && len(m.Samples) > 0 && (best == nil || m.Median.Wall < best.Median.Wall) {
			best = m
		}
	}
	return best
}

// Wall is the median of the wall times of a contender or of the best in a
// group, in seconds.
func (r *Result) Wall(name string) (float64, bool) {
	m := r.contender(name)
	if m == nil || m.Median.Wall <= 0 {
		return 0, false
	}
	return m.Median.Wall, true
}

// memory judges flsync's memory over all scenarios.
func (r *Results) memory(budget float64) Result {
	all := Result{Name: "memory", Title: "flsync's memory in any scenario"}
	var most int64
	for _, s := range r.Scenarios {
		for _, m := range s.Contenders {
			if strings.HasPrefix(m.Name, "flsync") {
				most = max(most, m.maxRSS())
			}
		}
	}
	goal := Goal{Text: all.Title, Limit: budget, Unit: "MB", Value: func(*Result) (float64, bool) {
		return float64(most) / 1e6, most > 0
	}}
	all.Goals = []Verdict{goal.judge(&all)}
	return all
}

func (g Goal) judge(r *Result) Verdict {
	v := Verdict{Goal: g.Text, Limit: g.Limit, AtLeast: g.AtLeast, Unit: g.Unit}
	if v.Value, v.Measured = g.Value(r); v.Measured {
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
