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
	// a needs 10 minutes for each task, b 6, 10 and 14.
	for _, ago := range []int{40, 30, 20, 10} {
		task(api.TaskStatusCompleted, "a", ago, 2)
	}
	for _, ago := range []int{31, 25, 15, 1} {
		task(api.TaskStatusCompleted, "b", ago, 2)
	}
	if got := forecast(tasks, now); got != "" {
		t.Errorf("nothing is active: %q", got)
	}
	task(api.TaskStatusActive, "a", 1, 1) // half of it is done
	task(api.TaskStatusActive, "b", 1, 1)
	for range 7 {
		tasks = append(tasks, api.TaskSummary{Status: api.TaskStatusQueued, StepsTotal: 2})
	}
	// 8 tasks on two workers, in 10 minutes each
	if got, want := forecast(tasks, now), "done about 02:40 (02:40–02:40)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := forecast(tasks[6:], now); got != "" {
		t.Errorf("one time is too little: %q", got)
	}
	for _, ago := range []int{100, 84, 68, 64} {
		task(api.TaskStatusCompleted, "c", ago, 2)
	}
	// times: 4 6 10 10 10 10 14 16 16
	if got, want := forecast(tasks, now), "done about 02:40 (02:40–02:56)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
