package main

import (
	"context"
	"slices"
	"time"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
)

// work is what a job still has to do, and how fast it has done the rest. It counts steps of tasks: those of a
// render are frames.
type work struct {
	left    float64         // steps
	longest float64         // steps that are left of one active task: no other worker takes any of them
	active  int             // workers that are at it
	times   []time.Duration // of a step, sorted; those of one task are equal
}

// workOf measures a job by its tasks. The time of a task is that between two completed ones of the same
// worker. Between two tasks a worker is at the job, too.
func workOf(now time.Time, tasks []api.TaskSummary) (w work) {
	const between = 30 * time.Second
	at := make(map[string]bool) // workers
	type end struct {
		at    time.Time
		steps int
	}
	ends := make(map[string][]end)
	for _, t := range tasks {
		steps := max(1, t.StepsTotal)
		left := float64(steps - t.StepsCompleted)
		switch {
		case t.Status == api.TaskStatusCompleted && t.Worker != nil:
			ends[t.Worker.ID] = append(ends[t.Worker.ID], end{t.Updated, steps})
			if now.Sub(t.Updated) < between {
				at[t.Worker.ID] = true
			}
		case t.Status == api.TaskStatusActive && t.Worker != nil:
			at[t.Worker.ID] = true
			w.longest = max(w.longest, left)
			fallthrough
		case waits(t.Status):
			w.left += left
		}
	}
	for _, e := range ends {
		slices.SortFunc(e, func(a, b end) int { return a.at.Compare(b.at) })
		for i := 1; i < len(e); i++ {
			w.times = append(w.times, e[i].at.Sub(e[i-1].at)/time.Duration(e[i].steps))
		}
	}
	slices.Sort(w.times)
	w.active = len(at)
	return w
}

// forecast says when jobs will be done if as many workers stay at them as are now; nil when too little is
// known. A job of which few tasks are done takes the times of all.
func forecast(now time.Time, jobs ...work) *report.Forecast {
	const least = 3 // times that say something
	var pooled []time.Duration
	active := 0
	for _, w := range jobs {
		pooled = append(pooled, w.times...)
		active += w.active
	}
	if active == 0 || len(pooled) < least {
		return nil
	}
	slices.Sort(pooled)
	at := func(share int) time.Time { // of the times that are no longer, in quarters
		var all, longest float64
		for _, w := range jobs {
			times := w.times
			if len(times) < least {
				times = pooled
			}
			took := float64(times[(len(times)-1)*share/4])
			all += w.left * took
			longest = max(longest, w.longest*took)
		}
		return now.Add(time.Duration(max(all/float64(active), longest)))
	}
	return &report.Forecast{At: now, Done: at(2), Early: at(1), Late: at(3)}
}

// forecasts asks for the tasks of active jobs now and then: the list of a long job is long.
type forecasts struct {
	asked   map[string]time.Time // by job
	work    map[string]work
	byJob   map[string]*report.Forecast // that of all jobs together has the key ""
	emitted map[string]string           // their last texts
}

// look renews the forecasts of jobs. It asks for the tasks of so many jobs at most: of those that are active,
// and once of those that wait, whose steps the Manager counts when they begin. A failure leaves the last
// forecast: the next look at the jobs reports it.
func (f *forecasts) look(ctx context.Context, m *link, jobs []api.Job, most int) {
	const every = 15 * time.Second
	if f.asked == nil {
		f.asked, f.work = make(map[string]time.Time), make(map[string]work)
		f.byJob, f.emitted = make(map[string]*report.Forecast), make(map[string]string)
	}
	now := time.Now()
	asked := most
	for _, j := range jobs {
		active := j.Status == api.JobStatusActive
		if !active {
			delete(f.byJob, j.ID)
		}
		_, known := f.work[j.ID]
		if most == 0 || !active && (known || !goesOn(j.Status)) || now.Sub(f.asked[j.ID]) < every {
			continue
		}
		most--
		f.asked[j.ID] = now
		tasks, err := m.JobTasks(ctx, j.ID)
		if err != nil {
			continue
		}
		f.work[j.ID] = workOf(now, tasks)
		if one := forecast(now, f.work[j.ID]); one != nil && active {
			one.Job = j.ID
			f.byJob[j.ID] = one
		}
	}
	if most < asked { // else what is known is of an earlier time
		f.byJob[""] = nightOf(now, jobs, f.work)
	}
}

// emit emits those forecasts that have changed.
func (f *forecasts) emit(sink report.Sink) {
	for _, id := range sortedKeys(f.byJob) {
		if text := f.text(id); text != "" && text != f.emitted[id] {
			f.emitted[id] = text
			sink.Emit(*f.byJob[id])
		}
	}
}

// forecastText returns the text of a forecast that may be nil.
func forecastText(f *report.Forecast) string {
	if f == nil {
		return ""
	}
	return f.Text()
}

// text returns the forecast of a job, or with "" of all together, as far as there is one.
func (f *forecasts) text(job string) string { return forecastText(f.byJob[job]) }

// goesOn reports whether a job of this status will render without anybody doing something.
func goesOn(s api.JobStatus) bool {
	return s == api.JobStatusActive || s == api.JobStatusQueued || s == api.JobStatusRequeueing || s == api.JobStatusUnderConstruction
}

// nightOf says when those of several jobs will be done that go on by themselves; nil when that is not known.
func nightOf(now time.Time, jobs []api.Job, known map[string]work) *report.Forecast {
	if len(jobs) < 2 {
		return nil
	}
	all := make([]work, len(jobs))
	for i, j := range jobs {
		w, measured := known[j.ID]
		switch goes := goesOn(j.Status); {
		case goes && measured:
			all[i] = w
		case goes:
			return nil
		default:
			all[i].times = w.times
		}
	}
	return forecast(now, all...)
}
