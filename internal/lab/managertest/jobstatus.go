package managertest

import (
	"strconv"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
)

// testJobStatus: what becomes of a job, and of its three tasks, when somebody changes the job's status.
func (s *suite) testJobStatus(t *testing.T) { s.testChanges(t, "jobstatus") }

// testTaskStatus: what becomes of a job when somebody changes the status of one task after the other.
func (s *suite) testTaskStatus(t *testing.T) { s.testChanges(t, "taskstatus") }

// testChanges reads steps such as "paused: STATUS, TASKS" of a job and "0 failed: STATUS, TASKS" of its first
// task, with the statuses after them.
func (s *suite) testChanges(t *testing.T, file string) {
	for _, v := range vectors(t, file) {
		t.Run(v.head, func(t *testing.T) {
			if strings.HasPrefix(v.lines[0], string(api.JobStatusPauseRequested)) && s.lacks("JobStatus=pause-requested") {
				t.Skip("the Manager cannot pause")
			}
			id := s.start(t, echo(s.name(v.head)), s.tag(t).ID, api.JobSettings{"sleep_repeats": 2}) // the tag keeps every worker away
			s.want(t, id, api.JobStatusQueued, "queued queued queued")
			tasks := s.tasks(t, id)
			for _, step := range v.lines {
				t.Log(step)
				to, after, _ := strings.Cut(step, ": ")
				if number, status, ofTask := strings.Cut(to, " "); ofTask {
					must(t, s.client.SetTaskStatus(t.Context(), tasks[get(strconv.Atoi(number))(t)].ID, api.TaskStatus(status), "contract"))
				} else {
					must(t, s.client.SetJobStatus(t.Context(), id, api.JobStatus(to), "contract"))
				}
				ofJob, ofTasks, _ := strings.Cut(after, ", ")
				s.want(t, id, api.JobStatus(ofJob), ofTasks)
			}
		})
	}
}
