package managertest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/simworker"
)

// crew starts workers with a tag of their own. Jobs with that tag are run by nobody else, and their priority
// lets the workers take nothing else while such a job has tasks.
func (s *suite) crew(t *testing.T, n int, change ...func(*simworker.Config)) (tag string, workers []*simworker.Worker) {
	t.Helper()
	tag = s.tag(t).ID
	for range n {
		w := s.worker(t, change...)
		must(t, s.client.SetWorkerTags(t.Context(), w.ID(), tag))
		workers = append(workers, w)
	}
	return tag, workers
}

// works lets a worker do n tasks.
func works(t *testing.T, w *simworker.Worker, n int) {
	t.Helper()
	for i := range n {
		worked := get(w.Work(t.Context()))(t)
		if !worked {
			t.Fatalf("no task after %d", i)
		}
	}
}

// want checks the status of a job and those of its tasks; see [suite.statuses].
func (s *suite) want(t *testing.T, id string, status api.JobStatus, tasks string) {
	t.Helper()
	if got := s.job(t, id); got.Status != status {
		t.Errorf("job is %s (%s), want %s", got.Status, got.Activity, status)
	}
	if got := s.statuses(t, id); got != tasks {
		t.Errorf("tasks are %s, want %s", got, tasks)
	}
}

// start submits a job with more settings for the workers of a tag, and returns its id.
func (s *suite) start(t *testing.T, job api.SubmittedJob, tag string, more api.JobSettings) string {
	t.Helper()
	job.WorkerTag, job.InitialStatus = tag, ""
	maps.Copy(job.Settings, more)
	return s.submit(t, job).ID
}

// schedule gives a worker its next task.
func schedule(t *testing.T, session *flamenco.WorkerSession) api.AssignedTask {
	t.Helper()
	task, found, err := session.ScheduleTask(t.Context())
	if err != nil || !found {
		t.Fatalf("no task: %v", err)
	}
	return task
}

// testEchoJob drives the smallest job to its end and looks at everything that is left of it.
func (s *suite) testEchoJob(t *testing.T) {
	tag, crew := s.crew(t, 1)
	w := crew[0]
	id := s.start(t, echo(s.name("echo")), tag, api.JobSettings{"sleep_repeats": 2, "sleep_duration_seconds": 0})
	tasks := s.tasks(t, id)
	s.want(t, id, api.JobStatusQueued, "queued queued queued")
	if _, has, err := s.client.TaskLogInfo(t.Context(), tasks[0].ID); err != nil || has {
		t.Errorf("log before the task began: %v, %v", has, err)
	}
	if tail, err := s.client.TaskLogTail(t.Context(), tasks[0].ID); err != nil || tail != "" {
		t.Errorf("log tail before the task began: %q, %v", tail, err)
	}

	works(t, w, 1)
	s.want(t, id, api.JobStatusActive, "completed queued queued")
	works(t, w, 2)
	s.want(t, id, api.JobStatusCompleted, "completed completed completed")
	job := s.job(t, id)
	if !s.lacks("Job.steps_total") && (job.StepsCompleted != 3 || job.StepsTotal != 3) || job.Activity != `Changed to status "completed": all tasks completed` {
		t.Errorf("job at its end: %d of %d, %s", job.StepsCompleted, job.StepsTotal, job.Activity)
	}

	task := get(s.client.Task(t.Context(), tasks[0].ID))(t)
	if task.Activity != "Simulated" || !s.lacks("Job.steps_total") && task.StepsCompleted != 1 || task.LastTouched == nil || task.Worker == nil || task.Worker.ID != w.ID() {
		t.Errorf("task at its end: %+v", task)
	}
	if worker := s.fetchWorker(t, w.ID()); worker.Task == nil || worker.Task.JobID != id || worker.Task.Status != api.TaskStatusCompleted {
		t.Errorf("the worker's last task: %+v", worker.Task)
	}
	s.wantLog(t, tasks[0].ID, []string{
		"Task assigned to worker", "task changed status queued -> active", "simulated worker takes task echo", "would run echo",
		"done", "task changed status active -> completed",
	})
	must(t, s.client.SetJobStatus(t.Context(), id, api.JobStatusRequeueing, "again"))
	s.want(t, id, api.JobStatusQueued, "queued queued queued")
	if job := s.job(t, id); job.StepsCompleted != 0 {
		t.Errorf("%d steps after requeueing", job.StepsCompleted)
	}
}

// wantLog looks for texts, in this order, in a task's log and in the file that its URL leads to.
func (s *suite) wantLog(t *testing.T, task string, texts []string) {
	t.Helper()
	tail := get(s.client.TaskLogTail(t.Context(), task))(t)
	info, has, err := s.client.TaskLogInfo(t.Context(), task)
	if err != nil || !has {
		t.Fatalf("log info: %v, %v", has, err)
	}
	file, _, err := s.client.Download(t.Context(), info.URL)
	must(t, err)
	defer file.Close()
	whole := get(io.ReadAll(file))(t)
	if info.Size != int64(len(whole)) || info.TaskID != task {
		t.Errorf("log info %+v for %d bytes", info, len(whole))
	}
	if !strings.HasSuffix(string(whole), tail) {
		t.Errorf("tail %q is not the end of the log %q", tail, whole)
	}
	rest := string(whole)
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		if !found {
			t.Errorf("%q is not where it should be in the log:\n%s", text, whole)
			return
		}
		rest = after
	}
}

// testRenderJob drives a render job with two workers: frames in parallel, the video last.
func (s *suite) testRenderJob(t *testing.T) {
	tag, crew := s.crew(t, 2)
	id := s.start(t, render(s.name("render")), tag, nil)
	works(t, crew[0], 1)
	s.want(t, id, api.JobStatusActive, "completed queued queued")
	if job := s.job(t, id); !s.lacks("Job.steps_total") && (job.StepsCompleted != 2 || job.StepsTotal != 5) {
		t.Errorf("%d of %d steps, want 2 of 5", job.StepsCompleted, job.StepsTotal)
	}
	works(t, crew[1], 1)
	s.want(t, id, api.JobStatusActive, "completed completed queued")
	works(t, crew[0], 1)
	s.want(t, id, api.JobStatusCompleted, "completed completed completed")
}

// testScheduling: variables are filled in for the worker, a task stays with its worker until it is done,
// tasks wait for others, and the highest priority goes first.
func (s *suite) testScheduling(t *testing.T) {
	tag, crew := s.crew(t, 2)
	first, second := crew[0].Session(), crew[1].Session()
	low, high := render(s.name("low")), echo(s.name("high"))
	low.Priority, high.Priority = priority+1, priority+2
	lowID := s.start(t, low, tag, api.JobSettings{"chunk_size": 4})
	highID := s.start(t, high, tag, api.JobSettings{"sleep_repeats": 1})
	task := schedule(t, first)
	if task.Job != highID || task.Name != "echo" || task.Status != api.TaskStatusActive || task.JobPriority != priority+2 {
		t.Fatalf("first task: %+v", task)
	}
	if again := schedule(t, first); again.UUID != task.UUID {
		t.Errorf("asking again gave another task: %+v", again)
	}
	other := schedule(t, second) // "sleep" has to wait for "echo"
	if other.Job != lowID || other.Name != "render-1-4" {
		t.Fatalf("second task: %+v", other)
	}
	parameters := other.Commands[0].Parameters
	blender := s.variable(t, "blender")
	if parameters["exe"] != blender || parameters["blendfile"] != s.storage+"/project/shot.flamenco.blend" {
		t.Errorf("parameters: %v", parameters)
	}
	must(t, first.UpdateTask(t.Context(), task.UUID, api.TaskUpdate{TaskStatus: ptr(api.TaskStatusCompleted)}))
	if next := schedule(t, first); next.Job != highID || next.Name != "sleep" {
		t.Errorf("next task: %+v", next)
	}

	// Updates that are not the worker's to make.
	s.wantStatus(t, second.UpdateTask(t.Context(), task.UUID, api.TaskUpdate{Activity: ptr("mine")}),
		http.StatusConflict, fmt.Sprintf("task %s is not assigned to you", task.UUID))
	s.wantStatus(t, second.UpdateTask(t.Context(), s.tasks(t, lowID)[1].ID, api.TaskUpdate{Activity: ptr("mine")}),
		http.StatusConflict, "is not assigned to any worker, so also not to you")
	s.wantStatus(t, second.UpdateTask(t.Context(), other.UUID, api.TaskUpdate{TaskStatus: ptr(api.TaskStatusSoftFailed)}),
		http.StatusBadRequest, "task status soft-failed not allowed to be sent by Worker")
	s.wantStatus(t, second.UpdateTask(t.Context(), "00000000-0000-4000-8000-000000000000", api.TaskUpdate{}),
		http.StatusNotFound, "not found")
	s.wantStatus(t, second.UpdateTask(t.Context(), "x", api.TaskUpdate{}), http.StatusBadRequest, "task ID not valid")
}

func ptr[T any](value T) *T { return &value }

func (s *suite) variable(t *testing.T, name string) string {
	t.Helper()
	return get(s.client.Variables(t.Context(), api.ManagerVariableAudienceWorkers, "linux"))(t)[name].Value
}

// testMayRun: the answers to a worker that asks whether it may go on.
func (s *suite) testMayRun(t *testing.T) {
	tag, crew := s.crew(t, 2)
	w, session := crew[0], crew[0].Session()
	id := s.start(t, echo(s.name("may run")), tag, nil)
	task := schedule(t, session)
	want := func(session *flamenco.WorkerSession, task string, answer api.MayKeepRunning) {
		t.Helper()
		wantDiff(t, answer, get(session.MayRun(t.Context(), task))(t))
	}
	want(session, task.UUID, api.MayKeepRunning{MayKeepRunning: true})
	want(crew[1].Session(), task.UUID, api.MayKeepRunning{Reason: "task not assigned to this worker"})
	want(session, "00000000-0000-4000-8000-000000000000", api.MayKeepRunning{Reason: "Task not found"})
	must(t, s.client.RequestWorkerStatus(t.Context(), w.ID(), api.WorkerStatusAsleep, true))
	want(session, task.UUID, api.MayKeepRunning{MayKeepRunning: true})
	must(t, s.client.RequestWorkerStatus(t.Context(), w.ID(), api.WorkerStatusAsleep, false))
	want(session, task.UUID, api.MayKeepRunning{Reason: "worker status change requested", StatusChangeRequested: true})
	must(t, s.client.RequestWorkerStatus(t.Context(), w.ID(), api.WorkerStatusAwake, false))
	must(t, s.client.SetJobStatus(t.Context(), id, api.JobStatusCancelRequested, "contract"))
	s.want(t, id, api.JobStatusCanceled, "canceled")
	want(session, task.UUID, api.MayKeepRunning{Reason: `task is in non-runnable status "canceled"`})
}

// testPauseWhileRunning: a pause waits for what is active.
func (s *suite) testPauseWhileRunning(t *testing.T) {
	tag, crew := s.crew(t, 1)
	session := crew[0].Session()
	id := s.start(t, render(s.name("pause")), tag, nil)
	task := schedule(t, session)
	must(t, s.client.SetJobStatus(t.Context(), id, api.JobStatusPauseRequested, "contract"))
	s.want(t, id, api.JobStatusPauseRequested, "active paused paused")
	must(t, session.UpdateTask(t.Context(), task.UUID, api.TaskUpdate{TaskStatus: ptr(api.TaskStatusCompleted)}))
	s.want(t, id, api.JobStatusPaused, "completed paused paused")
	must(t, s.client.SetJobStatus(t.Context(), id, api.JobStatusRequeueing, "contract"))
	s.want(t, id, api.JobStatusQueued, "completed queued queued")
}

// testSignOffReturnsTask: a worker that goes away gives its task back.
func (s *suite) testSignOffReturnsTask(t *testing.T) {
	tag, crew := s.crew(t, 3)
	id := s.start(t, render(s.name("sign off")), tag, api.JobSettings{"frames": "1-3", "chunk_size": 1})
	for _, w := range crew {
		schedule(t, w.Session())
	}
	s.want(t, id, api.JobStatusActive, "active active active queued")
	must(t, crew[0].Session().SignOff(t.Context()))
	s.want(t, id, api.JobStatusActive, "queued active active queued")
	must(t, crew[1].Session().StateChanged(t.Context(), api.WorkerStatusAsleep))
	s.want(t, id, api.JobStatusActive, "queued queued active queued")
	must(t, s.client.DeleteWorker(t.Context(), crew[2].ID()))
	s.want(t, id, api.JobStatusActive, "queued queued queued queued")
	task, err := s.client.Task(t.Context(), s.tasks(t, id)[0].ID)
	if err != nil || s.latest() && task.Activity != "Task was queued by Manager because worker signed off" {
		t.Errorf("activity: %q, %v", task.Activity, err)
	}
}

// testRetry: requeueing a failed job is what lets its failed and canceled tasks run again; queueing a task is
// not.
func (s *suite) testRetry(t *testing.T) {
	tag, crew := s.crew(t, 1, func(cfg *simworker.Config) {
		cfg.Fail = func(task api.AssignedTask) string {
			if task.Name == "echo" && task.JobPriority == priority {
				return "late"
			}
			return ""
		}
	})
	id := s.start(t, echo(s.name("retry")), tag, api.JobSettings{"sleep_repeats": 2})
	works(t, crew[0], 1)
	s.want(t, id, api.JobStatusFailed, "failed canceled canceled")

	must(t, s.client.SetTaskStatus(t.Context(), s.tasks(t, id)[0].ID, api.TaskStatusQueued, "again"))
	s.want(t, id, api.JobStatusFailed, "queued canceled canceled")
	if _, err := crew[0].Work(t.Context()); err != nil {
		t.Error(err)
	}
	s.want(t, id, api.JobStatusFailed, "queued canceled canceled") // tasks of failed jobs are not given out
	must(t, s.client.SetJobPriority(t.Context(), id, 100))         // the cause of the failure is repaired
	must(t, s.client.SetJobStatus(t.Context(), id, api.JobStatusRequeueing, "again"))
	s.want(t, id, api.JobStatusQueued, "queued queued queued")
	works(t, crew[0], 3)
	s.want(t, id, api.JobStatusCompleted, "completed completed completed")
}
