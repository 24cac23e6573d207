package flamenco

import (
	"context"
	"net/http"

	"github.com/flsync/flsync/flamenco/api"
)

// Workers returns all workers in short.
func (c *Client) Workers(ctx context.Context) ([]api.WorkerSummary, error) {
	known, err := list[api.WorkerList](ctx, c, "worker-mgt", "workers")
	return known.Workers, err
}

// Worker returns one worker.
func (c *Client) Worker(ctx context.Context, id string) (api.Worker, error) {
	return get[api.Worker](ctx, c, "worker-mgt", "workers", id)
}

// DeleteWorker removes a worker, best one that is offline. Tasks that it held go back to the queue.
func (c *Client) DeleteWorker(ctx context.Context, id string) error {
	return c.change(ctx, http.MethodDelete, nil, "worker-mgt", "workers", id)
}

// RequestWorkerStatus asks a worker to become awake, asleep, restart or offline; lazy lets it end its task
// first. Status 412: the worker cannot restart itself.
func (c *Client) RequestWorkerStatus(ctx context.Context, id string, status api.WorkerStatus, lazy bool) error {
	return c.change(ctx, http.MethodPost, api.WorkerStatusChangeRequest{Status: status, IsLazy: lazy}, "worker-mgt", "workers", id, "setstatus")
}

// SetWorkerTags replaces the tags of a worker; none leaves it without.
func (c *Client) SetWorkerTags(ctx context.Context, id string, tagIDs ...string) error {
	if tagIDs == nil {
		tagIDs = []string{} // an empty list and not null
	}
	return c.change(ctx, http.MethodPost, api.WorkerTagChangeRequest{TagIDs: tagIDs}, "worker-mgt", "workers", id, "settags")
}

// SleepSchedule returns when a worker sleeps, and false when it has no schedule.
func (c *Client) SleepSchedule(ctx context.Context, id string) (api.WorkerSleepSchedule, bool, error) {
	return getMaybe[api.WorkerSleepSchedule](ctx, c, "worker-mgt", "workers", id, "sleep-schedule")
}

// SetSleepSchedule sets when a worker sleeps. Fields that this package does not know go back as they came.
func (c *Client) SetSleepSchedule(ctx context.Context, id string, schedule api.WorkerSleepSchedule) error {
	return c.change(ctx, http.MethodPost, schedule, "worker-mgt", "workers", id, "sleep-schedule")
}

// Tags returns all worker tags.
func (c *Client) Tags(ctx context.Context) ([]api.WorkerTag, error) {
	known, err := list[api.WorkerTagList](ctx, c, "worker-mgt", "tags")
	return known.Tags, err
}

// Tag returns one worker tag.
func (c *Client) Tag(ctx context.Context, id string) (api.WorkerTag, error) {
	return get[api.WorkerTag](ctx, c, "worker-mgt", "tag", id)
}

// CreateTag creates a worker tag and returns it with its ID. Names are unique; one that is taken gives
// status 500.
func (c *Client) CreateTag(ctx context.Context, tag api.WorkerTag) (api.WorkerTag, error) {
	var created api.WorkerTag
	_, err := c.call(ctx, request{method: http.MethodPost, path: []string{"worker-mgt", "tags"}}, tag, &created)
	if err == nil && created.ID == "" {
		err = c.incomplete(http.MethodPost, "tag id", "worker-mgt", "tags")
	}
	return created, err
}

// UpdateTag stores a tag's new name and, unless it is nil, description. Fields that this package does not
// know go back as they came.
func (c *Client) UpdateTag(ctx context.Context, tag api.WorkerTag) error {
	return c.change(ctx, http.MethodPut, tag, "worker-mgt", "tag", tag.ID)
}

// DeleteTag removes a tag, also from its workers.
func (c *Client) DeleteTag(ctx context.Context, id string) error {
	return c.change(ctx, http.MethodDelete, nil, "worker-mgt", "tag", id)
}
