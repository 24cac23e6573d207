package flamenco

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
)

// Task returns one task.
func (c *Client) Task(ctx context.Context, id string) (api.Task, error) {
	return get[api.Task](ctx, c, "tasks", id)
}

// SetTaskStatus changes a task's status; the job's may follow.
func (c *Client) SetTaskStatus(ctx context.Context, id string, status api.TaskStatus, reason string) error {
	return c.change(ctx, http.MethodPost, api.TaskStatusChange{Status: status, Reason: reason}, "tasks", id, "setstatus")
}

// TaskLogInfo returns where a task's log lies and its size, and false when it has none. [Client.Download] fetches it.
func (c *Client) TaskLogInfo(ctx context.Context, id string) (api.TaskLogInfo, bool, error) {
	return getMaybe[api.TaskLogInfo](ctx, c, "tasks", id, "log")
}

// TaskLogTail returns the last lines of a task's log, nothing when it has none.
func (c *Client) TaskLogTail(ctx context.Context, id string) (string, error) {
	reply, err := c.send(ctx, request{
		method: http.MethodGet, path: []string{"tasks", id, "logtail"}, harmless: true,
		header: http.Header{"Accept": {"text/plain, application/json"}},
	})
	if err != nil {
		return "", err
	}
	defer reply.finish()
	switch reply.StatusCode {
	case http.StatusNoContent:
		return "", nil
	case http.StatusOK:
		if reply.isPage() {
			return "", reply.failure()
		}
		tail, err := io.ReadAll(io.LimitReader(reply.Body, maxReply))
		if err != nil {
			return "", reply.broken(err)
		}
		return string(tail), nil
	}
	return "", reply.failure()
}

// Download opens a file that the Manager serves beside its API: a log (api.TaskLogInfo.URL) or a picture (a Base, a slash
// and a suffix of api.JobLastRenderedImageInfo). It refuses an address on another host. The caller closes the reader; size is
// -1 when the Manager does not say.
func (c *Client) Download(ctx context.Context, address string) (file io.ReadCloser, size int64, err error) {
	ref, err := url.Parse(address)
	if err != nil || ref.Scheme != "" || ref.Host != "" || ref.User != nil || ref.Path == "" {
		return nil, 0, fmt.Errorf("%q is not a path on the Manager", clean(address, maxMessage))
	}
	reply, err := c.send(ctx, request{
		method: http.MethodGet, file: path.Clean("/" + strings.TrimPrefix(ref.Path, "/")), harmless: true,
		header: http.Header{"Accept": {"*/*"}},
	})
	if err != nil {
		return nil, 0, err
	}
	if reply.StatusCode != http.StatusOK || reply.isPage() {
		defer reply.finish()
		return nil, 0, reply.failure()
	}
	return download{reply}, reply.ContentLength, nil
}

// download is a file on its way here.
type download struct{ reply *reply }

func (d download) Read(p []byte) (int, error) {
	n, err := d.reply.Body.Read(p)
	if err != nil && err != io.EOF {
		err = d.reply.broken(err)
	}
	return n, err
}

func (d download) Close() error {
	d.reply.close()
	return nil
}
