package manager_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/manager"
)

// reopened closes s and opens another Manager on its folder.
func (s *server) reopened() *server {
	s.t.Helper()
	if err := s.Close(); err != nil {
		s.t.Fatal(err)
	}
	return newServer(s.t, func(c *manager.Config) { c.Dir = s.dir })
}

// everything is all that the Manager tells of its state.
func (s *server) everything() map[string]string {
	s.t.Helper()
	state := make(map[string]string)
	paths := []string{"/jobs", "/worker-mgt/workers", "/worker-mgt/tags", "/configuration/file", "/status", "/jobs/last-rendered"}
	for _, job := range s.jobs() {
		paths = append(paths, "/jobs/"+job.ID+"/tasks", "/jobs/"+job.ID+"/blocklist")
		var tasks api.JobTasksSummary
		s.decode(s.call(http.MethodGet, "/jobs/"+job.ID+"/tasks", nil), &tasks)
		for _, task := range tasks.Tasks {
			paths = append(paths, "/tasks/"+task.ID, "/tasks/"+task.ID+"/logtail")
		}
	}
	var workers api.WorkerList
	s.decode(s.call(http.MethodGet, "/worker-mgt/workers", nil), &workers)
	for _, worker := range workers.Workers {
		paths = append(paths, "/worker-mgt/workers/"+worker.ID, "/worker-mgt/workers/"+worker.ID+"/sleep-schedule")
	}
	for _, path := range paths {
		reply := s.call(http.MethodGet, path, nil)
		state[path] = fmt.Sprint(reply.status, " ", reply.body)
	}
	return state
}

// TestStateSurvivesARestart makes some of everything, and compares what the Manager says of it before and
// after.
func TestStateSurvivesARestart(t *testing.T) {
	s, b := newServer(t), newBlob("a")
	s.store(b)
	used := s.checkout("shot", b.spec("f")).checkoutPath(t)
	var tag api.WorkerTag
	s.decode(s.call(http.MethodPost, "/worker-mgt/tags", api.WorkerTag{Name: "gpu"}), &tag)
	job := echoJob("one")
	job.Metadata, job.WorkerTag = api.JobMetadata{"k": "v"}, tag.ID
	job.Settings["sleep_repeats"] = 2
	job.Storage = &api.JobStorageInfo{ShamanCheckoutID: used}
	first := s.submit(job)
	s.submit(echoJob("two"))

	w := s.newWorker()
	want(t, s.call(http.MethodPost, "/worker-mgt/workers/"+w.id+"/settags", api.WorkerTagChangeRequest{TagIDs: []string{tag.ID}}), 204, "")
	want(t, s.call(http.MethodPost, "/worker-mgt/workers/"+w.id+"/sleep-schedule", api.WorkerSleepSchedule{StartTime: "09:00"}), 204, "")
	want(t, s.call(http.MethodPost, "/jobs/"+first.ID+"/setpriority", api.JobPriorityChange{Priority: 99}), 204, "")
	w.work()
	w.schedule()

	before := s.everything()
	s = s.reopened()
	if diff := cmp.Diff(before, s.everything()); diff != "" {
		t.Errorf("-before +after\n%s", diff)
	}
	want(t, s.upload(b), http.StatusAlreadyReported, "")
	w.s = s
	w.work() // what it had before, with the same secret
	if got := s.jobs()[0]; got.StepsCompleted != 2 {
		t.Errorf("job after another task: %+v", got)
	}
}

// simpleWorker is a worker by hand, so that this package needs no client.
type simpleWorker struct {
	s  *server
	id string
}

func (s *server) newWorker() *simpleWorker {
	s.t.Helper()
	var registered api.RegisteredWorker
	s.decode(s.call(http.MethodPost, "/worker/register-worker", api.WorkerRegistration{
		Name: "worker", Platform: "linux", Secret: "secret", SupportedTaskTypes: []string{"misc", "blender"},
	}), &registered)
	w := &simpleWorker{s, registered.UUID}
	want(s.t, w.call("/worker/sign-on", api.WorkerSignOn{
		Name: "worker", SoftwareVersion: "1", SupportedTaskTypes: []string{"misc", "blender"},
	}), http.StatusOK, "")
	want(s.t, w.call("/worker/state-changed", api.WorkerStateChanged{Status: api.WorkerStatusAwake}), http.StatusNoContent, "")
	return w
}

func (w *simpleWorker) call(path string, body any) answer {
	w.s.t.Helper()
	r, _ := http.NewRequest(http.MethodPost, "http://x", nil)
	r.SetBasicAuth(w.id, "secret")
	return w.s.call(http.MethodPost, path, body, "Authorization: "+r.Header.Get("Authorization"))
}

func (w *simpleWorker) schedule() (task api.AssignedTask) {
	w.s.t.Helper()
	w.s.decode(w.call("/worker/task", nil), &task)
	return task
}

func (w *simpleWorker) work() {
	w.s.t.Helper()
	completed := api.TaskStatusCompleted
	want(w.s.t, w.call("/worker/task/"+w.schedule().UUID, api.TaskUpdate{TaskStatus: &completed}), http.StatusNoContent, "")
}

func TestTwoManagersOnOneFolder(t *testing.T) {
	s := newServer(t)
	second, err := manager.New(t.Context(), manager.Config{Dir: s.dir})
	if err == nil {
		second.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "another embedded Manager runs on this folder") {
		t.Errorf("error is %v", err)
	}
}

func TestNewFailsClearly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []manager.Config{{}, {Dir: file}, {Dir: t.TempDir(), MaxBody: -1}} {
		if m, err := manager.New(t.Context(), cfg); err == nil {
			m.Close()
			t.Errorf("%+v was taken", cfg)
		}
	}
}

// TestDeletionGoesOnAfterARestart: what was asked for before is done after.
func TestDeletionGoesOnAfterARestart(t *testing.T) {
	s := newServer(t)
	ids := make([]string, 50)
	for i := range ids {
		ids[i] = s.submit(echoJob(fmt.Sprint(i))).ID
	}
	for _, id := range ids {
		want(t, s.call(http.MethodDelete, "/jobs/"+id, nil), http.StatusNoContent, "")
	}
	s = s.reopened()
	eventually(t, "all jobs are gone", func() bool { return len(s.jobs()) == 0 })
}

func TestMassDeletion(t *testing.T) {
	s := newServer(t)
	s.submit(echoJob("old"))
	old := s.jobs()[0].Updated
	want(t, s.call(http.MethodDelete, "/jobs/mass-delete", api.JobMassDeletionSelection{LastUpdatedMax: ptr(old.Add(-time.Hour))}),
		http.StatusRequestedRangeNotSatisfiable, "no jobs modified before timestamp")
	want(t, s.call(http.MethodDelete, "/jobs/mass-delete", api.JobMassDeletionSelection{LastUpdatedMax: &old}), http.StatusNoContent, "")
	eventually(t, "the job is gone", func() bool { return len(s.jobs()) == 0 })
}

func ptr[T any](value T) *T { return &value }

func TestServeEndsCleanly(t *testing.T) {
	m, err := manager.New(t.Context(), manager.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- m.Serve(ctx, listener) }()
	reply, err := http.Get("http://" + listener.Addr().String() + "/api/v3/version")
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + listener.Addr().String() + "/"); err == nil {
		t.Error("it still answers")
	}
}

// TestSetupAssistant: what it found out is in the configuration, also after a restart.
func TestSetupAssistant(t *testing.T) {
	s, storage := newServer(t), t.TempDir()
	want(t, s.call(http.MethodPost, "/configuration/setup-assistant", api.SetupAssistantConfig{
		StorageLocation: storage, BlenderExecutable: api.BlenderPathCheckResult{
			Input: "/opt/blender", Path: "/opt/blender/blender", Source: api.BlenderPathSourceInputPath, IsUsable: true,
		},
	}), http.StatusNoContent, "")
	for range 2 {
		var config api.ManagerConfiguration
		s.decode(s.call(http.MethodGet, "/configuration", nil), &config)
		var variables api.ManagerVariables
		s.decode(s.call(http.MethodGet, "/configuration/variables/workers/linux", nil), &variables)
		if config.StorageLocation != filepath.Join(storage, "jobs") || variables["blender"].Value != "/opt/blender/blender" {
			t.Errorf("%+v, %+v", config, variables)
		}
		s = s.reopened()
	}
}
