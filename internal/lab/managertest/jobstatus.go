package managertest

import (
	"testing"

	"github.com/flsync/flsync/flamenco/api"
)

// testJobStatus: what becomes of a job of three tasks, and of the tasks, when somebody changes the job's status.
func (s *suite) testJobStatus(t *testing.T) {
	type step struct {
		to    api.JobStatus
		job   api.JobStatus // after it
		tasks string
	}
	const (
		queued    = "queued queued queued"
		pausedAll = "paused paused paused"
		canceled  = "canceled canceled canceled"
	)
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"pause and resume", []step{
			{api.JobStatusPauseRequested, api.JobStatusPaused, pausedAll},
			{api.JobStatusRequeueing, api.JobStatusQueued, queued},
		}},
		{"cancel and requeue", []step{
			{api.JobStatusCancelRequested, api.JobStatusCanceled, canceled},
			{api.JobStatusRequeueing, api.JobStatusQueued, queued},
		}},
		{"paused at once", []step{
			{api.JobStatusPaused, api.JobStatusPaused, queued},
			{api.JobStatusQueued, api.JobStatusQueued, queued},
		}},
		{"canceled at once", []step{{api.JobStatusCanceled, api.JobStatusCanceled, queued}}},
		{"failed", []step{
			{api.JobStatusFailed, api.JobStatusFailed, canceled},
			{api.JobStatusQueued, api.JobStatusQueued, canceled},
			{api.JobStatusRequeueing, api.JobStatusQueued, queued},
		}},
		{"completed", []step{
			{api.JobStatusCompleted, api.JobStatusCompleted, queued},
			{api.JobStatusRequeueing, api.JobStatusQueued, queued},
		}},
		{"canceled and failed tasks", []step{
			{api.JobStatusFailed, api.JobStatusFailed, canceled},
			{api.JobStatusCompleted, api.JobStatusCompleted, canceled}, // any status follows any other
			{api.JobStatusPaused, api.JobStatusPaused, canceled},
			{api.JobStatusRequeueing, api.JobStatusQueued, queued},
		}},
		{"no change", []step{{api.JobStatusQueued, api.JobStatusQueued, queued}}},
		{"resume without requeueing", []step{
			{api.JobStatusPauseRequested, api.JobStatusPaused, pausedAll},
			{api.JobStatusQueued, api.JobStatusQueued, pausedAll},
		}},
		{"under construction", []step{
			{api.JobStatusUnderConstruction, api.JobStatusUnderConstruction, queued},
			{api.JobStatusRequeueing, api.JobStatusRequeueing, queued},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.steps[0].to == api.JobStatusPauseRequested && s.lacks("JobStatus=pause-requested") {
				t.Skip("the Manager cannot pause")
			}
			job := echo(s.name(test.name))
			job.Settings["sleep_repeats"] = 2
			job.WorkerTag = s.tag(t).ID // keeps every worker away
			id := s.submit(t, job).ID
			wantDiff(t, queued, s.statuses(t, id))
			for _, step := range test.steps {
				must(t, s.client.SetJobStatus(t.Context(), id, step.to, "contract"))
				if got := s.job(t, id); got.Status != step.job {
					t.Errorf("after %s the job is %s (%s), want %s", step.to, got.Status, got.Activity, step.job)
				}
				if got := s.statuses(t, id); got != step.tasks {
					t.Errorf("after %s the tasks are %s, want %s", step.to, got, step.tasks)
				}
			}
		})
	}
}

// testTaskStatus: what becomes of a job when somebody changes the status of one task after the other.
func (s *suite) testTaskStatus(t *testing.T) {
	type step struct {
		task  int
		to    api.TaskStatus
		job   api.JobStatus
		tasks string
	}
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"all completed", []step{
			{0, api.TaskStatusCompleted, api.JobStatusActive, "completed queued queued"},
			{1, api.TaskStatusCompleted, api.JobStatusActive, "completed completed queued"},
			{2, api.TaskStatusCompleted, api.JobStatusCompleted, "completed completed completed"},
			{1, api.TaskStatusQueued, api.JobStatusQueued, "queued queued queued"},
		}},
		{"all canceled", []step{
			{0, api.TaskStatusCanceled, api.JobStatusQueued, "canceled queued queued"},
			{1, api.TaskStatusCanceled, api.JobStatusQueued, "canceled canceled queued"},
			{2, api.TaskStatusCanceled, api.JobStatusCanceled, "canceled canceled canceled"},
		}},
		{"one failed", []step{
			{0, api.TaskStatusFailed, api.JobStatusFailed, "failed canceled canceled"},
			{0, api.TaskStatusQueued, api.JobStatusFailed, "queued canceled canceled"}, // and waits for ever
		}},
		{"queued in a canceled job", []step{
			{0, api.TaskStatusCanceled, api.JobStatusQueued, "canceled queued queued"},
			{1, api.TaskStatusCanceled, api.JobStatusQueued, "canceled canceled queued"},
			{2, api.TaskStatusCanceled, api.JobStatusCanceled, "canceled canceled canceled"},
			{1, api.TaskStatusQueued, api.JobStatusCanceled, "canceled queued canceled"},
		}},
		{"active", []step{
			{0, api.TaskStatusActive, api.JobStatusActive, "active queued queued"},
			{0, api.TaskStatusSoftFailed, api.JobStatusActive, "soft-failed queued queued"},
			{0, api.TaskStatusPaused, api.JobStatusActive, "paused queued queued"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			job := echo(s.name(test.name))
			job.Settings["sleep_repeats"] = 2
			job.WorkerTag = s.tag(t).ID
			id := s.submit(t, job).ID
			tasks := s.tasks(t, id)
			for _, step := range test.steps {
				must(t, s.client.SetTaskStatus(t.Context(), tasks[step.task].ID, step.to, "contract"))
				if got := s.job(t, id); got.Status != step.job {
					t.Errorf("after task %d %s the job is %s (%s), want %s", step.task, step.to, got.Status, got.Activity, step.job)
				}
				if got := s.statuses(t, id); got != step.tasks {
					t.Errorf("after task %d %s the tasks are %s, want %s", step.task, step.to, got, step.tasks)
				}
			}
		})
	}
}
