package flamenco

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// maxJobs limits the jobs of one list, which need more memory than their text: a farm with as many takes
// minutes to list them.
const maxJobs = 250_000

// Jobs returns all jobs. The Manager has no filter and no pages.
func (c *Client) Jobs(ctx context.Context) ([]api.Job, error) {
	result := jobList{take: func(d *json.Decoder, jobs *[]api.Job) error {
		var job api.Job
		err := d.Decode(&job)
		*jobs = append(*jobs, job)
		return err
	}}
	err := c.listJobs(ctx, &result)
	return result.jobs, err
}

// EachJob calls do with each job as it came, while the list is received. The list ends with the error of do.
func (c *Client) EachJob(ctx context.Context, do func(job json.RawMessage) error) error {
	return c.listJobs(ctx, &jobList{take: func(d *json.Decoder, _ *[]api.Job) error {
		var job json.RawMessage
		if err := d.Decode(&job); err != nil {
			return err
		}
		return do(job)
	}})
}

// listJobs fetches the list of jobs. Managers before 3.6 have another operation for it.
func (c *Client) listJobs(ctx context.Context, into *jobList) error {
	if !c.queriesJobs.Load() {
		_, err := c.call(ctx, request{method: http.MethodGet, path: []string{"jobs"}, harmless: true, limit: maxListReply}, nil, into)
		if err == nil && into.jobs == nil {
			err = c.incomplete(http.MethodGet, "list of jobs", "jobs") // it must not pass for "there are none"
		}
		if !errors.Is(err, ErrNoOperation) {
			return err
		}
	}
	_, err := c.call(ctx, request{method: http.MethodPost, path: []string{"jobs", "query"}, harmless: true, limit: maxListReply}, struct{}{}, into)
	if err == nil && into.jobs == nil {
		err = c.incomplete(http.MethodPost, "list of jobs", "jobs", "query")
	}
	if err == nil {
		c.queriesJobs.Store(true)
	}
	return err
}

// jobList is read job by job, so that the text of one is held at a time. jobs is nil when the reply has no
// list.
type jobList struct {
	jobs []api.Job
	take func(d *json.Decoder, jobs *[]api.Job) error // reads the next job
}

// readJSON implements stream.
func (l *jobList) readJSON(d *json.Decoder) error {
	if err := expect(d, json.Delim('{')); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		if name != "jobs" {
			var unknown json.RawMessage
			if err := d.Decode(&unknown); err != nil {
				return err
			}
			continue
		}
		if err := l.readList(d); err != nil {
			return err
		}
	}
	return expect(d, json.Delim('}'))
}

func (l *jobList) readList(d *json.Decoder) error {
	if err := expect(d, json.Delim('[')); err != nil {
		return err
	}
	l.jobs = []api.Job{}
	for n := 0; d.More(); n++ {
		if n == maxJobs {
			return fmt.Errorf("there are more than %d jobs", maxJobs)
		}
		if err := l.take(d, &l.jobs); err != nil {
			return err
		}
	}
	return expect(d, json.Delim(']'))
}

// expect reads one delimiter.
func expect(d *json.Decoder, want json.Delim) error {
	switch got, err := d.Token(); {
	case err != nil:
		return err
	case got != want:
		return fmt.Errorf("%v where %v should be", cmp.Or[any](got, "null"), want)
	}
	return nil
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, id string) (api.Job, error) {
	return get[api.Job](ctx, c, "jobs", id)
}

// SubmitJob submits a job and returns it as the Manager stored it. After an [UnreachableError] that was Sent,
// the job may exist: look for it before submitting it again. A status of 412 means that the job type has
// changed since TypeEtag was read, 400 that the job type does not exist or its script refused the job.
func (c *Client) SubmitJob(ctx context.Context, job api.SubmittedJob) (api.Job, error) {
	var stored api.Job
	_, err := c.call(ctx, request{method: http.MethodPost, path: []string{"jobs"}}, job, &stored)
	if err == nil && stored.ID == "" {
		err = c.incomplete(http.MethodPost, "job id", "jobs")
	}
	return stored, err
}

// CheckJob compiles a job without storing it. Errors are as for SubmitJob.
func (c *Client) CheckJob(ctx context.Context, job api.SubmittedJob) error {
	_, err := c.call(ctx, request{method: http.MethodPost, path: []string{"jobs", "check"}, harmless: true}, job, nil)
	return err
}

// JobTypes returns all job types with their settings.
func (c *Client) JobTypes(ctx context.Context) ([]api.AvailableJobType, error) {
	types, err := get[api.AvailableJobTypes](ctx, c, "jobs", "types")
	return types.JobTypes, err
}

// JobType returns one job type with its settings.
func (c *Client) JobType(ctx context.Context, name string) (api.AvailableJobType, error) {
	return get[api.AvailableJobType](ctx, c, "jobs", "type", name)
}

// SetJobStatus asks for another status of a job. Status 422 or 500: it cannot go there from where it is.
func (c *Client) SetJobStatus(ctx context.Context, id string, status api.JobStatus, reason string) error {
	return c.change(ctx, http.MethodPost, api.JobStatusChange{Status: status, Reason: reason}, "jobs", id, "setstatus")
}

// SetJobPriority changes a job's priority, 0 to 100.
func (c *Client) SetJobPriority(ctx context.Context, id string, priority int) error {
	return c.change(ctx, http.MethodPost, api.JobPriorityChange{Priority: priority}, "jobs", id, "setpriority")
}

// SetJobTag gives a job to the workers of a tag, named by its ID or its Name; the zero JobTagChange gives it
// to all. Status 406: there is no such tag.
func (c *Client) SetJobTag(ctx context.Context, id string, tag api.JobTagChange) error {
	return needs("setJobTag", c.change(ctx, http.MethodPost, tag, "jobs", id, "settag"))
}

// JobTasks returns the tasks of a job in short. For a job that does not exist there are none.
func (c *Client) JobTasks(ctx context.Context, id string) ([]api.TaskSummary, error) {
	summary, err := list[api.JobTasksSummary](ctx, c, "jobs", id, "tasks")
	return summary.Tasks, err
}

// JobBlocklist returns which workers may not do which tasks of a job.
func (c *Client) JobBlocklist(ctx context.Context, id string) ([]api.JobBlocklistEntry, error) {
	return get[api.JobBlocklist](ctx, c, "jobs", id, "blocklist")
}

// RemoveFromJobBlocklist lets workers do tasks of a job again.
func (c *Client) RemoveFromJobBlocklist(ctx context.Context, id string, entries []api.JobBlocklistEntry) error {
	return c.change(ctx, http.MethodDelete, entries, "jobs", id, "blocklist")
}

// JobLastRendered returns where a job's last picture lies, and false when it has none. [Client.Download]
// fetches it.
func (c *Client) JobLastRendered(ctx context.Context, id string) (api.JobLastRenderedImageInfo, bool, error) {
	return getMaybe[api.JobLastRenderedImageInfo](ctx, c, "jobs", id, "last-rendered")
}

// LastRendered returns where the farm's last picture lies, and false when there is none.
func (c *Client) LastRendered(ctx context.Context) (api.JobLastRenderedImageInfo, bool, error) {
	return getMaybe[api.JobLastRenderedImageInfo](ctx, c, "jobs", "last-rendered")
}

// JobDeletionInfo returns what would go together with a job.
func (c *Client) JobDeletionInfo(ctx context.Context, id string) (api.JobDeletionInfo, error) {
	return get[api.JobDeletionInfo](ctx, c, "jobs", id, "what-would-delete-do")
}

// DeleteJob requests the deletion of a job, which happens a little later.
func (c *Client) DeleteJob(ctx context.Context, id string) error {
	return c.change(ctx, http.MethodDelete, nil, "jobs", id)
}

// DeleteJobs requests the deletion of all jobs that were last updated then or earlier. The Manager rounds the
// moment up to a full second. Status 416: no job is that old.
func (c *Client) DeleteJobs(ctx context.Context, lastUpdated time.Time) error {
	return c.change(ctx, http.MethodDelete, api.JobMassDeletionSelection{LastUpdatedMax: &lastUpdated}, "jobs", "mass-delete")
}
