package manager

import (
	"cmp"
	"slices"

	"github.com/flsync/flsync/flamenco/api"
)

func contains[T comparable](list []T, value T) bool { return slices.Contains(list, value) }

// schedulable reports whether workers get tasks of a job in this status.
func schedulable(status api.JobStatus) bool {
	return status == api.JobStatusActive || status == api.JobStatusQueued
}

// nextTask finds the task that w is to run now: the one it already has, or the first runnable one of the job
// with the highest priority, older jobs first.
func (s *store) nextTask(w *worker) (taskRef, bool) {
	candidates := make([]*entry, 0, len(s.ordered))
	for _, e := range s.ordered {
		if !schedulable(e.Status) {
			continue
		}
		for i := range e.tasks {
			if e.tasks[i].Worker == w.ID && e.tasks[i].Status == api.TaskStatusActive {
				return taskRef{e, i}, true
			}
		}
		if e.Tag == "" || contains(w.Tags, e.Tag) {
			candidates = append(candidates, e)
		}
	}
	slices.SortStableFunc(candidates, func(a, b *entry) int { return cmp.Compare(b.Priority, a.Priority) })
	for _, e := range candidates {
		if i := e.runnable(w); i >= 0 {
			return taskRef{e, i}, true
		}
	}
	return taskRef{}, false
}

// runnable returns the index of the first task that w may run, or -1.
func (e *entry) runnable(w *worker) int {
	complete := 0 // tasks from the first on that are complete without a gap
	for complete < len(e.tasks) && e.tasks[complete].Status == api.TaskStatusCompleted {
		complete++
	}
	best := -1
	for i := complete; i < len(e.tasks); i++ {
		t := &e.tasks[i]
		switch {
		case t.Status != api.TaskStatusQueued && t.Status != api.TaskStatusSoftFailed:
		case t.After > complete:
		case !contains(w.TaskTypes, t.Type), contains(t.FailedBy, w.ID), contains(e.Blocked, block{w.ID, t.Type}):
		case best < 0 || t.Priority > e.tasks[best].Priority:
			best = i
		}
	}
	return best
}

// workersLeft returns how many workers could still run a task of a job. The real Manager counts workers that
// are asleep, offline or deleted, too.
func (s *store) workersLeft(e *entry, t *task) (n int) {
	for _, w := range s.workers {
		inTag := e.Tag == "" || contains(w.Tags, e.Tag)
		if inTag && !contains(e.Blocked, block{w.ID, t.Type}) && !contains(t.FailedBy, w.ID) {
			n++
		}
	}
	return n
}
