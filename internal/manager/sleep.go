package manager

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// sleepSchedule sends a worker to sleep from Start to End, local time, on the days named; on all when none
// is.
type sleepSchedule struct {
	Active bool   `json:"active"`
	Days   string `json:"days"` // two letters each, separated by spaces
	Start  string `json:"start"`
	End    string `json:"end"`
}

// clock reads "HH:MM"; empty is no time.
func clock(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	var hour, minute int
	if _, err := fmt.Sscanf(text, "%02d:%02d", &hour, &minute); err != nil {
		return "", err
	}
	return fmt.Sprintf("%02d:%02d", hour, minute), nil
}

// wanted is the status that the schedule asks for at a time.
func (s *sleepSchedule) wanted(now time.Time) api.WorkerStatus {
	if s == nil || !s.Active {
		return api.WorkerStatusAwake
	}
	now = now.Local()
	day := strings.ToLower(now.Weekday().String()[:2])
	time := now.Format("15:04")
	if s.Days != "" && !strings.Contains(s.Days, day) || s.Start != "" && time < s.Start || s.End != "" && time >= s.End {
		return api.WorkerStatusAwake
	}
	return api.WorkerStatusAsleep
}

func (m *Manager) fetchSleepSchedule(q *request) error {
	id := q.params["worker_id"]
	var schedule *sleepSchedule
	m.store.read(func(s *store) {
		if w := s.workers[id]; w != nil {
			schedule = w.Sleep
		}
	})
	if schedule == nil {
		return q.empty(http.StatusNoContent)
	}
	return q.reply(api.WorkerSleepSchedule{
		IsActive: schedule.Active, DaysOfWeek: schedule.Days, StartTime: schedule.Start, EndTime: schedule.End,
	})
}

func (m *Manager) setSleepSchedule(q *request, sent api.WorkerSleepSchedule) error {
	id, err := q.id("worker_id", "not a valid UUID")
	if err != nil {
		return err
	}
	schedule := &sleepSchedule{Active: sent.IsActive}
	if schedule.Start, err = clock(sent.StartTime); err != nil {
		return refuse(http.StatusBadRequest, "invalid format for schedule start time")
	}
	if schedule.End, err = clock(sent.EndTime); err != nil {
		return refuse(http.StatusBadRequest, "invalid format for schedule end time")
	}
	if schedule.Start != "" && schedule.End != "" && schedule.End < schedule.Start {
		schedule.Start, schedule.End = schedule.End, schedule.Start
	}
	var days []string
	for _, day := range strings.Fields(strings.ToLower(sent.DaysOfWeek)) {
		if len(day) < 2 {
			return errCrash
		}
		days = append(days, day[:2])
	}
	schedule.Days = strings.Join(days, " ")
	return q.ok(m.update(func(x *tx) error {
		w := x.s.workers[id]
		if w == nil || w.Deleted {
			return refuse(http.StatusNotFound, "worker %q does not exist", id)
		}
		x.worker(w).Sleep = schedule
		x.applySchedule(w)
		return nil
	}))
}

// applySchedule asks a worker for the status that its schedule wants, at once and not lazily.
func (x *tx) applySchedule(w *worker) {
	if w.Status == api.WorkerStatusError {
		return
	}
	wanted := w.Sleep.wanted(x.now)
	if w.Requested == wanted && !w.Lazy || w.Status == wanted && w.Requested == "" {
		return
	}
	x.worker(w).request(wanted, false)
}
