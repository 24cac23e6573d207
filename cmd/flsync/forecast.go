package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// forecast says when a job will be done, such as "done about 02:40 (02:25–03:10)"; "" when too little is known. The time
// of a task is that between two completed ones of the same worker. Shown is what follows from the median, and from the
// quartiles, if as many tasks stay active as are now.
func forecast(tasks []api.TaskSummary, now time.Time) string {
	const least = 3 // times that say something
	ends := make(map[string][]time.Time)
	left, active := 0.0, 0
	for _, t := range tasks {
		switch {
		case t.Status == api.TaskStatusCompleted && t.Worker != nil:
			ends[t.Worker.ID] = append(ends[t.Worker.ID], t.Updated)
		case t.Status == api.TaskStatusActive:
			active++
			fallthrough
		case waits(t.Status):
			left += 1 - float64(t.StepsCompleted)/float64(max(1, t.StepsTotal))
		}
	}
	var times []time.Duration
	for _, e := range ends {
		slices.SortFunc(e, time.Time.Compare)
		for i := 1; i < len(e); i++ {
			times = append(times, e[i].Sub(e[i-1]))
		}
	}
	if active == 0 || len(times) < least {
		return ""
	}
	slices.Sort(times)
	at := func(share int) string { // of the times that are no longer, in quarters
		took := times[(len(times)-1)*share/4]
		end := now.Add(time.Duration(left / float64(active) * float64(took))).Local()
		if end.Sub(now) > 20*time.Hour {
			return end.Format("Mon 15:04")
		}
		return end.Format("15:04")
	}
	return fmt.Sprintf("done about %s (%s–%s)", at(2), at(1), at(3))
}

// forecasts asks for the tasks of active jobs now and then: the list of a long job is long.
type forecasts struct {
	asked map[string]time.Time // by job
	text  map[string]string
}

// look renews the forecasts of jobs. A failure leaves the last one: the next look at the jobs reports it.
func (f *forecasts) look(ctx context.Context, m *link, jobs []api.Job) {
	const every, most = 15 * time.Second, 20
	if f.asked == nil {
		f.asked, f.text = make(map[string]time.Time), make(map[string]string)
	}
	n := 0
	for _, j := range jobs {
		if j.Status != api.JobStatusActive {
			delete(f.text, j.ID)
			continue
		}
		if n++; n > most || time.Since(f.asked[j.ID]) < every {
			continue
		}
		f.asked[j.ID] = time.Now()
		if tasks, err := m.JobTasks(ctx, j.ID); err == nil {
			f.text[j.ID] = forecast(tasks, time.Now())
		}
	}
}
