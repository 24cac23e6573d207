package manager

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// Jobs are deleted in two steps: a request marks the job and is answered, then a goroutine removes the
// checkout, the logs, and last the job itself. Marks outlive a restart.

func (m *Manager) deleteJob(q *request) error {
	err := m.changeJob(q, func(x *tx, e *entry) error {
		x.job(e).DeleteRequested = &x.now
		return nil
	})
	m.wakeDeletion()
	return err
}

func showDeletion(_ *store, e *entry) any {
	return api.JobDeletionInfo{ShamanCheckout: e.Checkout != ""}
}

// deleteJobs marks every job that was last updated at the time sent, rounded up to the second, or before.
func (m *Manager) deleteJobs(q *request, sent api.JobMassDeletionSelection) error {
	if sent.LastUpdatedMax == nil {
		return refuse(http.StatusBadRequest, "invalid format (no last_updated_max)")
	}
	limit := sent.LastUpdatedMax.Add(time.Second - 1).Truncate(time.Second)
	err := m.update(func(x *tx) error {
		found := false
		for _, e := range x.s.ordered {
			if !e.Updated.After(limit) {
				x.job(e).DeleteRequested = &x.now
				found = true
			}
		}
		if !found {
			return refuse(http.StatusRequestedRangeNotSatisfiable, "no jobs modified before timestamp")
		}
		return nil
	})
	m.wakeDeletion()
	return q.ok(err)
}

func (m *Manager) wakeDeletion() {
	select {
	case m.deletions <- struct{}{}:
	default: // it will look anyway
	}
}

// deletionRetry is how long a job that could not be deleted waits: a file that is held open goes sooner or
// later.
const deletionRetry = 5 * time.Second

// deleteRequested removes jobs that are marked, at the start and whenever woken.
func (m *Manager) deleteRequested(ctx context.Context) {
	for {
		var retry <-chan time.Time
		for id, checkout := range m.marked() {
			if ctx.Err() != nil {
				return
			}
			if err := m.removeJob(id, checkout); err != nil {
				m.log.Error("job could not be deleted; it is tried again", "job", id, "after", deletionRetry, "error", err)
				retry = time.After(deletionRetry)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-m.deletions:
		case <-retry:
		}
	}
}

// marked returns the checkouts of the jobs that are to be deleted, "" for none, by their IDs.
func (m *Manager) marked() map[string]string {
	marked := make(map[string]string)
	m.store.read(func(s *store) {
		for _, e := range s.ordered {
			if e.DeleteRequested != nil {
				marked[e.ID] = e.Checkout
			}
		}
	})
	return marked
}

func (m *Manager) removeJob(id, checkout string) error {
	if checkout != "" && validCheckoutPath(checkout) {
		if err := m.blobs.eraseCheckout(checkout); err != nil {
			return err
		}
	}
	m.jobFiles.Lock()
	defer m.jobFiles.Unlock()
	dir := jobDir(id)
	if err := m.local.RemoveAll(dir); err != nil {
		return err
	}
	_ = m.local.Remove(filepath.Dir(dir))        // only when no other job is in it
	_, err := m.store.update(func(x *tx) error { // its log lines are of the job that goes
		if e := x.s.entries[id]; e != nil {
			x.removeJob(e)
		}
		return nil
	})
	return err
}

// writeJobFiles runs write, which puts files into a job's folder, and holds the job's deletion up meanwhile.
// For a job that is gone it does nothing.
func (m *Manager) writeJobFiles(id string, write func() error) error {
	m.jobFiles.RLock()
	defer m.jobFiles.RUnlock()
	there := false
	m.store.read(func(s *store) { there = s.entries[id] != nil })
	if !there {
		return nil
	}
	return write()
}
