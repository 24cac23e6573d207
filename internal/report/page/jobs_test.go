package page

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/internal/report"
)

func TestJobsThatNeedSomebodyComeFirst(t *testing.T) {
	job := func(name string, now *Now) Job { return Job{Job: report.Job{Name: name, ID: "id-" + name}, Now: now} }
	in := func(status string) *Now { return &Now{Status: status, Total: 4} }
	run := &Run{
		Asked: true, Summary: &report.Summary{ExitCode: 3},
		Jobs: []Job{
			job("completed", in("completed")), job("active", in("active")), job("new-state", in("dreaming")), job("deleted", nil),
			job("paused", in("paused")), job("canceled", in("canceled")), job("failed", in("failed")), job("queued", in("queued")),
		},
		Errors: []report.Error{
			{Job: "bad", Message: "no Blender file"}, {Job: "bad", Message: "no scene"}, {Job: "active", Message: "was submitted in the end"},
			{Message: "done in part"},
		},
	}
	var order, states []string
	for _, j := range run.ByUrgency() {
		order, states = append(order, j.Name), append(states, run.State(j))
	}
	if diff := cmp.Diff([]string{"bad", "failed", "canceled", "deleted", "new-state", "paused", "active", "queued", "completed"}, order); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"not submitted", "failed", "canceled", "gone", "dreaming", "paused", "active", "queued", "completed"}, states); diff != "" {
		t.Error(diff)
	}

	var html, text bytes.Buffer
	if err := run.HTML(&html); err != nil {
		t.Fatal(err)
	}
	if err := run.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{html.String(), text.String()} {
		_, table, _ := strings.Cut(out, "Jobs\n")
		if _, inHTML, ok := strings.Cut(out, "<h2>Jobs</h2>"); ok {
			table = inHTML
		}
		at := -1
		for _, name := range order {
			next := strings.Index(table, name)
			if next <= at {
				t.Errorf("%s is not behind the job before it in\n%s", name, table)
			}
			at = next
		}
		for _, part := range []string{"not there any more", "not submitted", "flsync jobs resume id-pause"} {
			if !strings.Contains(out, part) {
				t.Errorf("no %q in\n%s", part, out)
			}
		}
	}
	if !strings.Contains(html.String(), "no Blender file; no scene") {
		t.Error("the page does not say why a job was not submitted")
	}
}
