package main

import (
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

func TestForecast(t *testing.T) {
	now := time.Date(2026, 11, 30, 2, 0, 0, 0, time.Local)
	var tasks []api.TaskSummary
	task := func(status api.TaskStatus, worker string, minutesAgo, steps int) {
		tasks = append(tasks, api.TaskSummary{Status: status, Worker: &api.TaskWorker{ID: worker}, Updated: now.Add(-time.Duration(minutesAgo) * time.Minute), StepsCompleted: steps, StepsTotal: 2})
	}
	text := func(tasks []api.TaskSummary) string { return forecastText(forecast(now, workOf(now, tasks))) }
	// a needs 10 minutes for each task, b 6, 10 and 14.
	for _, ago := range []int{40, 30, 20, 10} {
		task(api.TaskStatusCompleted, "a", ago, 2)
	}
	for _, ago := range []int{31, 25, 15, 1} {
		task(api.TaskStatusCompleted, "b", ago, 2)
	}
	if got := text(tasks); got != "" {
		t.Errorf("nothing is active: %q", got)
	}
	task(api.TaskStatusActive, "a", 1, 1) // half of it is done
	task(api.TaskStatusActive, "b", 1, 1)
	for range 7 {
		tasks = append(tasks, api.TaskSummary{Status: api.TaskStatusQueued, StepsTotal: 2})
	}
	// 8 tasks on two workers, in 10 minutes each
	if got, want := text(tasks), "all done about 02:40 (02:40–02:40)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := text(tasks[6:]); got != "" {
		t.Errorf("one time is too little: %q", got)
	}
	for _, ago := range []int{100, 84, 68, 64} {
		task(api.TaskStatusCompleted, "c", ago, 2)
	}
	// times: 4 6 10 10 10 10 14 16 16
	if got, want := text(tasks), "all done about 02:40 (02:40–02:56)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestForecastOfNight: jobs that wait take the times of those that render, paused ones take none, and the
// last task of a job is one worker's alone.
func TestForecastOfNight(t *testing.T) {
	now := time.Date(2026, 11, 30, 2, 0, 0, 0, time.Local)
	minutes := func(n ...time.Duration) (times []time.Duration) {
		for _, m := range n {
			times = append(times, m*time.Minute)
		}
		return times
	}
	known := map[string]work{"a": {left: 8, longest: 2, active: 2, times: minutes(4, 5, 5, 6, 8)}}
	known["b"] = work{left: 12}
	job := func(id string, status api.JobStatus) api.Job { return api.Job{ID: id, Status: status} }
	a := job("a", api.JobStatusActive)
	for _, test := range []struct {
		name string
		jobs []api.Job
		want string
	}{
		{"one job", []api.Job{a}, ""},
		{"two jobs", []api.Job{a, job("b", api.JobStatusQueued)}, "all done about 02:50 (02:50–03:00)"},
		{"others do not go on", []api.Job{a, job("b", api.JobStatusPaused), job("c", api.JobStatusFailed)}, "all done about 02:20 (02:20–02:24)"},
		{"a job was not measured", []api.Job{a, job("c", api.JobStatusQueued)}, ""},
		{"nothing renders", []api.Job{job("b", api.JobStatusQueued), job("b", api.JobStatusQueued)}, ""},
	} {
		if got := forecastText(nightOf(now, test.jobs, known)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	known["a"] = work{left: 8, longest: 7, active: 2, times: known["a"].times}
	if got, want := forecastText(nightOf(now, []api.Job{a, job("c", api.JobStatusCompleted)}, known)), "all done about 02:35 (02:35–02:42)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
