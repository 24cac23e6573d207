package page

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// gone is the state of a job that the Manager does not know any more.
const gone = "gone"

// urgency of the states that a job can be in, what needs somebody first; one that is not listed needs a look.
var urgency = map[string]int{
	"not submitted": 0, "failed": 1, "canceled": 2, "cancel-requested": 2, gone: 3,
	"active": 5, "queued": 5, "requeueing": 5, "": 5, "completed": 6,
}

// othersUrgency is that of paused jobs, those under construction, and of states that a newer Manager has.
const othersUrgency = 4

// ByUrgency is every job of the run, those first that failed, then those that need somebody, and the ones
// that are done last. Jobs that could not be submitted are among them.
func (r *Run) ByUrgency() []Job {
	var jobs []Job
	at := make(map[string]int)
	for _, e := range r.Errors {
		if e.Job == "" || slices.ContainsFunc(r.Jobs, func(j Job) bool { return j.Name == e.Job }) {
			continue
		}
		if i, twice := at[e.Job]; twice {
			jobs[i].Failure += "; " + e.Message
			continue
		}
		at[e.Job] = len(jobs)
		jobs = append(jobs, Job{Failure: e.Message})
		jobs[len(jobs)-1].Name, jobs[len(jobs)-1].From = e.Job, e.From
	}
	jobs = append(jobs, r.Jobs...)
	rank := func(j Job) int {
		if n, ok := urgency[r.State(j)]; ok {
			return n
		}
		return othersUrgency
	}
	slices.SortStableFunc(jobs, func(a, b Job) int { return cmp.Compare(rank(a), rank(b)) })
	return jobs
}

// State is how a job is now: the Manager's word, "not submitted", or "gone"; "" if nobody was asked.
func (r *Run) State(j Job) string {
	switch {
	case j.Failure != "":
		return "not submitted"
	case j.Now != nil:
		return j.Now.Status
	case r.Asked && j.ID != "":
		return gone
	}
	return ""
}

// States is how many jobs are in which state now, such as "1 failed, 3 completed"; "" if nobody was asked.
func (r *Run) States() string {
	number := make(map[string]int)
	for _, j := range r.Jobs {
		if state := r.State(j); state != "" {
			number[state]++
		}
	}
	var states []string
	for _, state := range slices.Sorted(maps.Keys(number)) {
		states = append(states, fmt.Sprintf("%d %s", number[state], state))
	}
	return strings.Join(states, ", ")
}

// Pictures reports whether any job has one.
func (r *Run) Pictures() bool {
	return slices.ContainsFunc(r.Jobs, func(j Job) bool { return j.Now != nil && j.Now.Picture != "" })
}

// failed are the jobs that need somebody on the farm.
func (r *Run) failed() []Job { return r.inState("failed", "canceled") }

func (r *Run) inState(states ...string) (jobs []Job) {
	for _, j := range r.Jobs {
		if slices.Contains(states, r.State(j)) {
			jobs = append(jobs, j)
		}
	}
	return jobs
}
