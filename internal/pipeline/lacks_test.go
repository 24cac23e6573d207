package pipeline

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/manifest"
)

// lackSink collects lacks.
type lackSink struct {
	mu sync.Mutex
	events
}

func (s *lackSink) Emit(e report.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events.Emit(e)
}

func (s *lackSink) all() (list []string) {
	for _, e := range s.list {
		if l, ok := e.(report.Lack); ok {
			list = append(list, fmt.Sprintf("%s %s %s", l.Job, l.Code, l.Severity))
			if l.Remedy == "" || l.Message == "" {
				list = append(list, fmt.Sprintf("incomplete: %+v", l))
			}
		}
	}
	slices.Sort(list)
	return list
}

// TestLacksOfJobs reports each lack once a job, and stops jobs where the manifest or the options say so.
func TestLacksOfJobs(t *testing.T) {
	for _, tt := range []struct {
		name, missing, option string
		failed                int
	}{
		{"default", "", "", 0},
		{"manifest", "missing: fail, ", "", 1},
		{"option wins", "missing: fail, ", "warn", 0},
		{"option", "", "fail", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNight(t)
			shot, err := os.ReadFile("../../testdata/project/shots/sh010.blend")
			if err != nil {
				t.Fatal(err)
			}
			n.write("shots/alone/sh010.blend", string(shot)) // its library is not where it looks
			jobs := n.load("defaults: {settings: {render_output_root: /render, add_path_components: 0, chunk_size: 1}}\njobs: [{" + tt.missing + "blend: shots/alone/sh010.blend, name: a}, {blend: shots/sh020.blend, name: b}]")
			sink := &lackSink{}
			opt := SubmitOptions{Jobs: jobs, Run: "r", Missing: tt.option, Journal: t.TempDir(), Rewrites: t.TempDir()}
			summary, err := Submit(t.Context(), n.env(sink), opt)
			if (err != nil) != (tt.failed > 0) || err != nil && !errors.Is(err, ErrPartial) || summary.Jobs.Failed != tt.failed {
				t.Errorf("%d jobs failed: %v", summary.Jobs.Failed, err)
			}
			if got := sink.all(); !slices.Contains(got, "a missing-file error") || slices.Contains(got, "b missing-file error") {
				t.Errorf("lacks: %v", got)
			}
			want := report.LackCounts{Errors: summary.Lacks.Errors, Warnings: summary.Lacks.Warnings, Jobs: 1 - tt.failed}
			if diff := cmp.Diff(want, summary.Lacks); diff != "" || summary.Lacks.Errors == 0 {
				t.Errorf("lacks of the summary: %s %+v", diff, summary.Lacks)
			}
			if text := summary.Text(); tt.failed == 0 != strings.Contains(text, "submitted, 1 job will lack files") {
				t.Errorf("summary: %s", text)
			}
		})
	}
}

// TestFoundHoldsNoShot: what a check keeps of a lack until its end is no part of what the cache keeps of the shot.
func TestFoundHoldsNoShot(t *testing.T) {
	shot := strings.Repeat("x", 1<<20)
	s := newSubmission(&run{}, SubmitOptions{})
	s.checking = true
	j := &jobRun{job: &manifest.Job{Name: "sh010"}}
	part := shot[10:20]
	s.reportLacks(j, deps.Lack{
		Code: deps.LackMissing, Path: part, UsedBy: part, ID: part, Field: part, Scene: part, Frames: part,
		Chain: []deps.Link{{Blend: part, ID: part}}, Message: "gone", Remedy: "find it",
	})
	s.pool.close()
	l := j.found[0]
	for _, kept := range []string{l.Path, l.UsedBy, l.ID, l.Field, l.Scene, l.Frames, l.Chain[0].Blend, l.Chain[0].ID} {
		if kept != part || unsafe.StringData(kept) == unsafe.StringData(part) {
			t.Errorf("%q is a part of the shot", kept)
		}
	}
}
