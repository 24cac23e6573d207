package manager

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/flsync/flsync/flamenco/api"
)

// scheduleTask hands out the next task, as the worker's platform needs it.
func (m *Manager) scheduleTask(q *request, w *worker) error {
	var assigned *api.AssignedTask
	var requested api.WorkerStatus
	var platform string
	var jobSeq uint64
	var index int
	err := m.updateWorker(w, func(x *tx, w *worker) error {
		if requested, platform = w.Requested, w.Platform; requested != "" {
			return nil
		}
		if w.Status != api.WorkerStatusAwake {
			return refuse(http.StatusConflict, "worker is in state %s, requires state %s to execute tasks",
				quote(w.Status), quote(api.WorkerStatusAwake))
		}
		ref, found := x.s.nextTask(w)
		if !found {
			return nil
		}
		t, e := x.task(ref), ref.entry
		t.Worker, t.Touched = w.ID, &x.now
		x.log(e, t, fmt.Sprintf("Task assigned to worker %s (%s)", w.Name, w.ID))
		x.setTaskStatus(ref, api.TaskStatusActive)
		jobSeq, index = e.Seq, t.Index
		assigned = &api.AssignedTask{
			UUID: t.ID, Job: e.ID, JobPriority: e.Priority, JobType: e.Type, Name: t.Name, Priority: t.Priority,
			Status: t.Status, TaskType: t.Type, StepsCompleted: t.StepsCompleted, StepsTotal: t.StepsTotal,
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case requested != "":
		writeJSON(q.w, http.StatusLocked, api.WorkerStateChange{StatusRequested: requested})
		return nil
	case assigned == nil:
		return q.empty(http.StatusNoContent)
	}
	raw, err := m.store.commands(jobSeq, index)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &assigned.Commands); err != nil {
		return err
	}
	values := m.conf.get().expander(api.ManagerVariableAudienceWorkers, platform)
	for i := range assigned.Commands {
		values.expandAll(assigned.Commands[i].Parameters)
	}
	return q.reply(assigned)
}

func (m *Manager) mayWorkerRun(q *request, w *worker) error {
	id, err := q.id("task_id", "task ID not valid")
	if err != nil {
		return err
	}
	var reply api.MayKeepRunning
	err = m.updateWorker(w, func(x *tx, w *worker) error {
		ref, ok := x.s.tasks[id]
		switch {
		case !ok:
			reply.Reason = "Task not found"
		case w.Requested != "" && !w.Lazy:
			reply.Reason, reply.StatusChangeRequested = "worker status change requested", true
		case ref.task().Worker != w.ID:
			reply.Reason = "task not assigned to this worker"
		case ref.task().Status != api.TaskStatusActive:
			reply.Reason = fmt.Sprintf("task is in non-runnable status %s", quote(ref.task().Status))
		default:
			reply.MayKeepRunning = true
			x.task(ref).Touched = &x.now
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.reply(reply)
}

// taskUpdate stores what a worker reports about its task.
func (m *Manager) taskUpdate(q *request, w *worker) error {
	var sent api.TaskUpdate
	if err := q.decode(&sent); err != nil {
		return err
	}
	id, err := q.id("task_id", "task ID not valid")
	if err != nil {
		return err
	}
	conf := m.conf.get()
	return q.ok(m.updateWorker(w, func(x *tx, w *worker) error {
		ref, ok := x.s.tasks[id]
		switch {
		case !ok:
			return refuse(http.StatusNotFound, "task %s not found", id)
		case ref.task().Worker == "":
			return refuse(http.StatusConflict, "task %s is not assigned to any worker, so also not to you", id)
		case ref.task().Worker != w.ID:
			return refuse(http.StatusConflict, "task %s is not assigned to you", id)
		case sent.TaskStatus != nil && *sent.TaskStatus == api.TaskStatusSoftFailed:
			return refuse(http.StatusBadRequest, "task status %s not allowed to be sent by Worker", *sent.TaskStatus)
		}
		x.updateTask(ref, w, sent, conf)
		return nil
	}))
}

func (x *tx) updateTask(ref taskRef, w *worker, sent api.TaskUpdate, conf *conf) {
	t := x.task(ref)
	t.Touched = &x.now
	if sent.Activity != nil {
		t.Activity = *sent.Activity
	}
	if sent.Log != nil { // first, because it explains the change of status
		x.logs = append(x.logs, logLine{ref.entry.ID, t.ID, *sent.Log})
	}
	if sent.StepsCompleted != nil {
		if steps := min(*sent.StepsCompleted, t.StepsTotal); steps != t.StepsCompleted {
			x.setSteps(ref, steps)
		}
	}
	switch {
	case sent.TaskStatus == nil || *sent.TaskStatus == t.Status:
	case *sent.TaskStatus == api.TaskStatusFailed:
		x.taskFailed(ref, w, conf)
	default:
		x.setTaskStatus(ref, *sent.TaskStatus)
	}
}

// taskFailed decides whether another worker may try, this worker is kept from such tasks, or the job fails.
func (x *tx) taskFailed(ref taskRef, w *worker, conf *conf) {
	t, e := x.task(ref), ref.entry
	if !contains(t.FailedBy, w.ID) {
		t.FailedBy = append(slices.Clone(t.FailedBy), w.ID)
	}
	failed := len(t.FailedBy)

	if e.failuresOf(w, t.Type)+1 >= conf.BlocklistThreshold { // the real Manager counts this failure twice, too
		if b := (block{w.ID, t.Type}); !contains(e.Blocked, b) {
			j := x.job(e)
			j.Blocked = append(slices.Clone(j.Blocked), b)
		}
		if x.s.workersLeft(e, t) == 0 {
			x.failJob(ref, w)
			return
		}
		x.returnTasks(w, e, api.TaskStatusFailed, fmt.Sprintf("worker %s was blocked from tasks of type %q", w.Name, t.Type))
	}
	switch limit := conf.TaskFailAfterSoftFailCount; {
	case failed >= limit:
		x.log(e, t, fmt.Sprintf("Task failed by %d %s, Manager will mark it as hard failure", failed, plural(failed, "worker")))
		x.setTaskStatus(ref, api.TaskStatusFailed)
	case x.s.workersLeft(e, t) <= 1:
		x.failJob(ref, w)
	default:
		left := limit - failed
		x.log(e, t, fmt.Sprintf("Task failed by %d %s, Manager will mark it as soft failure. %d more %s will cause hard failure.",
			failed, plural(failed, "worker"), left, plural(left, "failure")))
		x.setTaskStatus(ref, api.TaskStatusSoftFailed)
	}
}

// failuresOf counts the tasks of a type that w failed.
func (e *entry) failuresOf(w *worker, taskType string) (n int) {
	for i := range e.tasks {
		if e.tasks[i].Type == taskType && contains(e.tasks[i].FailedBy, w.ID) {
			n++
		}
	}
	return n
}

// failJob gives up: nobody is left who could run this task.
func (x *tx) failJob(ref taskRef, w *worker) {
	t, e := x.task(ref), ref.entry
	x.log(e, t, fmt.Sprintf(
		"Task failed by worker %s, Manager will fail the entire job as there are no more workers left for tasks of type %q.",
		w.identifier(), t.Type))
	x.setTaskStatus(ref, api.TaskStatusFailed)
	x.setJobStatus(e, api.JobStatusFailed, fmt.Sprintf("no more workers left to run tasks of type %q", t.Type))
}

// plural is a noun as it stands after n.
func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
