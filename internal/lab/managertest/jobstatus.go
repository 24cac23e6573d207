package managertest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
)

// change is a step of a test: somebody sets the status of a job, or of one of its tasks.
type change struct {
	to    string        // "paused" of the job, "0 failed" of the first task
	job   api.JobStatus // after it
	tasks string
}

// changes is a job of three tasks with what is done to it.
type changes struct {
	name  string
	steps []change
}

// testJobStatus: what becomes of a job, and of its tasks, when somebody changes the job's status.
func (s *suite) testJobStatus(t *testing.T) {
	const (
		queued    = "queued queued queued"
		pausedAll = "paused paused paused"
		canceled  = "canceled canceled canceled"
	)
	s.testChanges(t, []changes{
		{"pause and resume", []change{
			{"pause-requested", "paused", pausedAll},
			{"requeueing", "queued", queued},
		}},
		{"cancel and requeue", []change{
			{"cancel-requested", "canceled", canceled},
			{"requeueing", "queued", queued},
		}},
		{"paused at once", []change{
			{"paused", "paused", queued},
			{"queued", "queued", queued},
		}},
		{"canceled at once", []change{{"canceled", "canceled", queued}}},
		{"failed", []change{
			{"failed", "failed", canceled},
			{"queued", "queued", canceled},
			{"requeueing", "queued", queued},
		}},
		{"completed", []change{
			{"completed", "completed", queued},
			{"requeueing", "queued", queued},
		}},
		{"canceled and failed tasks", []change{
			{"failed", "failed", canceled},
			{"completed", "completed", canceled}, // any status follows any other
			{"paused", "paused", canceled},
			{"requeueing", "queued", queued},
		}},
		{"no change", []change{{"queued", "queued", queued}}},
		{"resume without requeueing", []change{
			{"pause-requested", "paused", pausedAll},
			{"queued", "queued", pausedAll},
		}},
		{"under construction", []change{
			{"under-construction", "under-construction", queued},
			{"requeueing", "requeueing", queued},
		}},
	})
}

// testTaskStatus: what becomes of a job when somebody changes the status of one task after the other.
func (s *suite) testTaskStatus(t *testing.T) {
	s.testChanges(t, []changes{
		{"all completed", []change{
			{"0 completed", "active", "completed queued queued"},
			{"1 completed", "active", "completed completed queued"},
			{"2 completed", "completed", "completed completed completed"},
			{"1 queued", "queued", "queued queued queued"},
		}},
		{"all canceled", []change{
			{"0 canceled", "queued", "canceled queued queued"},
			{"1 canceled", "queued", "canceled canceled queued"},
			{"2 canceled", "canceled", "canceled canceled canceled"},
		}},
		{"one failed", []change{
			{"0 failed", "failed", "failed canceled canceled"},
			{"0 queued", "failed", "queued canceled canceled"}, // and waits for ever
		}},
		{"queued in a canceled job", []change{
			{"0 canceled", "queued", "canceled queued queued"},
			{"1 canceled", "queued", "canceled canceled queued"},
			{"2 canceled", "canceled", "canceled canceled canceled"},
			{"1 queued", "canceled", "canceled queued canceled"},
		}},
		{"active", []change{
			{"0 active", "active", "active queued queued"},
			{"0 soft-failed", "active", "soft-failed queued queued"},
			{"0 paused", "active", "paused queued queued"},
		}},
	})
}

func (s *suite) testChanges(t *testing.T, tests []changes) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.steps[0].to == string(api.JobStatusPauseRequested) && s.lacks("JobStatus=pause-requested") {
				t.Skip("the Manager cannot pause")
			}
			id := s.start(t, echo(s.name(test.name)), s.tag(t).ID, api.JobSettings{"sleep_repeats": 2}) // the tag keeps every worker away
			s.want(t, id, api.JobStatusQueued, "queued queued queued")
			tasks := s.tasks(t, id)
			for _, step := range test.steps {
				t.Log("change to", step.to)
				if number, status, ofTask := strings.Cut(step.to, " "); ofTask {
					must(t, s.client.SetTaskStatus(t.Context(), tasks[get(strconv.Atoi(number))(t)].ID, api.TaskStatus(status), "contract"))
				} else {
					must(t, s.client.SetJobStatus(t.Context(), id, api.JobStatus(step.to), "contract"))
				}
				s.want(t, id, step.job, step.tasks)
			}
		})
	}
}
