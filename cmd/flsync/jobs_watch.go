package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
)

func (a *app) jobsWatchCommand() *cobra.Command {
	var interval time.Duration
	cmd := a.managed(&cobra.Command{
		Use: "watch JOB…", Short: "Follow jobs until they end",
		Long: `Shows a live table on a terminal, else a line at each change. Jobs that render have a forecast of their end,
and several jobs one of the end of all, from the time that finished tasks took. Exit code: 0 when every job was
completed, 3 when some were, 1 when none was.`,
		Args: cobra.MinimumNArgs(1),
	}, func(ctx context.Context, m *link, args []string) error {
		chosen, err := a.choose(args, jobKind.chooser(ctx, m))
		if err != nil {
			return err
		}
		return a.watchJobs(ctx, m, ids(chosen), interval, underWay)
	})
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "time between two looks")
	return cmd
}

func underWay(j api.Job) bool { return !ended(j.Status) }

// poll looks again and again until look reports that it is done. It outlasts a Manager that answered before
// and is away for a while, because it is restarted or updated.
func (a *app) poll(ctx context.Context, interval time.Duration, look func(context.Context) (done bool, err error)) error {
	const patience = 15 * time.Minute
	if interval < 100*time.Millisecond {
		return usagef("--interval %v is too short: at least 100ms", interval)
	}
	return outlast(ctx, a.sink(), outage{every: interval, patience: patience, message: "the Manager does not answer, watching goes on: "}, look)
}

// outage says how long a Manager that is away is waited for.
type outage struct {
	every    time.Duration // between two looks
	patience time.Duration // since it last answered
	answered time.Time     // when it last did; zero: a first failure ends everything
	message  string        // begins the warning, of which an outage has one
}

// outlast calls look until it reports that it is done, fails for good, or has failed for longer than an
// outage may take.
func outlast(ctx context.Context, sink report.Sink, o outage, look func(context.Context) (done bool, err error)) error {
	ticker := time.NewTicker(o.every)
	defer ticker.Stop()
	for away := false; ; {
		done, err := look(ctx)
		switch {
		case done:
			return err
		case err == nil:
			o.answered, away = time.Now(), false
		case o.answered.IsZero() || !flamenco.IsTemporary(err) || time.Since(o.answered) >= o.patience:
			return err
		case !away:
			away = true
			sink.Emit(report.Warning{Code: "unreachable", Message: o.message + err.Error()})
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// watchJobs shows jobs until none of them is one to wait for. Its error names those that were not completed.
func (a *app) watchJobs(ctx context.Context, m *link, ids []string, interval time.Duration, waitFor func(api.Job) bool) error {
	var soon forecasts
	view := liveTable[api.Job]{
		app: a, id: func(j api.Job) string { return j.ID }, rank: rank,
		columns: append(slices.Clone(jobKind.columns), column[api.Job]{title: "forecast", cell: func(j api.Job) string { return soon.text(j.ID) }, gives: true, early: true}),
		state:   func(j api.Job) string { return fmt.Sprintf("%s %d/%d", j.Status, j.StepsCompleted, j.StepsTotal) },
		line: func(j api.Job) string {
			line := fmt.Sprintf("%s  %-16s %4s  %s", short(j.ID), j.Status, percent(j.StepsCompleted, j.StepsTotal), j.Name)
			if text := soon.text(j.ID); text != "" {
				line += "  " + text
			}
			return line
		},
	}
	var jobs []api.Job
	err := a.poll(ctx, interval, func(ctx context.Context) (bool, error) {
		list, err := lookAt(ctx, m, ids)
		if err != nil {
			view.lines = 0
			return false, err
		}
		jobs = values(list)
		done := !slices.ContainsFunc(jobs, waitFor)
		if !done {
			soon.look(ctx, m, jobs, 20)
		}
		view.foot = soon.text("")
		if err := view.show(list, done); err != nil || !a.json {
			return done, err
		}
		soon.emit(a.sink())
		return done, nil
	})
	if err != nil {
		return err
	}
	return outcome(jobs)
}

// lookAt fetches jobs: a few one by one, many in one list.
func lookAt(ctx context.Context, m *link, ids []string) ([]object[api.Job], error) {
	if len(ids) <= atOnce {
		return parallel(ctx, ids, func(ctx context.Context, id string) (object[api.Job], error) {
			return fetch[api.Job](ctx, m, "jobs", id)
		})
	}
	all, err := fetchJobs(ctx, m)
	if err != nil {
		return nil, err
	}
	jobs := make([]object[api.Job], len(ids))
	for i, id := range ids {
		at := slices.IndexFunc(all, func(j object[api.Job]) bool { return j.v.ID == id })
		if at < 0 {
			return nil, fmt.Errorf("job %s is no longer there: it was deleted", id)
		}
		jobs[i] = all[at]
	}
	return jobs, nil
}

// rank puts first what is worth seeing when not all can be shown: what is at work, then what waits, then what
// has ended.
func rank(j api.Job) int {
	switch {
	case j.Status == api.JobStatusActive:
		return 0
	case ended(j.Status):
		return 2
	}
	return 1
}

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
