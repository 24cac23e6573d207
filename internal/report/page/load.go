package page

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flsync/flsync/internal/report"
)

// Run is a past run, as its log tells it.
type Run struct {
	Start    report.Start
	Asked    bool            // the Manager was asked how the jobs are now
	Before   string          // of a run that did nothing: the last one that did something; "" without
	Summary  *report.Summary // nil for one that was killed, or that is going on
	Jobs     []Job
	Missing  []report.Warning
	Held     []report.Warning
	Lacks    []report.Lack
	Warnings []report.Warning // the others
	Errors   []report.Error
	Progress []report.Progress
	Frames   []FrameMap       // of the jobs whose frames were looked at
	Night    *report.Forecast // when all jobs will be done; nil when that is not known
}

// Job is a job of the run, and how it is now.
type Job struct {
	report.Job
	Now     *Now   // nil: not asked, or not there any more
	Failure string // why it was not submitted
}

// Now is what the Manager says of a job.
type Now struct {
	Status      string
	Done, Total int              // steps
	Activity    string           // the Manager's words
	Forecast    *report.Forecast // nil when that is not known
	Picture     template.URL     // data: URL of the last picture that was rendered; "" without
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
		case "lack":
			return appendTo(&r.Lacks, object)
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
	failed, wrong := len(r.failed()), r.wrong()
	switch s := r.Summary; {
	case s == nil:
		return "This run has no end: it was killed, or is still going on.", "bad"
	case s.ExitCode == 0 && failed > 0:
		return fmt.Sprintf("All was sent, but on the farm %s failed or was canceled.", report.Count(failed, "job")), "bad"
	case s.ExitCode == 0 && wrong > 0:
		return fmt.Sprintf("All was sent, but not all is rendered: look at %s.", report.Count(wrong, "frame")), "bad"
	case s.ExitCode == 0 && s.Lacks.Jobs > 0:
		return fmt.Sprintf("All done, but frames of %s will be wrong.", report.Count(s.Lacks.Jobs, "job")), "odd"
	case s.ExitCode == 0 && len(r.Missing) > 0:
		return fmt.Sprintf("All done, but without %s.", report.Count(len(r.Missing), "missing file")), "odd"
	case s.ExitCode == 0:
		return "All done.", "good"
	case s.ExitCode == 3 && s.Jobs.Failed > 0:
		return fmt.Sprintf("Done in part: %s of %d could not be submitted.", report.Count(s.Jobs.Failed, "job"), s.Jobs.Total), "odd"
	case s.ExitCode == 3:
		return "Done in part.", "odd"
	case s.ExitCode == 2:
		return "Nothing was sent: the command line, the configuration or the manifest is wrong.", "bad"
	case s.ExitCode == 130:
		return "Interrupted.", "odd"
	case s.ExitCode == 4:
		return "The Manager could not be reached, or kept failing.", "bad"
	}
	return "Failed.", "bad"
}

// Causes are the errors without the one that only adds them up.
func (r *Run) Causes() []report.Error {
	causes := slices.DeleteFunc(slices.Clone(r.Errors), func(e report.Error) bool { return e.Job == "" && e.Path == "" })
	if len(causes) == 0 {
		return r.Errors
	}
	return causes
}

// Step is something to do: a sentence, and commands that help with it.
type Step struct {
	Text     string
	Commands []string
}

// Next is what to do now, the most pressing first.
func (r *Run) Next() (steps []Step) {
	add := func(text string, commands ...string) { steps = append(steps, Step{text, commands}) }
	const again = "Run the same command again: what is done is not done twice."
	if r.Summary == nil {
		add("See which jobs are in. "+again, "flsync runs")
		return steps
	}
	switch r.Summary.ExitCode {
	case 4:
		add("See whether the Manager runs, and what lies between. "+again, "flsync farm doctor")
	case 130:
		add(again)
	case 2:
		add("Correct what the error below names, and run it again.")
		if r.Before != "" {
			add("This run did nothing. The one before it is still to be seen.", "flsync report "+r.Before)
		}
		return steps
	}
	if failed := r.failed(); len(failed) > 0 {
		first := shortID(failed[0])
		add(fmt.Sprintf("See why %s failed or was canceled on the farm, repair that, and have the failed tasks tried again.", few(names(failed))),
			"flsync jobs tasks "+first, "flsync tasks log TASK", "flsync tasks retry --failed "+first)
	}
	if causes := r.Causes(); len(causes) > 0 && r.Summary.ExitCode != 4 && r.Summary.ExitCode != 130 {
		var where []string
		for _, e := range causes {
			if name := cmp.Or(e.Job, e.Path); name != "" && !slices.Contains(where, name) {
				where = append(where, name)
			}
		}
		if len(where) == 0 {
			where = []string{"what the error names"}
		}
		add(fmt.Sprintf("Repair %s (%s below). %s", few(where), report.Count(len(causes), "error"), again))
	}
	if r.wrong() > 0 {
		add("Have the tasks run again that cover what is missing or damaged.", "flsync frames --retry --run "+r.Start.Run)
	}
	if paused := r.inState("paused", "pause-requested"); len(paused) > 0 {
		add(fmt.Sprintf("Let %s go on when it is time: paused jobs do not start by themselves.", few(names(paused))), "flsync jobs resume "+shortID(paused[0]))
	}
	if n := len(r.Missing); n > 0 {
		var files []string
		for _, m := range r.Missing {
			files = append(files, path.Base(filepath.ToSlash(m.Path)))
		}
		add(fmt.Sprintf("Put back %s: frames will lack what is missing. Then run the same command again, and the shots concerned are submitted anew.", few(files)))
	}
	if n := len(r.Held); n > 0 {
		add(report.Count(n, "file") + " outside of the project stayed behind. Allow a studio's library with outside_roots in the configuration, or all with --outside all.")
	}
	return steps
}

// few names the first of many.
func few(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// shortID is enough of a job's id for a command. Its name may be that of other nights' jobs, too.
func shortID(j Job) string {
	const enough = 8
	return j.ID[:min(len(j.ID), enough)]
}

func names(jobs []Job) (list []string) {
	for _, j := range jobs {
		list = append(list, j.Name)
	}
	return list
}

// Findings is one lack and the jobs that have it.
type Findings struct {
	report.Lack
	Jobs []string
}

// ByLack returns the lacks, each once with all jobs that have it, those that spoil frames first.
func (r *Run) ByLack() (list []Findings) {
	at := make(map[[3]string]int)
	for _, l := range r.Lacks {
		key := [...]string{l.Code, l.Path, l.Message}
		i, known := at[key]
		if !known {
			i = len(list)
			at[key] = i
			list = append(list, Findings{Lack: l})
		}
		if l.Job != "" {
			list[i].Jobs = append(list[i].Jobs, l.Job)
		}
	}
	slices.SortStableFunc(list, func(a, b Findings) int { return cmp.Compare(a.Severity, b.Severity) })
	return list
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
	took := time.Duration(r.Summary.Duration * float64(time.Second))
	if took > 10*time.Second {
		return took.Round(100 * time.Millisecond)
	}
	return took.Round(time.Millisecond)
}
