package flamenco

import (
	"context"
	"net/http"

	"github.com/flsync/flsync/flamenco/api"
)

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
