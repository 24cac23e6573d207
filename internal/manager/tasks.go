package manager

import (
	"encoding/json"
	"net/http"

	"github.com/flsync/flsync/flamenco/api"
)

// taskReply is a task as the Manager sends it: the list of workers that failed it is there even when it is
// empty.
type taskReply struct {
	api.Task
	Commands        json.RawMessage  `json:"commands"`
	FailedByWorkers []api.TaskWorker `json:"failed_by_workers"`
}

func (m *Manager) fetchTask(q *request) error {
	id := q.params["task_id"]
	reply := taskReply{FailedByWorkers: []api.TaskWorker{}}
	var jobSeq uint64
	m.store.read(func(s *store) {
		found, ok := s.tasks[id]
		if !ok {
			return
		}
		t := found.task()
		jobSeq = found.entry.Seq
		reply.Task = api.Task{
			ID: t.ID, JobID: found.entry.ID, IndexInJob: t.Index, Name: t.Name, TaskType: t.Type, Priority: t.Priority,
			Status: t.Status, Activity: t.Activity, Created: t.Created, Updated: t.Updated, LastTouched: t.Touched,
			StepsCompleted: t.StepsCompleted, StepsTotal: t.StepsTotal, Worker: s.taskWorker(t.Worker),
		}
		for _, worker := range t.FailedBy {
			reply.FailedByWorkers = append(reply.FailedByWorkers, *s.taskWorker(worker))
		}
	})
	if jobSeq == 0 {
		return refuse(http.StatusNotFound, "no such task")
	}
	var err error
	if reply.Commands, err = m.store.commands(jobSeq, reply.IndexInJob); err != nil {
		return err
	}
	return q.reply(reply)
}

// setTaskStatus is a person's change; workers use taskUpdate. Queueing a task forgets who failed it.
func (m *Manager) setTaskStatus(q *request, sent api.TaskStatusChange) error {
	return q.ok(m.update(func(x *tx) error {
		ref, ok := x.s.tasks[q.params["task_id"]]
		if !ok {
			return refuse(http.StatusNotFound, "no such task")
		}
		x.task(ref).Activity = sent.Reason
		x.setTaskStatus(ref, sent.Status)
		if sent.Status == api.TaskStatusQueued {
			x.task(ref).FailedBy = nil
		}
		return nil
	}))
}

// jobOf returns the ID of the job that the task in the request belongs to.
func (m *Manager) jobOf(q *request) (jobID, taskID string, err error) {
	taskID = q.params["task_id"]
	m.store.read(func(s *store) {
		if ref, ok := s.tasks[taskID]; ok {
			jobID = ref.entry.ID
		}
	})
	if jobID == "" {
		return "", "", refuse(http.StatusNotFound, "no such task")
	}
	return jobID, taskID, nil
}
