package manager

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// job is a job as it is stored.
type job struct {
	Seq             uint64          `json:"seq"` // order of submission
	ID              string          `json:"id"`
	Name            string          `json:"name"`
	Type            string          `json:"type"`
	Priority        int             `json:"priority"`
	Status          api.JobStatus   `json:"status"`
	Activity        string          `json:"activity,omitempty"`
	Created         time.Time       `json:"created"`
	Updated         time.Time       `json:"updated"`
	Settings        api.JobSettings `json:"settings,omitempty"`
	Metadata        api.JobMetadata `json:"metadata,omitempty"`
	Checkout        string          `json:"checkout,omitempty"` // Shaman checkout that goes with the job
	Tag             string          `json:"tag,omitempty"`      // worker tag
	StepsCompleted  int             `json:"steps_completed,omitempty"`
	StepsTotal      int             `json:"steps_total,omitempty"`
	DeleteRequested *time.Time      `json:"delete_requested,omitempty"`
	Blocked         []block         `json:"blocked,omitempty"`
}

// block keeps a worker from tasks of a type in one job.
type block struct {
	Worker   string `json:"worker"`
	TaskType string `json:"task_type"`
}

// task is a task as it is stored, without its commands.
type task struct {
	ID             string         `json:"id"`
	Index          int            `json:"index"` // from 1
	Name           string         `json:"name"`
	Type           string         `json:"type"`
	Priority       int            `json:"priority"`
	Status         api.TaskStatus `json:"status"`
	Activity       string         `json:"activity,omitempty"`
	Worker         string         `json:"worker,omitempty"` // the last one that had it
	Created        time.Time      `json:"created"`
	Updated        time.Time      `json:"updated"`
	Touched        *time.Time     `json:"touched,omitempty"`
	StepsCompleted int            `json:"steps_completed,omitempty"`
	StepsTotal     int            `json:"steps_total,omitempty"`
	After          int            `json:"after,omitempty"` // this many tasks, from the first, have to be complete before
	FailedBy       []string       `json:"failed_by,omitempty"`
}

// entry is a job with its tasks in memory.
type entry struct {
	job
	tasks []task
}

// taskRef names a task by its job and its place in it.
type taskRef struct {
	entry *entry
	index int // in entry.tasks
}

func (r taskRef) task() *task { return &r.entry.tasks[r.index] }

// worker is a worker as it is stored.
type worker struct {
	Seq        uint64           `json:"seq"`
	ID         string           `json:"id"`
	Salt       []byte           `json:"salt"`
	Secret     []byte           `json:"secret"` // SHA-256 of salt and secret
	Name       string           `json:"name"`
	Address    string           `json:"address"`
	Platform   string           `json:"platform"`
	Software   string           `json:"software,omitempty"`
	Status     api.WorkerStatus `json:"status,omitempty"`
	Requested  api.WorkerStatus `json:"requested,omitempty"`
	Lazy       bool             `json:"lazy,omitempty"`
	TaskTypes  []string         `json:"task_types"`
	CanRestart bool             `json:"can_restart,omitempty"`
	LastSeen   *time.Time       `json:"last_seen,omitempty"`
	Tags       []string         `json:"tags,omitempty"`
	Sleep      *sleepSchedule   `json:"sleep,omitempty"`
	Deleted    bool             `json:"deleted,omitempty"` // kept, because tasks name their workers
}

func (w *worker) request(status api.WorkerStatus, lazy bool) { w.Requested, w.Lazy = status, lazy }

func (w *worker) clearRequest() { w.Requested, w.Lazy = "", false }

// identifier names the worker in logs and activities.
func (w *worker) identifier() string { return w.Name + " (" + w.ID + ")" }

// tag is a worker tag as it is stored.
type tag struct {
	Seq         uint64 `json:"seq"`
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// count returns how many tasks are in one of the statuses.
func (e *entry) count(statuses ...api.TaskStatus) (n int) {
	for i := range e.tasks {
		if slices.Contains(statuses, e.tasks[i].Status) {
			n++
		}
	}
	return n
}

// jobReply is a job as the Manager sends it: metadata and settings are there even when they are empty.
type jobReply struct {
	api.Job
	Metadata api.JobMetadata `json:"metadata"`
	Settings api.JobSettings `json:"settings"`
}

func (j *job) reply() jobReply {
	r := jobReply{Job: api.Job{
		ID: j.ID, Name: j.Name, Type: j.Type, Priority: j.Priority, Status: j.Status, Activity: j.Activity,
		Created: j.Created, Updated: j.Updated, StepsCompleted: j.StepsCompleted, StepsTotal: j.StepsTotal,
		DeleteRequestedAt: j.DeleteRequested, WorkerTag: j.Tag,
	}, Metadata: j.Metadata, Settings: j.Settings}
	if r.Metadata == nil {
		r.Metadata = api.JobMetadata{}
	}
	if r.Settings == nil {
		r.Settings = api.JobSettings{}
	}
	if j.Checkout != "" {
		r.Storage = &api.JobStorageInfo{ShamanCheckoutID: j.Checkout}
	}
	return r
}

func (t *task) summary(worker *api.TaskWorker) api.TaskSummary {
	return api.TaskSummary{
		ID: t.ID, Name: t.Name, IndexInJob: t.Index, Priority: t.Priority, Status: t.Status, TaskType: t.Type,
		Updated: t.Updated, Worker: worker, StepsCompleted: t.StepsCompleted, StepsTotal: t.StepsTotal,
	}
}

// encode is json.Marshal for values of ours, which cannot fail.
func encode(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // only for types that JSON cannot hold; settings came from JSON
	}
	return data
}
