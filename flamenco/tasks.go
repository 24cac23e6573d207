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

// TaskLogInfo returns where a task's log lies and its size, and false when it has none. [Client.Download]
// fetches it.
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

// Download opens a file that the Manager serves beside its API: a log (api.TaskLogInfo.URL) or a picture (a
// Base, a slash and a suffix of api.JobLastRenderedImageInfo). It refuses an address on another host. The
// caller closes the reader; size is -1 when the Manager does not say.
func (c *Client) Download(ctx context.Context, address string) (file io.ReadCloser, size int64, err error) {
	return c.DownloadFrom(ctx, address, 0)
}

// DownloadFrom is Download without the first bytes: of a log, for example, of which they are known. size is
// that of the rest.
func (c *Client) DownloadFrom(ctx context.Context, address string, from int64) (file io.ReadCloser, size int64, err error) {
	ref, err := url.Parse(address)
	if err != nil || ref.Scheme != "" || ref.Host != "" || ref.User != nil || ref.Path == "" {
		return nil, 0, fmt.Errorf("%q is not a path on the Manager", clean(address, maxMessage))
	}
	header := http.Header{"Accept": {"*/*"}}
	if from > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	reply, err := c.send(ctx, request{
		method: http.MethodGet, file: path.Clean("/" + strings.TrimPrefix(ref.Path, "/")), harmless: true, header: header,
	})
	if err != nil {
		return nil, 0, err
	}
	d := download{reply}
	switch {
	case reply.isPage():
	case reply.StatusCode == http.StatusPartialContent && strings.HasPrefix(reply.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)):
		return d, reply.ContentLength, nil
	case reply.StatusCode == http.StatusOK: // somebody between does not know of ranges
		if _, err := io.CopyN(io.Discard, d, from); err != nil {
			d.Close()
			return nil, 0, fmt.Errorf("%s: its first %d bytes: %w", reply.url, from, err)
		}
		return d, max(reply.ContentLength-from, -1), nil
	}
	defer reply.finish()
	return nil, 0, reply.failure()
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
