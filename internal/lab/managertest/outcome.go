package managertest

import (
	"bytes"
	"image"
	_ "image/jpeg" // what the Manager makes of pictures
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/simworker"
)

func failing(cfg *simworker.Config) {
	cfg.Fail = func(api.AssignedTask) string { return "out of memory" }
}

// testFailures: a task goes to other workers until three have failed it; a job fails when nobody is left.
func (s *suite) testFailures(t *testing.T) {
	tag, crew := s.crew(t, 4, failing)
	id := s.start(t, render(s.name("failing")), tag, api.JobSettings{"frames": "1-20", "chunk_size": 1})
	first := s.tasks(t, id)[0].ID
	for i, want := range []api.TaskStatus{api.TaskStatusSoftFailed, api.TaskStatusSoftFailed, api.TaskStatusFailed} {
		works(t, crew[i], 1)
		task := get(s.client.Task(t.Context(), first))(t)
		if task.Status != want || len(task.FailedByWorkers) != i+1 || task.Activity != "out of memory" {
			t.Errorf("after %d failures the task is %s, failed by %d, %s", i+1, task.Status, len(task.FailedByWorkers), task.Activity)
		}
	}
	if got := s.job(t, id); got.Status != api.JobStatusActive { // one of 21 is less than a tenth
		t.Errorf("job is %s (%s)", got.Status, got.Activity)
	}
	s.wantLog(t, first, []string{
		"Task failed by 1 worker, Manager will mark it as soft failure. 2 more failures will cause hard failure.",
		"Task failed by 2 workers, Manager will mark it as soft failure. 1 more failure will cause hard failure.",
		"Task failed by 3 workers, Manager will mark it as hard failure",
	})
	must(t, s.client.SetTaskStatus(t.Context(), first, api.TaskStatusQueued, "again"))
	if task, err := s.client.Task(t.Context(), first); err != nil || len(task.FailedByWorkers) != 0 {
		t.Errorf("after queueing the task has failed by %d workers, %v", len(task.FailedByWorkers), err)
	}

	lonely, alone := s.crew(t, 1, failing)
	small := echo(s.name("nobody left"))
	small.WorkerTag = lonely
	small.Settings["sleep_repeats"] = 1
	id = s.submit(t, small).ID
	works(t, alone[0], 1)
	s.want(t, id, api.JobStatusFailed, "failed canceled")
	if got := s.job(t, id); got.Activity != `Changed to status "failed": too many tasks failed` {
		t.Errorf("activity: %s", got.Activity)
	}
}

// testBlocklist: a worker that fails too often is kept from such tasks, until somebody lets it again.
func (s *suite) testBlocklist(t *testing.T) {
	tag, crew := s.crew(t, 4, failing)
	bad := crew[0]
	id := s.start(t, render(s.name("blocked")), tag, api.JobSettings{"frames": "1-40", "chunk_size": 1})
	list, err := s.client.JobBlocklist(t.Context(), id)
	if err != nil || len(list) > 0 {
		t.Fatalf("blocklist at the beginning: %v, %v", list, err)
	}
	for failures := 0; len(list) == 0; failures++ {
		if failures > 10 {
			t.Fatal("not blocked after 10 failures")
		}
		works(t, bad, 1)
		list = get(s.client.JobBlocklist(t.Context(), id))(t)
	}
	wantDiff(t, []api.JobBlocklistEntry{{WorkerID: bad.ID(), WorkerName: s.fetchWorker(t, bad.ID()).Name, TaskType: "blender"}}, list)
	must(t, s.client.RemoveFromJobBlocklist(t.Context(), id, []api.JobBlocklistEntry{
		{WorkerID: bad.ID(), TaskType: "ffmpeg"}, // not there, and no error
	}))
	must(t, s.client.RemoveFromJobBlocklist(t.Context(), id, list))
	if list, err := s.client.JobBlocklist(t.Context(), id); err != nil || len(list) > 0 {
		t.Errorf("blocklist after removal: %v, %v", list, err)
	}
}

// testPictures: what a worker rendered last, of a job and of all.
func (s *suite) testPictures(t *testing.T) {
	tag, crew := s.crew(t, 1)
	id := s.start(t, render(s.name("pictures")), tag, nil)
	if _, has, err := s.client.JobLastRendered(t.Context(), id); err != nil || has {
		t.Errorf("picture at the beginning: %v, %v", has, err)
	}
	session := crew[0].Session()
	task := schedule(t, session)
	picture := get(simworker.Picture("contract"))(t)
	s.wantStatus(t, session.OutputProduced(t.Context(), task.UUID, "image/webp", picture), http.StatusBadRequest,
		`request body has an error: header Content-Type has unexpected value "image/webp"`)
	s.wantStatus(t, session.OutputProduced(t.Context(), task.UUID, "image/png", nil), http.StatusBadRequest,
		"request body has an error: value is required but missing")
	s.wantStatus(t, session.OutputProduced(t.Context(), "00000000-0000-4000-8000-000000000000", "image/png", picture), http.StatusNotFound, "")
	s.wantStatus(t, session.OutputProduced(t.Context(), task.UUID, "image/png", make([]byte, 25<<20+1)), http.StatusRequestEntityTooLarge,
		"image too large; should be max 26214400 bytes")
	s.sendPicture(t, session, task.UUID, picture)

	var info api.JobLastRenderedImageInfo
	eventually(t, "the picture is there", func() bool {
		var has bool
		var err error
		info, has, err = s.client.JobLastRendered(t.Context(), id)
		must(t, err)
		return has
	})
	wantDiff(t, api.JobLastRenderedImageInfo{
		Base:     "/job-files/job-" + id[:4] + "/" + id,
		Suffixes: []string{"last-rendered.jpg", "last-rendered-small.jpg", "last-rendered-tiny.jpg"},
	}, info)
	for suffix, want := range map[string]image.Point{
		"last-rendered.jpg": {X: 320, Y: 180}, "last-rendered-small.jpg": {X: 320, Y: 180}, "last-rendered-tiny.jpg": {X: 199, Y: 112},
	} {
		file, _, err := s.client.Download(t.Context(), info.Base+"/"+suffix)
		must(t, err)
		data := get(io.ReadAll(file))(t)
		file.Close()
		decoded, format, err := image.Decode(bytes.NewReader(data))
		if err != nil || format != "jpeg" {
			t.Fatalf("%s: %s, %v", suffix, format, err)
		}
		if size := decoded.Bounds().Size(); size != want {
			t.Errorf("%s is %v, want %v", suffix, size, want)
		}
	}
	eventually(t, "the picture is the last of all", func() bool {
		last, has, err := s.client.LastRendered(t.Context())
		must(t, err)
		return has && last.Base == info.Base
	})
}

// sendPicture waits while the Manager has enough pictures to work on.
func (s *suite) sendPicture(t *testing.T, session *flamenco.WorkerSession, task string, picture []byte) {
	t.Helper()
	err := session.OutputProduced(t.Context(), task, "image/png", picture)
	for flamenco.HasStatus(err, http.StatusTooManyRequests) {
		time.Sleep(50 * time.Millisecond)
		err = session.OutputProduced(t.Context(), task, "image/png", picture)
	}
	must(t, err)
}
