package manager

import (
	"net/http"
	"slices"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
)

// changeJob makes a change to the job that the request names and answers 204.
func (m *Manager) changeJob(q *request, change func(*tx, *entry) error) error {
	return q.ok(m.update(func(x *tx) error {
		e, err := x.s.find(q.params["job_id"])
		if err != nil {
			return err
		}
		return change(x, e)
	}))
}

// setJobStatus takes any status that the API knows, whatever the job's own is; so does the real Manager.
func (m *Manager) setJobStatus(q *request, sent api.JobStatusChange) error {
	return m.changeJob(q, func(x *tx, e *entry) error {
		x.setJobStatus(e, sent.Status, sent.Reason)
		if sent.Status == api.JobStatusRequeueing { // somebody wants to try again: forget who failed
			x.job(e).Blocked = nil
			for i := range e.tasks {
				if e.tasks[i].FailedBy != nil {
					x.task(taskRef{e, i}).FailedBy = nil
				}
			}
		}
		return nil
	})
}

func (m *Manager) setJobPriority(q *request, sent api.JobPriorityChange) error {
	return m.changeJob(q, func(x *tx, e *entry) error {
		x.job(e).Priority = sent.Priority
		return nil
	})
}

// setJobTag sets the worker tag by ID or name; neither removes it.
func (m *Manager) setJobTag(q *request) error {
	var sent struct {
		ID   *string `json:"id"`
		Name *string `json:"name"`
	}
	if err := q.decode(&sent); err != nil {
		return err
	}
	return m.changeJob(q, func(x *tx, e *entry) error {
		id := ""
		if sent.ID != nil || sent.Name != nil {
			for _, t := range x.s.tags {
				if sent.ID != nil && t.ID == *sent.ID || sent.ID == nil && t.Name == *sent.Name {
					id = t.ID
				}
			}
			if id == "" {
				return refuse(http.StatusNotAcceptable, "tag not found")
			}
		}
		x.job(e).Tag = id
		return nil
	})
}

func (m *Manager) fetchBlocklist(q *request) error {
	id := q.params["job_id"]
	reply := api.JobBlocklist{}
	m.store.read(func(s *store) {
		e := s.entries[id]
		if e == nil {
			return
		}
		for _, b := range e.Blocked {
			entry := api.JobBlocklistEntry{WorkerID: b.Worker, TaskType: b.TaskType}
			if w := s.workers[b.Worker]; w != nil {
				entry.WorkerName = w.Name
			}
			reply = append(reply, entry)
		}
	})
	slices.SortStableFunc(reply, func(a, b api.JobBlocklistEntry) int { return strings.Compare(a.WorkerName, b.WorkerName) })
	return q.reply(reply)
}

// removeBlocklist removes pairs of worker and task type; pairs that are not there are no error.
func (m *Manager) removeBlocklist(q *request, sent api.JobBlocklist) error {
	id, err := q.id("job_id", "job ID should be a UUID")
	if err != nil {
		return err
	}
	if len(sent) == 0 {
		return refuse(http.StatusBadRequest, "empty list of blocklist entries given")
	}
	return q.ok(m.update(func(x *tx) error {
		e := x.s.entries[id]
		if e == nil {
			return nil
		}
		kept := slices.DeleteFunc(slices.Clone(e.Blocked), func(b block) bool {
			return slices.ContainsFunc(sent, func(r api.JobBlocklistEntry) bool {
				return r.WorkerID == b.Worker && r.TaskType == b.TaskType
			})
		})
		if len(kept) < len(e.Blocked) {
			updated := e.Updated // the blocklist is no part of the job
			j := x.job(e)
			j.Blocked, j.Updated = kept, updated
		}
		return nil
	}))
}
