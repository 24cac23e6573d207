package page

import (
	"encoding/json"
	"fmt"
	"html/template"
	"time"

	"github.com/flsync/flsync/internal/report"
)

// Run is a past run, as its log tells it.
type Run struct {
	Start    report.Start
	Summary  *report.Summary // nil for one that was killed, or that is going on
	Jobs     []Job
	Missing  []report.Warning
	Held     []report.Warning
	Warnings []report.Warning // the others
	Errors   []report.Error
	Progress []report.Progress
}

// Job is a job of the run, and how it is now.
type Job struct {
	report.Job
	Now *Now // nil: not asked, or not there any more
}

// Now is what the Manager says of a job.
type Now struct {
	Status      string
	Done, Total int          // steps
	Activity    string       // the Manager's words
	Picture     template.URL // data: URL of the last picture that was rendered; "" without
}

// Load reads the log of a run in folder dir.
func Load(dir, id string) (*Run, error) {
	r := &Run{Start: report.Start{Run: id}}
	err := report.ReadLog(dir, id, func(typ string, object json.RawMessage) error {
		switch typ {
		case "start":
			return json.Unmarshal(object, &r.Start)
		case "summary":
			return json.Unmarshal(object, &r.Summary)
		case "job":
			return appendTo(&r.Jobs, object)
		case "error":
			return appendTo(&r.Errors, object)
		case "progress":
			return appendTo(&r.Progress, object)
		case "warning":
			var w report.Warning
			if err := json.Unmarshal(object, &w); err != nil {
				return err
			}
			switch w.Code {
			case "missing-file":
				r.Missing = append(r.Missing, w)
			case "held-back":
				r.Held = append(r.Held, w)
			default:
				r.Warnings = append(r.Warnings, w)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	return r, nil
}

func appendTo[T any](list *[]T, object json.RawMessage) error {
	var v T
	if err := json.Unmarshal(object, &v); err != nil {
		return err
	}
	*list = append(*list, v)
	return nil
}

// Verdict is the run in a few words, and whether it is good, odd or bad.
func (r *Run) Verdict() (text, mood string) {
	switch s := r.Summary; {
	case s == nil:
		return "This run has no end: it was killed, or is still going on.", "bad"
	case s.ExitCode == 0 && len(r.Missing) > 0:
		return fmt.Sprintf("All done, but %d files are missing.", len(r.Missing)), "odd"
	case s.ExitCode == 0:
		return "All done.", "good"
	case s.ExitCode == 3:
		return "Done in part.", "odd"
	case s.ExitCode == 130:
		return "Interrupted.", "odd"
	case s.ExitCode == 4:
		return "The Manager could not be reached, or kept failing.", "bad"
	}
	return "Failed.", "bad"
}

// Next is what to do now, the most pressing first.
func (r *Run) Next() (steps []string) {
	add := func(n int, text string) {
		if n > 0 {
			steps = append(steps, text)
		}
	}
	again := "Run the same command again: what is done is not done twice."
	if r.Summary == nil {
		return []string{again + " flsync runs shows which jobs are in."}
	}
	if r.Summary.ExitCode == 4 {
		steps = append(steps, "See whether the Manager runs and what lies between (flsync farm doctor). "+again)
	}
	if r.Summary.ExitCode == 130 {
		steps = append(steps, again)
	}
	add(len(r.Errors), fmt.Sprintf("Look at the %d errors below, repair what they name, and run the same command again.", len(r.Errors)))
	add(len(r.Missing), fmt.Sprintf("%d files are missing: frames will lack them. Their chains below say who wants them.", len(r.Missing)))
	add(len(r.Held), fmt.Sprintf("%d files outside of the project were held back. Allow a studio's library with outside_roots in the configuration, or --outside all.", len(r.Held)))
	failed := 0
	for _, j := range r.Jobs {
		if j.Now != nil && (j.Now.Status == "failed" || j.Now.Status == "canceled") {
			failed++
		}
	}
	add(failed, fmt.Sprintf("%d jobs have failed on the farm or were canceled: see their logs (flsync jobs tasks JOB, flsync tasks log TASK).", failed))
	return steps
}

// Saved is how many bytes needed not be sent because the store had them.
func (r *Run) Saved() int64 {
	if r.Summary == nil {
		return 0
	}
	return max(0, r.Summary.Files.Bytes-r.Summary.Store.UploadedBytes)
}

// Took is how long the run was.
func (r *Run) Took() time.Duration {
	if r.Summary == nil {
		return 0
	}
	return time.Duration(r.Summary.Duration * float64(time.Second)).Round(time.Millisecond)
}
