package manager

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/flsync/flsync/flamenco/api"
)

func (w *worker) summary() api.WorkerSummary {
	summary := api.WorkerSummary{
		ID: w.ID, Name: w.Name, Status: w.Status, Version: w.Software, CanRestart: w.CanRestart, LastSeen: w.LastSeen,
	}
	if w.Requested != "" {
		summary.StatusChange = &api.WorkerStatusChangeRequest{Status: w.Requested, IsLazy: w.Lazy}
	}
	return summary
}

func (m *Manager) fetchWorkers(q *request) error {
	return m.view(q, func(s *store) (any, error) {
		reply := api.WorkerList{Workers: []api.WorkerSummary{}}
		for _, w := range s.sortedWorkers() {
			reply.Workers = append(reply.Workers, w.summary())
		}
		return reply, nil
	})
}

// sortedWorkers lists the workers that were not deleted, the oldest first.
func (s *store) sortedWorkers() (list []*worker) {
	for _, w := range s.workers {
		if !w.Deleted {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b *worker) int { return cmp.Compare(a.Seq, b.Seq) })
	return list
}

// findWorker returns the worker that a request names, or the Manager's refusal.
func (s *store) findWorker(id string) (*worker, error) {
	if !validID(id) {
		return nil, refuse(http.StatusBadRequest, "not a valid UUID")
	}
	if w := s.workers[id]; w != nil && !w.Deleted {
		return w, nil
	}
	return nil, refuse(http.StatusNotFound, "worker %q not found", id)
}

func (s *store) workerReply(w *worker) any {
	summary := w.summary()
	reply := api.Worker{
		ID: w.ID, Name: w.Name, Status: w.Status, Version: w.Software, CanRestart: w.CanRestart, LastSeen: w.LastSeen,
		StatusChange: summary.StatusChange, IPAddress: w.Address, Platform: w.Platform, SupportedTaskTypes: w.TaskTypes,
	}
	for _, id := range w.Tags {
		if t := s.tags[id]; t != nil {
			reply.Tags = append(reply.Tags, t.reply())
		}
	}
	if ref, ok := s.lastTask(w); ok {
		t := ref.task().summary(s.taskWorker(w.ID))
		reply.Task = &api.WorkerTask{
			JobID: ref.entry.ID, ID: t.ID, Name: t.Name, IndexInJob: t.IndexInJob, Priority: t.Priority, Status: t.Status,
			TaskType: t.TaskType, Updated: t.Updated, Worker: t.Worker, StepsCompleted: t.StepsCompleted, StepsTotal: t.StepsTotal,
		}
	}
	return reply
}

// lastTask finds the task that w is at, or the one that it was at last.
func (s *store) lastTask(w *worker) (last taskRef, found bool) {
	for _, e := range s.ordered {
		for i := range e.tasks {
			if e.tasks[i].Worker != w.ID {
				continue
			}
			if e.Status == api.JobStatusActive && e.tasks[i].Status == api.TaskStatusActive {
				return taskRef{e, i}, true
			}
			if !found || e.tasks[i].Updated.After(last.task().Updated) {
				last, found = taskRef{e, i}, true
			}
		}
	}
	return last, found
}

// changeWorker makes a change to the worker that the request names and answers 204.
func (m *Manager) changeWorker(q *request, change func(*tx, *worker) error) error {
	return q.ok(m.update(func(x *tx) error {
		w, err := x.s.findWorker(q.params["worker_id"])
		if err != nil {
			return err
		}
		return change(x, x.worker(w))
	}))
}

// deleteWorker keeps the record, because tasks name it, and shows it no more.
func (m *Manager) deleteWorker(q *request) error {
	return m.changeWorker(q, func(x *tx, w *worker) error {
		x.returnTasks(w, nil, api.TaskStatusActive, "worker is being deleted")
		w.Deleted = true
		return nil
	})
}

func (m *Manager) requestWorkerStatus(q *request, sent api.WorkerStatusChangeRequest) error {
	return m.changeWorker(q, func(_ *tx, w *worker) error {
		switch {
		case sent.Status == api.WorkerStatusRestart && !w.CanRestart:
			return refuse(http.StatusPreconditionFailed, "worker %q does not know how to restart", w.ID)
		case sent.Status == w.Status: // it is there already: takes back what was asked for before
			w.clearRequest()
		default:
			w.request(sent.Status, sent.IsLazy)
		}
		return nil
	})
}

// setWorkerTags replaces the tags of a worker; IDs that are no tag are left out.
func (m *Manager) setWorkerTags(q *request, sent api.WorkerTagChangeRequest) error {
	return m.changeWorker(q, func(x *tx, w *worker) error {
		w.Tags = nil
		for _, id := range sent.TagIDs {
			if x.s.tags[id] != nil && !contains(w.Tags, id) {
				w.Tags = append(w.Tags, id)
			}
		}
		return nil
	})
}
