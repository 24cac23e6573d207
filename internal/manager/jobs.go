package manager

import (
	"cmp"
	"maps"
	"net/http"
	"runtime"

	"github.com/google/uuid"

	"github.com/flsync/flsync/flamenco/api"
)

// submitJob stores a job and its tasks, in one change.
func (m *Manager) submitJob(q *request, sent api.SubmittedJob) error {
	compiled, err := m.compile(sent)
	if err != nil {
		return err
	}
	return m.change(q, func(x *tx) (any, error) {
		e, err := x.newJob(sent, compiled)
		if err != nil {
			return nil, err
		}
		return e.reply(), nil
	})
}

// checkJob reports whether submitJob would take the job, its worker tag aside.
func (m *Manager) checkJob(q *request, sent api.SubmittedJob) error {
	_, err := m.compile(sent)
	return q.ok(err)
}

// compile makes the tasks of a job.
func (m *Manager) compile(sent api.SubmittedJob) (*compiledJob, error) {
	platform := sent.SubmitterPlatform
	if platform == "manager" {
		platform = runtime.GOOS
	}
	settings := maps.Clone(sent.Settings)
	if settings == nil {
		settings = api.JobSettings{}
	}
	twoWay := m.conf.get().variables(api.ManagerVariableAudienceWorkers, platform).twoWay()
	for key, value := range settings {
		if text, ok := value.(string); ok {
			settings[key] = twoWay.replace(text)
		}
	}
	metadata := maps.Clone(sent.Metadata)
	for key, value := range metadata {
		metadata[key] = twoWay.replace(value)
	}

	compiled, err := compileJob(m.types, sent, settings)
	if err != nil {
		return nil, err
	}
	compiled.metadata = metadata
	return compiled, nil
}

// newJob adds a compiled job to the state.
func (x *tx) newJob(sent api.SubmittedJob, compiled *compiledJob) (*entry, error) {
	if sent.WorkerTag != "" && x.s.tags[sent.WorkerTag] == nil {
		return nil, refuse(http.StatusInternalServerError, "error persisting job in database")
	}
	e := &entry{job: job{
		ID: uuid.NewString(), Name: sent.Name, Type: sent.Type, Priority: sent.Priority, Status: cmp.Or(sent.InitialStatus, api.JobStatusQueued),
		Created: compiled.created, Updated: compiled.created,
		Settings: compiled.settings, Metadata: compiled.metadata, Tag: sent.WorkerTag,
	}}
	if sent.Storage != nil {
		e.Checkout = sent.Storage.ShamanCheckoutID
	}
	commands := compiled.tasksInto(e)
	x.addJob(e, commands)
	return e, nil
}

func (m *Manager) fetchJobs(q *request) error {
	return m.view(q, func(s *store) (any, error) {
		replies := make([]jobReply, len(s.ordered))
		for i, e := range s.ordered {
			replies[i] = e.reply()
		}
		return map[string]any{"jobs": replies}, nil
	})
}

func (s *store) read(look func(*store)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	look(s)
}

// find returns the job that a request names, or the Manager's refusal.
func (s *store) find(id string) (*entry, error) {
	if !validID(id) {
		return nil, refuse(http.StatusBadRequest, "job ID not valid")
	}
	if e := s.entries[id]; e != nil {
		return e, nil
	}
	return nil, refuse(http.StatusNotFound, "no such job")
}

func showJob(_ *store, e *entry) any { return e.reply() }

func (m *Manager) fetchJobTasks(q *request) error {
	id := q.params["job_id"]
	return m.view(q, func(s *store) (any, error) {
		tasks := []api.TaskSummary{}
		if e := s.entries[id]; e != nil {
			for i := range e.tasks {
				tasks = append(tasks, e.tasks[i].summary(s.taskWorker(e.tasks[i].Worker)))
			}
		}
		return map[string]any{"tasks": tasks}, nil
	})
}

// taskWorker describes the worker of a task: empty without one, only its ID when it was deleted.
func (s *store) taskWorker(id string) *api.TaskWorker {
	described := &api.TaskWorker{ID: id}
	if w := s.workers[id]; w != nil && !w.Deleted {
		described.Name, described.Address = w.Name, w.Address
	}
	return described
}
