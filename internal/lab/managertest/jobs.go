package managertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

func (s *suite) testSubmit(t *testing.T) {
	types := get(s.client.JobTypes(t.Context()))(t)
	job := echo(s.name("żółć"))
	for _, jobType := range types {
		if jobType.Name == job.Type {
			job.TypeEtag = jobType.Etag
		}
	}
	job.InitialStatus = api.JobStatusPaused
	job.Metadata = api.JobMetadata{"flsync.key": "abc", "user.name": "Żółw"}
	job.Settings["sleep_repeats"], job.Settings["unknown"] = 2, "kept"
	job.Storage = &api.JobStorageInfo{ShamanCheckoutID: s.name("nothing")}
	must(t, s.client.CheckJob(t.Context(), job))
	before := time.Now()
	stored := s.submit(t, job)

	const tolerated = 5 * time.Minute // between the clocks
	if stored.Created.Sub(before).Abs() > tolerated || stored.Updated.Sub(before).Abs() > tolerated {
		t.Errorf("created %v, updated %v, now %v", stored.Created, stored.Updated, before)
	}
	want := api.Job{
		ID: stored.ID, Name: job.Name, Type: job.Type, Priority: priority, Status: api.JobStatusPaused,
		Metadata: job.Metadata, Storage: job.Storage,
		Settings: api.JobSettings{"message": "hello", "sleep_repeats": 2.0, "unknown": "kept"},
	}
	if s.lacks("SubmittedJob.initial_status") {
		want.Status = api.JobStatusQueued
	}
	ignoreTimes := cmpopts.IgnoreFields(api.Job{}, "Created", "Updated")
	wantDiff(t, want, stored, ignoreTimes)
	wantDiff(t, want, s.job(t, stored.ID), ignoreTimes)

	must(t, s.client.SetJobStatus(t.Context(), stored.ID, api.JobStatusQueued, "go"))
	if got := s.job(t, stored.ID); got.Status != api.JobStatusQueued || want.Status != got.Status && got.Activity != `Changed to status "queued": go` {
		t.Errorf("after release: %s, %s", got.Status, got.Activity)
	}
}

// testJobList: a job is in the list once, with its metadata. Before 3.6 the list is the answer to a query.
func (s *suite) testJobList(t *testing.T) {
	job := echo(s.name("listed"))
	job.Metadata = api.JobMetadata{"flsync.key": "abc"}
	stored := s.submit(t, job)
	method, path, body := http.MethodGet, "/api/v3/jobs", ""
	if s.lacks("fetchJobs") {
		method, path, body = http.MethodPost, path+"/query", `{"order_by":["created_at"]}`
	}
	status, reply := s.raw(t, method, path, "application/json", body)
	var list struct{ Jobs []api.Job }
	if err := json.Unmarshal([]byte(reply), &list); status != 200 || err != nil {
		t.Fatalf("%d %v", status, err)
	}
	list.Jobs = slices.DeleteFunc(list.Jobs, func(other api.Job) bool { return other.ID != stored.ID })
	wantDiff(t, []api.Job{stored}, list.Jobs)
}

func (s *suite) testSubmitRefused(t *testing.T) {
	stale := echo(s.name("stale"))
	stale.TypeEtag = "0000"
	s.wantStatus(t, failure(s.client.SubmitJob(t.Context(), stale)), http.StatusPreconditionFailed, "settings are outdated")
	s.wantStatus(t, s.client.CheckJob(t.Context(), stale), http.StatusPreconditionFailed, "settings are outdated")

	tagged := echo(s.name("tagged"))
	tagged.WorkerTag = "00000000-0000-4000-8000-000000000000"
	must(t, s.client.CheckJob(t.Context(), tagged)) // does not look
	s.wantStatus(t, failure(s.client.SubmitJob(t.Context(), tagged)), http.StatusInternalServerError, "error persisting job in database")

	unchecked := echo(s.name("without a required setting"))
	unchecked.Settings = nil
	unchecked.InitialStatus = api.JobStatusPaused
	s.submit(t, unchecked)
}

// render is a job of the kind that matters.
func render(name string) api.SubmittedJob {
	return api.SubmittedJob{
		Name: name, Type: "simple-blender-render", Priority: priority, SubmitterPlatform: "linux",
		InitialStatus: api.JobStatusPaused,
		Settings: api.JobSettings{
			"blendfile": "{jobs}/project/shot.flamenco.blend", "frames": "1-4", "chunk_size": 2, "render_output_root": "/render/out",
			"add_path_components": 0, "render_output_path": "/render/out/shot/######", "format": "PNG",
			"image_file_extension": ".png", "fps": 24, "has_previews": false, "scene": "Scene",
		},
	}
}

// testCompile: what a job's frames and settings become as tasks, or the words of the refusal.
func (s *suite) testCompile(t *testing.T) {
	for _, v := range vectors(t, "compile") {
		t.Run(v.head, func(t *testing.T) {
			job := render(s.name("compile"))
			must(t, json.Unmarshal([]byte(v.head), &job.Settings))
			if refused, ok := strings.CutPrefix(v.lines[0], "error "); ok {
				s.wantStatus(t, s.client.CheckJob(t.Context(), job), http.StatusBadRequest, refused)
				s.wantStatus(t, failure(s.client.SubmitJob(t.Context(), job)), http.StatusBadRequest, refused)
				return
			}
			must(t, s.client.CheckJob(t.Context(), job))
			names := "tasks"
			for _, task := range s.tasks(t, s.submit(t, job).ID) {
				names += " " + task.Name
			}
			wantDiff(t, v.lines[0], names)
		})
	}
}

// testCommands: what the tasks are told to do.
func (s *suite) testCommands(t *testing.T) {
	job := render(s.name("commands"))
	job.Settings["frames"], job.Settings["render_output_path"] = "1-3, 9", "/out/{timestamp}/{other}/######"
	stored := s.submit(t, job)
	output, _ := stored.Settings["render_output_path"].(string)
	dir, base := filepath.Dir(output), filepath.Base(output)
	if base != "######" || !strings.HasSuffix(dir, "/{other}") || strings.Contains(dir, "{timestamp}") {
		t.Fatalf("output path is %q", output)
	}
	tasks := s.tasks(t, stored.ID)
	if len(tasks) != 3 {
		t.Fatalf("%d tasks", len(tasks))
	}
	first := get(s.client.Task(t.Context(), tasks[0].ID))(t)
	wantDiff(t, api.Task{
		ID: tasks[0].ID, JobID: stored.ID, IndexInJob: 1, Name: "render-1,2", TaskType: "blender", Priority: 50,
		Status: api.TaskStatusQueued, StepsTotal: 2, Worker: &api.TaskWorker{}, FailedByWorkers: []api.TaskWorker{},
		Commands: []api.Command{{Name: "blender-render", TotalStepCount: 2, Parameters: map[string]any{
			"exe": "{blender}", "exeArgs": "{blenderArgs}", "argsBefore": []any{}, "blendfile": "{jobs}/project/shot.flamenco.blend",
			"args": []any{
				"--scene", "Scene", "--python-expr",
				"import bpy; r = bpy.context.scene.render; r.use_file_extension = True; r.use_overwrite = False; r.use_placeholder = False",
				"--render-output", dir + "/######", "--render-format", "PNG", "--render-frame", "1,2",
			},
		}}},
	}, first, cmpopts.IgnoreFields(api.Task{}, "Created", "Updated"))
	video := get(s.client.Task(t.Context(), tasks[2].ID))(t)
	wantDiff(t, []api.Command{{Name: "frames-to-video", Parameters: map[string]any{
		"exe": "ffmpeg", "fps": 24.0, "inputGlob": dir + "/*.png", "outputFile": dir + "/shot-1-9.mp4",
		"args": []any{
			"-c:v", "h264", "-crf", "20", "-g", "18", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-r", 24.0, "-y",
		},
	}}}, video.Commands)
	if video.StepsTotal != 1 || video.IndexInJob != 3 || video.TaskType != "ffmpeg" {
		t.Errorf("video task: %+v", video)
	}
}

func (s *suite) testPriority(t *testing.T) {
	for _, submitted := range []int{500, -5, 50} {
		job := echo(s.name("priority"))
		job.Priority, job.InitialStatus = submitted, api.JobStatusPaused
		if stored := s.submit(t, job); stored.Priority != submitted {
			t.Errorf("priority %d became %d", submitted, stored.Priority)
		}
	}
	job := s.submit(t, paused(s.name("priority")))
	for _, change := range []struct {
		to int
		ok bool
	}{{1, true}, {100, true}, {101, false}, {-1, false}} {
		err := s.client.SetJobPriority(t.Context(), job.ID, change.to)
		if !change.ok {
			s.wantStatus(t, err, http.StatusBadRequest, "number must be at")
			continue
		}
		must(t, err)
		if got := s.job(t, job.ID); got.Priority != change.to {
			t.Errorf("priority is %d, want %d", got.Priority, change.to)
		}
	}
	if !s.latest() {
		return
	}
	// Left out, it is 50.
	status, reply := s.raw(t, http.MethodPost, "/api/v3/jobs", "application/json", fmt.Sprintf(
		`{"name":%q,"type":"echo-sleep-test","submitter_platform":"linux","initial_status":"paused"}`, s.name("no priority")))
	var stored api.Job
	if err := json.Unmarshal([]byte(reply), &stored); err != nil || status != 200 || stored.Priority != 50 {
		t.Fatalf("%d %s", status, reply)
	}
	must(t, s.client.DeleteJob(t.Context(), stored.ID))
}

func paused(name string) api.SubmittedJob {
	job := echo(name)
	job.InitialStatus = api.JobStatusPaused
	return job
}

func (s *suite) testJobTag(t *testing.T) {
	first, second := s.tag(t), s.tag(t)
	job := paused(s.name("tagged"))
	job.WorkerTag = first.ID
	stored := s.submit(t, job)
	if stored.WorkerTag != first.ID {
		t.Errorf("tag is %q", stored.WorkerTag)
	}
	for _, change := range []struct {
		to   api.JobTagChange
		want string
	}{
		{api.JobTagChange{ID: second.ID}, second.ID},
		{api.JobTagChange{Name: first.Name}, first.ID},
		{api.JobTagChange{}, ""},
	} {
		must(t, s.client.SetJobTag(t.Context(), stored.ID, change.to))
		if got := s.job(t, stored.ID); got.WorkerTag != change.want {
			t.Errorf("tag is %q after %+v, want %q", got.WorkerTag, change.to, change.want)
		}
	}
	for _, unknown := range []api.JobTagChange{{Name: s.name("unknown")}, {ID: "00000000-0000-4000-8000-000000000000"}} {
		s.wantStatus(t, s.client.SetJobTag(t.Context(), stored.ID, unknown), http.StatusNotAcceptable, "tag not found")
	}
	must(t, s.client.SetJobTag(t.Context(), stored.ID, api.JobTagChange{ID: second.ID}))
	must(t, s.client.DeleteTag(t.Context(), second.ID))
	if got := s.job(t, stored.ID); got.WorkerTag != "" {
		t.Errorf("tag is %q after it was deleted", got.WorkerTag)
	}
}

// testDelete: a job takes its checkout with it, but only if it was told of it.
func (s *suite) testDelete(t *testing.T) {
	b := s.blob(10)
	s.store(t, b)
	with, without := s.checkout(t, s.name("deleted"), b.spec("a")), s.checkout(t, s.name("kept"), b.spec("a"))
	job := paused(s.name("deleted"))
	other := s.submit(t, job)
	job.Storage = &api.JobStorageInfo{ShamanCheckoutID: with}
	stored := s.submit(t, job)
	for _, check := range []struct {
		id   string
		want bool
	}{{stored.ID, true}, {other.ID, false}} {
		info, err := s.client.JobDeletionInfo(t.Context(), check.id)
		if err != nil || info.ShamanCheckout != check.want {
			t.Errorf("deletion would remove the checkout: %v, %v", info.ShamanCheckout, err)
		}
		must(t, s.client.DeleteJob(t.Context(), check.id))
		s.awaitDeleted(t, check.id)
	}
	s.wantCheckout(t, with, false)
	s.wantCheckout(t, without, true)
	if tasks := s.tasks(t, stored.ID); len(tasks) > 0 {
		t.Errorf("%d tasks left", len(tasks))
	}
}

// testDeleteTwin: of two jobs that name one checkout, the first to go takes it from the other.
func (s *suite) testDeleteTwin(t *testing.T) {
	used := s.checkout(t, s.name("shared"))
	job := paused(s.name("twin"))
	job.Storage = &api.JobStorageInfo{ShamanCheckoutID: used}
	first, second := s.submit(t, job), s.submit(t, job)
	must(t, s.client.DeleteJob(t.Context(), first.ID))
	s.awaitDeleted(t, first.ID)
	s.wantCheckout(t, used, false)
	must(t, s.client.DeleteJob(t.Context(), second.ID)) // which finds nothing to remove
	s.awaitDeleted(t, second.ID)
}

func (s *suite) awaitDeleted(t *testing.T, id string) {
	t.Helper()
	eventually(t, "job "+id+" is deleted", func() bool {
		job, err := s.client.Job(t.Context(), id)
		if err == nil && job.DeleteRequestedAt == nil {
			t.Fatal("the job does not say that it is to be deleted")
		}
		return flamenco.IsNotFound(err)
	})
}

func (s *suite) wantCheckout(t *testing.T, used string, want bool) {
	t.Helper()
	if !s.local {
		return
	}
	_, err := os.Stat(filepath.Join(s.storage, filepath.FromSlash(used)))
	if (err == nil) != want {
		t.Errorf("checkout %s is there: %v, want %v", used, err == nil, want)
	}
}
