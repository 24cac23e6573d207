package manager

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flsync/flsync/flamenco/api"
)

// workerHandler answers an operation that only workers may use. The worker is shared: read it within update
// or read.
type workerHandler func(*request, *worker) error

// asWorker lets in who names a worker and its secret, with basic authentication.
func (m *Manager) asWorker(handle workerHandler) handler {
	return func(q *request) error {
		id, secret, given := q.r.BasicAuth()
		if !given {
			return forbidden("no auth header found")
		}
		var known *worker
		var salt, hash []byte
		m.store.read(func(s *store) {
			if w := s.workers[id]; w != nil && !w.Deleted {
				known, salt, hash = w, w.Salt, w.Secret
			}
		})
		if subtle.ConstantTimeCompare(hash, hashSecret(salt, secret)) != 1 {
			return forbidden("no such worker known")
		}
		return handle(q, known)
	}
}

func forbidden(reason string) error {
	return refuseBare(http.StatusForbidden, "security requirements failed: authorization failed: %s", reason)
}

func hashSecret(salt []byte, secret string) []byte {
	sum := sha256.Sum256(append(slices.Clone(salt), secret...))
	return sum[:]
}

func (q *request) address() string {
	host, _, err := net.SplitHostPort(q.r.RemoteAddr)
	if err != nil {
		return q.r.RemoteAddr
	}
	return host
}

func (m *Manager) registerWorker(q *request, sent api.WorkerRegistration) error {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	w := &worker{
		ID: uuid.NewString(), Name: sent.Name, Platform: sent.Platform, Address: q.address(),
		TaskTypes: sent.SupportedTaskTypes, Salt: salt, Secret: hashSecret(salt, sent.Secret),
	}
	return m.change(q, func(x *tx) (any, error) {
		x.addWorker(w)
		return api.RegisteredWorker{
			UUID: w.ID, Name: w.Name, Address: w.Address, Platform: w.Platform, SupportedTaskTypes: w.TaskTypes,
		}, nil
	})
}

// updateWorker makes a change to the worker that calls, and notes that it was seen.
func (m *Manager) updateWorker(w *worker, change func(*tx, *worker) error) error {
	return m.update(func(x *tx) error {
		w := x.worker(w)
		if w.Deleted {
			return forbidden("no such worker known")
		}
		w.LastSeen = &x.now
		return change(x, w)
	})
}

// signOn answers with the status that the worker is to go to.
func (m *Manager) signOn(q *request, w *worker) error {
	var sent api.WorkerSignOn
	if err := q.decode(&sent); err != nil {
		return err
	}
	var reply api.WorkerStateChange
	err := m.updateWorker(w, func(x *tx, w *worker) error {
		w.Status, w.Name, w.Software, w.CanRestart = api.WorkerStatusStarting, sent.Name, sent.SoftwareVersion, sent.CanRestart
		w.Address = q.address()
		w.TaskTypes = nil
		for _, taskType := range sent.SupportedTaskTypes {
			w.TaskTypes = append(w.TaskTypes, strings.ToLower(strings.TrimSpace(taskType)))
		}
		if reply.StatusRequested = w.Requested; w.Requested == "" {
			reply.StatusRequested = w.Sleep.wanted(x.now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return q.reply(reply)
}

// signOff remembers whether the worker was awake or asleep, so that it comes back so.
func (m *Manager) signOff(q *request, w *worker) error {
	return q.ok(m.updateWorker(w, func(x *tx, w *worker) error {
		before := w.Status
		w.Status = api.WorkerStatusOffline
		switch w.Requested {
		case api.WorkerStatusOffline, api.WorkerStatusRestart:
			w.clearRequest()
		}
		if w.Requested == "" && (before == api.WorkerStatusAwake || before == api.WorkerStatusAsleep) {
			w.request(before, false)
		}
		x.returnTasks(w, nil, api.TaskStatusActive, "worker signed off")
		return nil
	}))
}

func (m *Manager) workerState(q *request, w *worker) error {
	var requested api.WorkerStatus
	err := m.updateWorker(w, func(_ *tx, w *worker) error {
		requested = w.Requested
		return nil
	})
	switch {
	case err != nil:
		return err
	case requested == "":
		return q.empty(http.StatusNoContent)
	}
	return q.reply(api.WorkerStateChange{StatusRequested: requested})
}

// workerStateChanged takes the worker's word for its status, whether it was asked for or not.
func (m *Manager) workerStateChanged(q *request, w *worker) error {
	var sent api.WorkerStateChanged
	if err := q.decode(&sent); err != nil {
		return err
	}
	return q.ok(m.updateWorker(w, func(x *tx, w *worker) error {
		before := w.Status
		w.Status = sent.Status
		if w.Requested == "" || w.Requested == sent.Status {
			w.clearRequest()
		}
		if before == api.WorkerStatusAwake && sent.Status != api.WorkerStatusAwake {
			x.returnTasks(w, nil, api.TaskStatusActive,
				fmt.Sprintf("worker %s changed status to '%s'", w.identifier(), sent.Status))
		}
		return nil
	}))
}
