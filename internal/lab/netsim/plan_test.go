package netsim

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// decisions writes down a plan's first decisions as data.
func decisions(p Plan) (out []string) {
	for file := range 40 {
		for attempt := 1; attempt <= 8; attempt++ {
			out = append(out, p.Decide(fmt.Sprintf("POST /file/%d", file), attempt).String())
		}
	}
	return out
}

func TestPlanIsAFunctionOfItsSeed(t *testing.T) {
	for seed := range uint64(50) {
		a, b := NewPlan(seed, AllKinds()...), NewPlan(seed, AllKinds()...)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("seed %d: two plans:\n%s", seed, diff)
		}
		if err := a.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(decisions(a), decisions(b)); diff != "" {
			t.Fatalf("seed %d: two sets of decisions:\n%s", seed, diff)
		}
	}
	if cmp.Equal(decisions(NewPlan(1)), decisions(NewPlan(2))) {
		t.Error("two seeds decide alike")
	}
}

// A seed in a bug report has to mean the same tomorrow.
func TestPlanStaysTheSame(t *testing.T) {
	plan := NewPlan(42)
	got := []string{plan.String()}
	for file := range 40 {
		if f := plan.Decide(fmt.Sprint("POST /file/", file), 1); f.Kind != Pass {
			got = append(got, fmt.Sprintf("file %d: %s", file, f))
		}
	}
	want := []string{
		"seed 42: 30% of the requests, at most 1 in a row: " +
			"delay reset-before reset-during reset-after drop-reply half-reply stall status html close-idle",
		"file 3: html 503",
		"file 10: reset-before",
		"file 11: stall 2s",
		"file 13: stall 2s",
		"file 17: half-reply at 4%",
		"file 20: delay 18.460329ms",
		"file 26: html 502",
		"file 29: reset-during at 70%",
		"file 31: stall 2s",
		"file 38: reset-after",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryRequestComesThrough(t *testing.T) {
	for inARow := 1; inARow <= 4; inARow++ {
		p := NewPlan(7)
		p.Share, p.MaxInARow = 1, inARow // as bad as it gets
		for id := range 100 {
			streak := 0
			for attempt := 1; attempt <= 50; attempt++ {
				if p.Decide(fmt.Sprint(id), attempt).Kind == Pass {
					streak = 0
				} else if streak++; streak > inARow {
					t.Fatalf("request %d: %d faults in a row, the plan allows %d", id, streak, inARow)
				}
			}
		}
	}
}

func TestPlanUsesAllItsKindsAndItsShare(t *testing.T) {
	p := Plan{Seed: 3, Share: 0.25, Kinds: AllKinds(), MaxInARow: 3, MaxWait: time.Millisecond, StallFor: time.Second}
	seen, faults := map[Kind]int{}, 0
	const requests = 12_000
	for i := range requests {
		f := p.Decide(fmt.Sprint("GET /", i), 1)
		if f.Kind == Pass {
			continue
		}
		seen[f.Kind]++
		faults++
		if f.At < 0 || f.At >= 1 || f.Wait < 0 || f.Wait > p.StallFor || (f.Kind == Status || f.Kind == HTML) != (f.Status != 0) {
			t.Fatalf("impossible fault %+v", f)
		}
	}
	if share := float64(faults) / requests; share < 0.23 || share > 0.27 {
		t.Errorf("%.3f of the requests met a fault, want 0.25", share)
	}
	for _, k := range AllKinds() {
		if n, fair := seen[k], faults/len(AllKinds()); n < fair*2/3 || n > fair*3/2 {
			t.Errorf("%s came %d times, want about %d", k, n, fair)
		}
	}
}

func TestPlanValidate(t *testing.T) {
	good := NewPlan(1)
	tests := map[string]func(*Plan){
		"share above 1":    func(p *Plan) { p.Share = 1.5 },
		"share below 0":    func(p *Plan) { p.Share = -1 },
		"no kinds":         func(p *Plan) { p.Kinds = nil },
		"unknown kind":     func(p *Plan) { p.Kinds = []Kind{"earthquake"} },
		"pass as a kind":   func(p *Plan) { p.Kinds = []Kind{Pass} },
		"no end of faults": func(p *Plan) { p.MaxInARow = 0 },
		"negative wait":    func(p *Plan) { p.MaxWait = -1 },
	}
	for name, spoil := range tests {
		p := good
		spoil(&p)
		if p.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
