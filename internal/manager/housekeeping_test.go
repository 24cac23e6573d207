package manager

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

func openTest(t *testing.T) *Manager {
	t.Helper()
	m, err := New(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestSweep: old files go, unless a checkout links to them or somebody asked for them.
func TestSweep(t *testing.T) {
	b := openTest(t).blobs
	limit := time.Now().Add(-time.Hour)
	old := limit.Add(-48 * time.Hour)
	put := func(digit string, modified time.Time) blobKey {
		sha := ""
		for len(sha) < 64 {
			sha += digit
		}
		k := blobKey{sha, 1}
		must(t, os.MkdirAll(filepath.Dir(b.path(k)), 0o755))
		must(t, os.WriteFile(b.path(k), []byte("x"), 0o644))
		must(t, os.Chtimes(b.path(k), modified, modified))
		return k
	}
	unused, linked, asked, recent := put("a", old), put("b", old), put("c", old), put("d", time.Now())
	_, err := b.checkout(api.ShamanCheckout{CheckoutPath: "shot", Files: []api.ShamanFileSpec{{Sha: linked.sha, Size: 1, Path: "dir/f"}}})
	must(t, err)
	must(t, os.Chtimes(b.path(linked), old, old)) // making the checkout has renewed it
	b.status(asked)
	foreign := filepath.Join(b.dir, storedDir, "README")
	must(t, os.WriteFile(foreign, nil, 0o644))
	must(t, os.Chtimes(foreign, old, old))

	deleted, err := b.sweep(t.Context(), limit)
	if err != nil || deleted != 1 {
		t.Errorf("%d files deleted, %v", deleted, err)
	}
	for k, want := range map[blobKey]bool{unused: false, linked: true, asked: true, recent: true} {
		if got := b.stored(k); got != want {
			t.Errorf("%c… is stored: %v, want %v", k.sha[0], got, want)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is no blob is gone: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDamagedBlob: a stored file that a power cut left too short is not taken for the real one.
func TestDamagedBlob(t *testing.T) {
	b := openTest(t).blobs
	k := blobKey{"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 10}
	must(t, os.MkdirAll(filepath.Dir(b.path(k)), 0o755))
	must(t, os.WriteFile(b.path(k), nil, 0o644))
	if b.stored(k) {
		t.Error("an empty file counts as ten bytes")
	}
}

func TestSleepSchedule(t *testing.T) {
	monday := func(clock string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-23 "+clock, time.Local)
		must(t, err)
		return at
	}
	for _, test := range []struct {
		schedule *sleepSchedule
		at       string
		asleep   bool
	}{
		{nil, "12:00", false},
		{&sleepSchedule{Active: true}, "12:00", true},
		{&sleepSchedule{Active: false}, "12:00", false},
		{&sleepSchedule{Active: true, Start: "09:00", End: "18:00"}, "08:59", false},
		{&sleepSchedule{Active: true, Start: "09:00", End: "18:00"}, "09:00", true},
		{&sleepSchedule{Active: true, Start: "09:00", End: "18:00"}, "17:59", true},
		{&sleepSchedule{Active: true, Start: "09:00", End: "18:00"}, "18:00", false},
		{&sleepSchedule{Active: true, Start: "09:00"}, "23:00", true},
		{&sleepSchedule{Active: true, End: "09:00"}, "08:00", true},
		{&sleepSchedule{Active: true, Days: "tu we"}, "12:00", false},
		{&sleepSchedule{Active: true, Days: "su mo"}, "12:00", true},
	} {
		want := api.WorkerStatusAwake
		if test.asleep {
			want = api.WorkerStatusAsleep
		}
		if got := test.schedule.wanted(monday(test.at)); got != want {
			t.Errorf("%+v at %s: %s", test.schedule, test.at, got)
		}
	}
}

// TestSchedulesAreAppliedWhenTheirTimeComes, and not again while it lasts, so that people can overrule them.
func TestSchedulesAreAppliedWhenTheirTimeComes(t *testing.T) {
	m := openTest(t)
	now := time.Now()
	start := now.Local().Format("15:04")
	w := &worker{ID: "w", Status: api.WorkerStatusAwake, Sleep: &sleepSchedule{Active: true, Start: start}}
	must(t, m.update(func(x *tx) error { x.addWorker(w); return nil }))
	must(t, m.applySchedules(now, now))
	if w.Requested != "" {
		t.Errorf("asked to be %s while nothing changed", w.Requested)
	}
	must(t, m.applySchedules(now.Add(-time.Minute), now))
	if w.Requested != api.WorkerStatusAsleep && start != "00:00" {
		t.Errorf("asked to be %q when the time came", w.Requested)
	}
}

func TestTimeouts(t *testing.T) {
	m := openTest(t)
	long, lately := time.Now().Add(-time.Hour), time.Now()
	silent := &worker{ID: "silent", Name: "silent", Status: api.WorkerStatusAwake, LastSeen: &long}
	busy := &worker{ID: "busy", Name: "busy", Status: api.WorkerStatusAwake, LastSeen: &lately}
	e := &entry{job: job{ID: "job-1", Status: api.JobStatusActive}, tasks: make([]task, 20)}
	for i := range e.tasks {
		e.tasks[i] = task{ID: string(rune('a' + i)), Index: i + 1, Status: api.TaskStatusQueued}
	}
	e.tasks[0].Status, e.tasks[0].Worker, e.tasks[0].Touched = api.TaskStatusActive, "busy", &long
	e.tasks[1].Status, e.tasks[1].Worker, e.tasks[1].Touched = api.TaskStatusActive, "silent", &lately
	e.tasks[2].Status, e.tasks[2].Worker, e.tasks[2].Touched = api.TaskStatusActive, "busy", &lately
	must(t, m.update(func(x *tx) error {
		x.addWorker(silent)
		x.addWorker(busy)
		x.addJob(e, make([]json.RawMessage, len(e.tasks)))
		return nil
	}))
	must(t, m.applyTimeouts(time.Now()))
	if silent.Status != api.WorkerStatusError || busy.Status != api.WorkerStatusAwake {
		t.Errorf("workers are %s and %s", silent.Status, busy.Status)
	}
	for i, want := range []api.TaskStatus{api.TaskStatusFailed, api.TaskStatusQueued, api.TaskStatusActive} {
		if e.tasks[i].Status != want {
			t.Errorf("task %d is %s, want %s", i, e.tasks[i].Status, want)
		}
	}
}
