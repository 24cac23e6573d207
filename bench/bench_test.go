package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	wall := func(values ...float64) (all []Sample) {
		for _, v := range values {
			all = append(all, Sample{Wall: v, MaxRSS: int64(v * 10)})
		}
		return all
	}
	tests := []struct {
		samples []Sample
		want    float64
	}{
		{wall(5), 5},
		{wall(9, 1, 2), 2},
		{wall(1, 9, 2, 4), 3},
	}
	for _, tt := range tests {
		want := Sample{Wall: tt.want, MaxRSS: int64(tt.want * 10)}
		if diff := cmp.Diff(want, median(tt.samples)); diff != "" {
			t.Error(diff)
		}
	}
}

func measured(name, group string, walls ...float64) Measured {
	m := Measured{Name: name, Group: group}
	for _, w := range walls {
		m.Samples = append(m.Samples, Sample{Wall: w, MaxRSS: 50e6})
	}
	m.Median = median(m.Samples)
	return m
}

func TestGoals(t *testing.T) {
	r := &Result{Contenders: []Measured{
		measured("flsync", "", 2, 2.1, 2.2),
		measured("upper, 1", "upper", 4),
		measured("upper, 4", "upper", 2),
		measured("upper, 16", "upper", 3),
		{Name: "rsync", Skipped: "not installed"},
		measured("checkout alone", "", 2),
		measured("find -printf", "", 0.1),
	}}
	tests := []struct {
		name string
		goal Goal
		want Verdict
	}{
		{"the best of a group counts", Goal{Text: "g", Of: "flsync", Than: "upper", Limit: 1.1, Unit: "×"}, Verdict{Goal: "g", Limit: 1.1, Unit: "×", Value: 1.05, Measured: true, Met: true}},
		{"too slow", Goal{Text: "g", Of: "flsync", Than: "upper", Limit: 1.04, Unit: "×"}, Verdict{Goal: "g", Limit: 1.04, Unit: "×", Value: 1.05, Measured: true}},
		{"fast enough", Goal{Text: "g", Of: "flsync", Than: "upper, 1", Limit: 1.9, Unit: "×", AtLeast: true}, Verdict{Goal: "g", Limit: 1.9, AtLeast: true, Unit: "×", Value: 1.905, Measured: true, Met: true}},
		{"not fast enough", Goal{Text: "g", Of: "flsync", Than: "upper, 1", Limit: 2, Unit: "×", AtLeast: true}, Verdict{Goal: "g", Limit: 2, AtLeast: true, Unit: "×", Value: 1.905, Measured: true}},
		{"what was not measured is not met", Goal{Text: "g", Of: "flsync", Than: "rsync", Limit: 1, Unit: "×"}, Verdict{Goal: "g", Limit: 1, Unit: "×"}},
		{"memory", Goal{Text: "g", Of: "flsync", Limit: 40, Unit: "MB"}, Verdict{Goal: "g", Limit: 40, Unit: "MB", Value: 50, Measured: true}},
		{"beside another's time", Goal{Text: "g", Of: "flsync", Less: "checkout alone", Limit: 0.3, Unit: "s"}, Verdict{Goal: "g", Limit: 0.3, Unit: "s", Value: 0.1, Measured: true, Met: true}},
		{"in milliseconds", Goal{Text: "g", Of: "find -printf", Limit: 6, Unit: "ms"}, Verdict{Goal: "g", Limit: 6, Unit: "ms", Value: 100, Measured: true}},
		{"off a time", Goal{Text: "g", Of: "flsync", Seconds: 2, Limit: 5, Unit: "%"}, Verdict{Goal: "g", Limit: 5, Unit: "%", Value: 5, Measured: true}},
	}
	for _, tt := range tests {
		got := tt.goal.judge(r)
		got.Value = float64(int(got.Value*1000+0.5)) / 1000
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// lab is one that runs scenarios of its own, without any program.
func lab(t *testing.T, reps int) *Lab {
	return &Lab{Flsync: "/bin/sh", Self: "/bin/sh", Dir: t.TempDir(), Reps: reps, Quick: true, Log: t.Logf, Save: func(*Results) error { return nil }}
}

func TestContendersTakeTurns(t *testing.T) {
	var order []string
	contender := func(name string, once bool) Contender {
		return Contender{Name: name, Once: once,
			Run: func(context.Context, *Site) (Sample, error) { order = append(order, name); return Sample{Wall: 1}, nil },
		}
	}
	missing := contender("missing", false)
	missing.Needs = "no-such-program-anywhere"
	results, err := lab(t, 2).Run(t.Context(), []Scenario{{Name: "s", Contenders: []Contender{contender("a", false), contender("once", true), missing, contender("b", false)}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "once", "b", "a", "b"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
	var samples []string
	for _, m := range results.Scenarios[0].Contenders {
		samples = append(samples, fmt.Sprintf("%s %d %s", m.Name, len(m.Samples), m.Skipped))
	}
	if diff := cmp.Diff([]string{"a 2 ", "once 1 ", "missing 0 no-such-program-anywhere is not installed", "b 2 "}, samples); diff != "" {
		t.Error(diff)
	}
}

func TestFailuresAndLimits(t *testing.T) {
	broken := errors.New("it broke")
	scenario := func(name string, err error) Scenario {
		return Scenario{Name: name, Contenders: []Contender{{Name: "c", Run: func(ctx context.Context, _ *Site) (Sample, error) {
			if err == nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return Sample{Wall: 1}, err
		}}}}
	}
	results, err := lab(t, 1).Run(t.Context(), []Scenario{scenario("bad", broken), scenario("good", nil)})
	if err != nil || len(results.Scenarios) != 2 || results.Scenarios[0].Error != "c: it broke" || results.Scenarios[1].Error != "" {
		t.Errorf("%v, %+v", err, results)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	results, err = lab(t, 1).Run(ctx, []Scenario{scenario("late", nil), scenario("later", nil)})
	if !errors.Is(err, context.DeadlineExceeded) || len(results.Scenarios) != 2 || results.Scenarios[1].Error != "not reached" {
		t.Errorf("after the time limit: %v, %+v", err, results)
	}
	if _, err := (&Lab{}).Run(t.Context(), nil); err == nil {
		t.Error("an empty lab ran")
	}
}

// TestTimeIsKeptForAll has time for two samples of the first scenario and one of the second.
func TestTimeIsKeptForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scenario := func(name string) Scenario {
			return Scenario{Name: name, Cost: 10 * time.Second, Contenders: []Contender{{Name: "c", Run: func(context.Context, *Site) (Sample, error) {
				time.Sleep(10 * time.Second)
				return Sample{Wall: 10}, nil
			}}}}
		}
		l := lab(t, 3)
		l.Until = time.Now().Add(34 * time.Second)
		var saved []int
		l.Save = func(r *Results) error {
			saved = append(saved, len(r.Scenarios[0].Contenders[0].Samples), len(r.Scenarios[1].Contenders[0].Samples))
			return nil
		}
		if _, err := l.Run(t.Context(), []Scenario{scenario("first"), scenario("second")}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{2, 0, 2, 1}, saved); diff != "" {
			t.Error(diff)
		}
	})
}

// TestPlaces checks that what was written is kept, so that file systems need not look at freed inodes, unless
// it is few files or a scenario says that it does no harm.
func TestPlaces(t *testing.T) {
	var seen []int
	use := func(_ context.Context, s *Site) (Sample, error) {
		places, err := filepath.Glob(filepath.Join(s.Lab.Dir, "site-*", "out-*"))
		seen = append(seen, len(places))
		return Sample{Wall: 1}, err
	}
	scenario := func(name string, few, clear bool) Scenario {
		return Scenario{Name: name, Few: few, Clear: clear, Contenders: []Contender{{Name: "c", Prepare: []string{"out"}, Run: use}}}
	}
	if _, err := lab(t, 2).Run(t.Context(), []Scenario{scenario("many", false, false), scenario("few", true, false), scenario("third", false, false), scenario("cleared", false, true)}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 3, 3, 4, 1, 2}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestStepsAreKnown(t *testing.T) {
	s := &Site{Lab: lab(t, 1), Dir: t.TempDir()}
	if err := s.take(t.Context(), []string{"forget", "out", "aged"}); err != nil || s.out == "" {
		t.Error(err)
	}
	if err := s.take(t.Context(), []string{"no-step 5"}); err == nil {
		t.Error("an unknown step was taken")
	}
}

func TestEveryScenarioHasAName(t *testing.T) {
	for _, size := range []string{Full, Smoke} {
		seen := map[string]bool{}
		scenarios, err := Scenarios(size)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scenarios {
			if s.Name == "" || s.Title == "" || seen[s.Name] || strings.ContainsAny(s.Name, "/ ") {
				t.Errorf("scenario %q, %q", s.Name, s.Title)
			}
			seen[s.Name] = true
			contenders := map[string]bool{}
			for _, c := range s.Contenders {
				_, unknown := (&Site{Scenario: s}).wanted(c.Want)
				if contenders[c.Name] || c.Flsync == nil && c.Tool == "" && c.Base == nil || c.Flsync != nil && unknown != nil {
					t.Errorf("%s: contender %q", s.Name, c.Name)
				}
				contenders[c.Name] = true
				contenders[c.Group] = true
			}
			// A goal that names nobody would never be judged.
			all := Result{}
			for name := range contenders {
				all.Contenders = append(all.Contenders, measured(name, "", 1))
			}
			if s.Cost == 0 {
				t.Errorf("%s costs no time", s.Name)
			}
			for _, g := range s.Goals {
				if v := g.judge(&all); !v.Measured {
					t.Errorf("%s: the goal %q compares contenders that are not there", s.Name, g.Text)
				}
			}
		}
	}
}

func TestFigures(t *testing.T) {
	for got, want := range map[string]string{
		number(1.234): "1.23", number(12.34): "12.3", number(1234.5): "1234",
		seconds(0.0012): "1.2 ms", seconds(0.25): "250 ms", seconds(9.876): "9.88 s",
		bytesText(12): "12 B", bytesText(5450): "5.45 kB", bytesText(1.6e9): "1.60 GB",
		Verdict{Goal: "g", Limit: 1.1, Unit: "×", Value: 1.05, Measured: true, Met: true}.String(): "met      g: 1.05 × (goal ≤ 1.10 ×)",
		Verdict{Goal: "g", Limit: 20, Unit: "×", AtLeast: true}.String():                           "unknown  g: not measured (goal ≥ 20.0 ×)",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	results := func(walls ...float64) *Results {
		return &Results{Scenarios: []Result{{Name: "s", Contenders: []Measured{measured("flsync", "", walls...), measured("upper", "", 99)}}}}
	}
	tests := []struct {
		name   string
		after  *Results
		word   string
		slower int
	}{
		{"the same", results(1.0, 1.1), "as before", 0},
		{"slower, but within the spread", results(1.05, 1.3), "as before", 0},
		{"slower", results(1.2, 1.3), "SLOWER", 1},
		{"faster", results(0.8, 0.9), "faster", 0},
		{"unknown", &Results{Scenarios: []Result{{Name: "new", Contenders: []Measured{measured("flsync", "", 9)}}}}, "", 0},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		slower := Compare(&out, results(1.0, 1.1), tt.after)
		if slower != tt.slower || !strings.Contains(out.String(), tt.word) || strings.Contains(out.String(), "upper") {
			t.Errorf("%s: %d, %q", tt.name, slower, out.String())
		}
	}
}

func TestResultsSurviveTheirFile(t *testing.T) {
	want := &Results{
		Environment: Environment{Time: time.Unix(1e9, 0).UTC(), Cores: 2, Features: []string{"sha"}},
		Scenarios: []Result{{Name: "s", Title: "t", Contenders: []Measured{measured("flsync", "", 1, 2)},
			Goals: []Verdict{{Goal: "g", Limit: 1, Unit: "×"}}, Curve: Point{Table: "walk", Label: "1 k", Per: 1000}}},
	}
	path := t.TempDir() + "/results.json"
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
