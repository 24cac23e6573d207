package manager

import (
	"fmt"

	"github.com/flsync/flsync/flamenco/api"
)

// The state machine of jobs and tasks: what a change of one status means for the others. The rules are
// Flamenco's.

// failPercentage of a job's tasks have to fail before the job does.
const failPercentage = 10

// setTaskStatus changes a task and whatever follows from it.
func (x *tx) setTaskStatus(ref taskRef, status api.TaskStatus) {
	t, e := x.task(ref), ref.entry
	before := t.Status
	t.Status = status
	if before != status {
		x.log(e, t, fmt.Sprintf("task changed status %s -> %s", before, status))
		switch status {
		case api.TaskStatusCompleted:
			x.setSteps(ref, t.StepsTotal)
		case api.TaskStatusQueued:
			x.setSteps(ref, 0)
		}
	}
	x.afterTask(e, status)
}

// setSteps sets how many steps of a task are done, and sums them up in the job.
func (x *tx) setSteps(ref taskRef, completed int) {
	x.task(ref).StepsCompleted = completed
	x.sumSteps(ref.entry)
}

func (x *tx) sumSteps(e *entry) {
	j := x.job(e)
	j.StepsCompleted, j.StepsTotal = 0, 0
	for i := range e.tasks {
		j.StepsCompleted += e.tasks[i].StepsCompleted
		j.StepsTotal += e.tasks[i].StepsTotal
	}
}

// rule is a row of the table of statuses: when a task comes to a status and the job is as the condition says,
// the job gets another status. The first row that holds counts.
type rule struct {
	task   api.TaskStatus
	holds  func(*entry) bool
	job    api.JobStatus
	reason string
}

func taskRules() []rule {
	const (
		active, queued, soft = api.TaskStatusActive, api.TaskStatusQueued, api.TaskStatusSoftFailed
		canceled, failed     = api.TaskStatusCanceled, api.TaskStatusFailed
		completed, paused    = api.TaskStatusCompleted, api.TaskStatusPaused
	)
	is := func(status api.JobStatus) func(*entry) bool { return func(e *entry) bool { return e.Status == status } }
	idle := func(e *entry) bool { return e.Status == api.JobStatusPauseRequested && e.count(active) == 0 }
	starts := func(e *entry) bool {
		return e.Status != api.JobStatusActive && e.Status != api.JobStatusCancelRequested
	}
	return []rule{
		{queued, is(api.JobStatusCompleted), api.JobStatusRequeueing, "task was queued"},
		{paused, idle, api.JobStatusPaused, "last task got paused"},
		{canceled, func(e *entry) bool { return e.count(active, queued, soft) == 0 }, api.JobStatusCanceled,
			"canceled task was last runnable task of job, canceling job"},
		{canceled, idle, api.JobStatusPaused, "no more active tasks after task cancellation"},
		{failed, func(e *entry) bool { return e.count(failed)*100/len(e.tasks) >= failPercentage }, api.JobStatusFailed,
			"too many tasks failed"},
		{failed, idle, api.JobStatusPaused, "no more active tasks after task failure"},
		{failed, is(api.JobStatusQueued), api.JobStatusActive, "task failed, but not enough to fail the job"},
		{active, starts, api.JobStatusActive, "task became active"},
		{soft, starts, api.JobStatusActive, "task became soft-failed"},
		{completed, allCompleted, api.JobStatusCompleted, "all tasks completed"},
		{completed, idle, api.JobStatusPaused, "no more active tasks after task completion"},
		{completed, is(api.JobStatusQueued), api.JobStatusActive, "no more tasks to do"},
	}
}

func allCompleted(e *entry) bool { return e.count(api.TaskStatusCompleted) == len(e.tasks) }

// afterTask changes the job as a task's new status asks for.
func (x *tx) afterTask(e *entry, status api.TaskStatus) {
	for _, r := range taskRules() {
		if r.task == status && r.holds(e) {
			x.setJobStatus(e, r.job, r.reason)
			return
		}
	}
}

// setJobStatus changes a job, its tasks, and the job again when that follows from the tasks.
func (x *tx) setJobStatus(e *entry, status api.JobStatus, reason string) {
	for status != "" && status != e.Status {
		before := e.Status
		j := x.job(e)
		j.Status = status
		j.Activity = fmt.Sprintf("Changed to status %s: %s", quote(status), reason)
		status = x.afterJob(e, before)
	}
}

// reinforce acts as if the job had just come to its status: what a killed Manager may have left undone.
func (x *tx) reinforce(e *entry, reason string) {
	before := e.Status
	x.job(e).Activity = fmt.Sprintf("Reenforcing status %s: %s", quote(e.Status), reason)
	if next := x.afterJob(e, before); next != "" {
		x.setJobStatus(e, next, reason)
	}
}

// jobRule is a row of the table of job statuses: what a job's new status means for its tasks, and for the job
// when holds. The first row counts whose statuses, before (empty: any) and now, are the job's.
type jobRule struct {
	before, now api.JobStatus
	from        []api.TaskStatus // of the tasks that change; empty: all
	to          api.TaskStatus   // empty: no task changes
	activity    string
	holds       func(*entry) bool
	job         api.JobStatus
}

func jobRules() []jobRule {
	const (
		active, queued, soft = api.TaskStatusActive, api.TaskStatusQueued, api.TaskStatusSoftFailed
		canceled, paused     = api.TaskStatusCanceled, api.TaskStatusPaused
		cancel               = "Manager cancelled this task because the job got status %[2]s."
		pause                = "Manager paused this task because the job got status %[2]s."
		requeue              = "Queued because job transitioned status from %s to %s"
	)
	always := func(*entry) bool { return true }
	never := func(*entry) bool { return false }
	idle := func(e *entry) bool { return e.count(active) == 0 }
	open, waiting := []api.TaskStatus{active, queued, soft}, []api.TaskStatus{queued, soft}
	ended := []api.TaskStatus{canceled, api.TaskStatusFailed, paused, soft}
	return []jobRule{
		{"", api.JobStatusCancelRequested, open, canceled, cancel, always, api.JobStatusCanceled},
		{"", api.JobStatusFailed, open, canceled, cancel, never, ""},
		{"", api.JobStatusPauseRequested, waiting, paused, pause, idle, api.JobStatusPaused},
		{api.JobStatusUnderConstruction, api.JobStatusRequeueing, nil, "", "", never, ""}, // the tasks are queued already
		{api.JobStatusCompleted, api.JobStatusRequeueing, nil, queued, requeue, always, api.JobStatusQueued},
		{"", api.JobStatusRequeueing, ended, queued, requeue, always, api.JobStatusQueued},
		{"", api.JobStatusQueued, nil, "", "", allCompleted, api.JobStatusCompleted},
	}
}

// afterJob does to the tasks what the job's new status asks for, and returns the status that follows, if any.
func (x *tx) afterJob(e *entry, before api.JobStatus) api.JobStatus {
	for _, r := range jobRules() {
		if r.now != e.Status || r.before != "" && r.before != before {
			continue
		}
		if r.to != "" {
			x.setTasks(e, r.to, fmt.Sprintf(r.activity, quote(before), quote(e.Status)), r.from)
		}
		if r.holds(e) {
			return r.job
		}
		break
	}
	return ""
}

// setTasks moves all tasks that are in one of the statuses, or all of them when none is named. It does not
// act back on the job.
func (x *tx) setTasks(e *entry, status api.TaskStatus, activity string, from []api.TaskStatus) {
	for i := range e.tasks {
		if len(from) > 0 && !contains(from, e.tasks[i].Status) {
			continue
		}
		t := x.task(taskRef{e, i})
		t.Status, t.Activity = status, activity
		if status == api.TaskStatusQueued {
			t.StepsCompleted = 0
		}
	}
	x.sumSteps(e)
}

// returnTasks gives the tasks of a worker back, when it goes away or may not have them any more.
func (x *tx) returnTasks(w *worker, only *entry, status api.TaskStatus, reason string) {
	for _, e := range x.s.ordered {
		if only != nil && e != only {
			continue
		}
		for i := range e.tasks {
			if e.tasks[i].Worker == w.ID && e.tasks[i].Status == status {
				x.returnTask(taskRef{e, i}, reason)
			}
		}
	}
}

func (x *tx) returnTask(ref taskRef, reason string) {
	e := ref.entry
	target := api.TaskStatusQueued
	if e.Status == api.JobStatusPauseRequested || e.Status == api.JobStatusPaused {
		target = api.TaskStatusPaused
	}
	t := x.task(ref)
	t.Activity = fmt.Sprintf("Task was %s by Manager because %s", target, reason)
	x.setTaskStatus(ref, target)
	x.log(e, t, t.Activity)
}

// unstick finishes what a Manager that was killed in the middle left behind.
func (x *tx) unstick() {
	for _, e := range x.s.ordered {
		switch e.Status {
		case api.JobStatusCancelRequested, api.JobStatusRequeueing, api.JobStatusPauseRequested:
			x.reinforce(e, "checking stuck jobs")
		}
	}
}
