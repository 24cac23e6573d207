package managertest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/simworker"
)

// tag makes a worker tag and deletes it after the test.
func (s *suite) tag(t *testing.T) api.WorkerTag {
	t.Helper()
	tag := get(s.client.CreateTag(t.Context(), api.WorkerTag{Name: s.name("tag")}))(t)
	afterwards(t, func(ctx context.Context) error { return s.client.DeleteTag(ctx, tag.ID) }, http.StatusNotFound)
	return tag
}

func (s *suite) testTags(t *testing.T) {
	created := s.tag(t)
	description := "for the contract"
	changed := api.WorkerTag{ID: created.ID, Name: s.name("renamed"), Description: &description}
	must(t, s.client.UpdateTag(t.Context(), changed))
	got := get(s.client.Tag(t.Context(), created.ID))(t)
	wantDiff(t, changed, got)

	// A description that is not sent stays.
	changed.Name = s.name("again")
	must(t, s.client.UpdateTag(t.Context(), api.WorkerTag{ID: created.ID, Name: changed.Name}))
	list := get(s.client.Tags(t.Context()))(t)
	wantDiff(t, []api.WorkerTag{changed}, slices.DeleteFunc(list, func(tag api.WorkerTag) bool { return tag.ID != created.ID }))
	s.wantStatus(t, failure(s.client.CreateTag(t.Context(), api.WorkerTag{Name: changed.Name})), http.StatusInternalServerError, "error creating worker tag")

	must(t, s.client.DeleteTag(t.Context(), created.ID))
	s.wantStatus(t, failure(s.client.Tag(t.Context(), created.ID)), http.StatusNotFound, fmt.Sprintf("worker tag %q not found", created.ID))
	s.wantStatus(t, s.client.DeleteTag(t.Context(), created.ID), http.StatusNotFound, "not found")
}

// worker starts a simulated worker and removes it after the test.
func (s *suite) worker(t *testing.T, change ...func(*simworker.Config)) *simworker.Worker {
	t.Helper()
	cfg := simworker.Config{Client: s.client, Name: s.name("worker")}
	for _, f := range change {
		f(&cfg)
	}
	w := get(simworker.Start(t.Context(), cfg))(t)
	afterwards(t, w.Stop, http.StatusForbidden)
	return w
}

func (s *suite) fetchWorker(t *testing.T, id string) api.Worker {
	t.Helper()
	return get(s.client.Worker(t.Context(), id))(t)
}

func (s *suite) testRegistration(t *testing.T) {
	name := s.name("worker")
	registered := get(s.client.RegisterWorker(t.Context(), api.WorkerRegistration{
		Name: name, Platform: "linux", Secret: "secret", SupportedTaskTypes: []string{"misc", "blender"},
	}))(t)
	if registered.Name != name || registered.Platform != "linux" || registered.Address == "" || registered.Status != "" {
		t.Errorf("registered: %+v", registered)
	}
	id := registered.UUID
	afterwards(t, func(ctx context.Context) error { return s.client.DeleteWorker(ctx, id) }, http.StatusNotFound)
	for _, wrong := range []*flamenco.WorkerSession{s.client.AsWorker(id, "wrong"), s.client.AsWorker("nobody", "secret")} {
		_, _, err := wrong.State(t.Context())
		s.wantStatus(t, err, http.StatusForbidden, "security requirements failed: authorization failed: no such worker known")
	}

	session := s.client.AsWorker(id, "secret")
	_, _, err := session.ScheduleTask(t.Context())
	s.wantStatus(t, err, http.StatusConflict, `worker is in state "", requires state "awake" to execute tasks`)
	wanted, err := session.SignOn(t.Context(), api.WorkerSignOn{
		Name: name + "b", SoftwareVersion: "1.2", SupportedTaskTypes: []string{" Misc ", "ffmpeg"},
	})
	if err != nil || wanted != api.WorkerStatusAwake {
		t.Errorf("signing on: %v, %v", wanted, err)
	}
	if _, asked, err := session.State(t.Context()); err != nil || asked {
		t.Errorf("a status is asked for: %v, %v", asked, err)
	}
	got := s.fetchWorker(t, id)
	if got.LastSeen == nil {
		t.Error("never seen")
	}
	wantDiff(t, api.Worker{
		ID: id, Name: name + "b", Status: api.WorkerStatusStarting, Version: "1.2", Platform: "linux", IPAddress: registered.Address,
		SupportedTaskTypes: []string{"misc", "ffmpeg"},
	}, got, cmpopts.IgnoreFields(api.Worker{}, "LastSeen"))

	list := get(s.client.Workers(t.Context()))(t)
	if list = slices.DeleteFunc(list, func(w api.WorkerSummary) bool { return w.ID != id }); len(list) != 1 {
		t.Errorf("worker is in the list %d times", len(list))
	}
	must(t, s.client.DeleteWorker(t.Context(), id))
	s.wantStatus(t, failure(s.client.Worker(t.Context(), id)), http.StatusNotFound, fmt.Sprintf("worker %q not found", id))
	_, _, err = session.State(t.Context())
	s.wantStatus(t, err, http.StatusForbidden, "no such worker known")
}

// testWorkerStatus: what is asked of a worker, how it hears of it, and what is remembered.
func (s *suite) testWorkerStatus(t *testing.T) {
	w := s.worker(t)
	session, ctx := w.Session(), t.Context()
	want := func(status api.WorkerStatus, change *api.WorkerStatusChangeRequest) {
		t.Helper()
		got := s.fetchWorker(t, w.ID())
		if got.Status != status {
			t.Errorf("status is %s, want %s", got.Status, status)
		}
		wantDiff(t, change, got.StatusChange)
	}
	want(api.WorkerStatusAwake, nil)
	s.wantStatus(t, s.client.RequestWorkerStatus(ctx, w.ID(), api.WorkerStatusRestart, false),
		http.StatusPreconditionFailed, fmt.Sprintf("worker %q does not know how to restart", w.ID()))

	must(t, s.client.RequestWorkerStatus(ctx, w.ID(), api.WorkerStatusAsleep, true))
	want(api.WorkerStatusAwake, &api.WorkerStatusChangeRequest{Status: api.WorkerStatusAsleep, IsLazy: true})
	if status, asked, err := session.State(ctx); err != nil || !asked || status != api.WorkerStatusAsleep {
		t.Errorf("asked to be %v: %v, %v", status, asked, err)
	}
	_, _, err := session.ScheduleTask(ctx)
	if locked, ok := err.(*flamenco.StatusRequestedError); !ok || locked.Status != api.WorkerStatusAsleep {
		t.Errorf("asking for a task: %v", err)
	}
	// Its own status takes the request back.
	must(t, s.client.RequestWorkerStatus(ctx, w.ID(), api.WorkerStatusAwake, false))
	want(api.WorkerStatusAwake, nil)

	// Another status than the one asked for leaves the request standing.
	must(t, s.client.RequestWorkerStatus(ctx, w.ID(), api.WorkerStatusAsleep, false))
	must(t, session.StateChanged(ctx, api.WorkerStatusTesting))
	want(api.WorkerStatusTesting, &api.WorkerStatusChangeRequest{Status: api.WorkerStatusAsleep})
	must(t, session.StateChanged(ctx, api.WorkerStatusAsleep))
	want(api.WorkerStatusAsleep, nil)
	_, _, err = session.ScheduleTask(ctx)
	s.wantStatus(t, err, http.StatusConflict, `worker is in state "asleep", requires state "awake"`)

	// Signing off remembers what it was.
	must(t, session.SignOff(ctx))
	want(api.WorkerStatusOffline, &api.WorkerStatusChangeRequest{Status: api.WorkerStatusAsleep})
	must(t, w.SignOn(ctx))
	want(api.WorkerStatusAsleep, nil)
	must(t, s.client.RequestWorkerStatus(ctx, w.ID(), api.WorkerStatusOffline, false))
	if changed, err := w.Work(ctx); err != nil || !changed {
		t.Errorf("going offline: %v, %v", changed, err)
	}
	want(api.WorkerStatusOffline, &api.WorkerStatusChangeRequest{Status: api.WorkerStatusAsleep})
}

func (s *suite) testSleepSchedule(t *testing.T) {
	w := s.worker(t)
	if _, has, err := s.client.SleepSchedule(t.Context(), w.ID()); err != nil || has {
		t.Errorf("schedule at the beginning: %v, %v", has, err)
	}
	for _, test := range []struct{ sent, want api.WorkerSleepSchedule }{
		{api.WorkerSleepSchedule{}, api.WorkerSleepSchedule{}},
		{
			api.WorkerSleepSchedule{StartTime: "09:00", EndTime: "18:00", DaysOfWeek: "mo tu"},
			api.WorkerSleepSchedule{StartTime: "09:00", EndTime: "18:00", DaysOfWeek: "mo tu"},
		}, {
			api.WorkerSleepSchedule{StartTime: "18:00", EndTime: "9:00", DaysOfWeek: " Monday  FRIDAY "},
			api.WorkerSleepSchedule{StartTime: "09:00", EndTime: "18:00", DaysOfWeek: "mo fr"},
		},
	} {
		must(t, s.client.SetSleepSchedule(t.Context(), w.ID(), test.sent))
		got, has, err := s.client.SleepSchedule(t.Context(), w.ID())
		if err != nil || !has {
			t.Fatalf("schedule: %v, %v", has, err)
		}
		wantDiff(t, test.want, got)
	}
	s.wantStatus(t, s.client.SetSleepSchedule(t.Context(), w.ID(), api.WorkerSleepSchedule{DaysOfWeek: "m"}),
		http.StatusInternalServerError, "Internal Server Error")

	// One that is active now sends the worker to sleep.
	must(t, s.client.SetSleepSchedule(t.Context(), w.ID(), api.WorkerSleepSchedule{IsActive: true}))
	wantDiff(t, &api.WorkerStatusChangeRequest{Status: api.WorkerStatusAsleep}, s.fetchWorker(t, w.ID()).StatusChange)
	if changed, err := w.Work(t.Context()); err != nil || !changed || w.Status() != api.WorkerStatusAsleep {
		t.Errorf("worker is %s: %v, %v", w.Status(), changed, err)
	}
	must(t, s.client.SetSleepSchedule(t.Context(), w.ID(), api.WorkerSleepSchedule{IsActive: false}))
	if changed, err := w.Work(t.Context()); err != nil || !changed || w.Status() != api.WorkerStatusAwake {
		t.Errorf("worker is %s: %v, %v", w.Status(), changed, err)
	}
}

func (s *suite) testWorkerTags(t *testing.T) {
	w, first, second := s.worker(t), s.tag(t), s.tag(t)
	tags := func() (names []string) {
		for _, tag := range s.fetchWorker(t, w.ID()).Tags {
			names = append(names, tag.Name)
		}
		return names
	}
	must(t, s.client.SetWorkerTags(t.Context(), w.ID(), first.ID, second.ID, "00000000-0000-4000-8000-000000000000"))
	wantDiff(t, []string{first.Name, second.Name}, tags())
	must(t, s.client.DeleteTag(t.Context(), first.ID))
	wantDiff(t, []string{second.Name}, tags())
	must(t, s.client.SetWorkerTags(t.Context(), w.ID()))
	wantDiff(t, []string(nil), tags())
}
