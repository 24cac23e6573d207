package manager

import (
	"context"
	"fmt"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

const (
	housekeepingEvery = time.Minute
	timeoutGrace      = 5 * time.Minute  // after the start, for workers to come back
	sweepAfter        = 30 * time.Second // before old blobs are looked for the first time
	sweepEvery        = 24 * time.Hour
	syncEvery         = time.Second // without Config.Durable: what a power cut may cost
)

// housekeeping does what the time asks for: timeouts, sleep schedules, old blobs.
func (m *Manager) housekeeping(ctx context.Context) {
	m.logError("jobs left in between could not be finished", m.update(func(x *tx) error {
		x.unstick()
		return nil
	}))
	started, last := time.Now(), time.Now()
	minute, sync := time.NewTicker(housekeepingEvery), time.NewTicker(syncEvery)
	defer minute.Stop()
	defer sync.Stop()
	sweep := time.NewTimer(sweepAfter)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sync.C:
			m.logError("database could not be synced", m.store.syncIfDirty())
		case <-sweep.C:
			if m.cfg.BlobMaxAge > 0 {
				deleted, err := m.blobs.sweep(ctx, time.Now().Add(-m.cfg.BlobMaxAge))
				m.logError("old files could not be deleted", err)
				m.log.Info("old files deleted from the store", "files", deleted)
			}
			sweep.Reset(sweepEvery)
		case now := <-minute.C:
			m.logError("sleep schedules could not be applied", m.applySchedules(last, now))
			if last = now; now.Sub(started) > timeoutGrace {
				m.logError("timeouts could not be applied", m.applyTimeouts(now))
			}
		}
	}
}

func (m *Manager) logError(what string, err error) {
	if err != nil {
		m.log.Error(what, "error", err)
	}
}

// applySchedules wakes workers and sends them to sleep when the time for it came between last and now.
func (m *Manager) applySchedules(last, now time.Time) error {
	return m.update(func(x *tx) error {
		for _, w := range x.s.sortedWorkers() {
			if w.Sleep != nil && w.Sleep.Active && w.Sleep.wanted(last) != w.Sleep.wanted(now) {
				x.applySchedule(w)
			}
		}
		return nil
	})
}

// applyTimeouts fails tasks and workers that nothing was heard of for too long.
func (m *Manager) applyTimeouts(now time.Time) error {
	conf := m.conf.get()
	tasksSince := now.Add(-conf.TaskTimeout.or(10 * time.Minute))
	workersSince := now.Add(-conf.WorkerTimeout.or(time.Minute))
	return m.update(func(x *tx) error {
		for _, e := range x.s.ordered {
			for i := range e.tasks {
				t := &e.tasks[i]
				if t.Status == api.TaskStatusActive && t.Touched != nil && t.Touched.Before(tasksSince) {
					x.timeoutTask(taskRef{e, i})
				}
			}
		}
		for _, w := range x.s.sortedWorkers() {
			if w.Status == api.WorkerStatusAwake && w.LastSeen != nil && w.LastSeen.Before(workersSince) {
				w := x.worker(w)
				w.Status = api.WorkerStatusError
				w.clearRequest()
				x.returnTasks(w, nil, api.TaskStatusActive, "worker timed out")
			}
		}
		return nil
	})
}

func (x *tx) timeoutTask(ref taskRef) {
	t := x.task(ref)
	who := "-unassigned-"
	if w := x.s.workers[t.Worker]; w != nil {
		who = w.identifier()
	}
	since := t.Touched.Format(time.RFC3339)
	t.Activity = "Task timed out on worker " + who
	x.setTaskStatus(ref, api.TaskStatusFailed)
	x.log(ref.entry, t, fmt.Sprintf("Task timed out. It was assigned to worker %s, but untouched since %s", who, since))
}
