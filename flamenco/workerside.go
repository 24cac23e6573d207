package flamenco

import (
	"context"
	"net/http"

	"github.com/flsync/flsync/flamenco/api"
)

// RegisterWorker makes a new worker known. The secret in the registration is its password from then on.
func (c *Client) RegisterWorker(ctx context.Context, registration api.WorkerRegistration) (api.RegisteredWorker, error) {
	var worker api.RegisteredWorker
	_, err := c.call(ctx, request{method: http.MethodPost, path: []string{"worker", "register-worker"}}, registration, &worker)
	if err == nil && worker.UUID == "" {
		err = c.incomplete(http.MethodPost, "worker id", "worker", "register-worker")
	}
	return worker, err
}

// AsWorker returns the calls that a registered worker makes.
func (c *Client) AsWorker(id, secret string) *WorkerSession {
	auth := basicAuth(id, secret)
	as := *c
	as.secrets = append(secrets{auth, secret}, c.secrets...)
	return &WorkerSession{client: &as, auth: auth}
}

// WorkerSession is a Manager as one worker sees it.
type WorkerSession struct {
	client *Client
	auth   string
}

// String does not tell the secret.
func (w *WorkerSession) String() string { return "worker at " + w.client.URL() }

// GoString is String, for %#v.
func (w *WorkerSession) GoString() string { return w.String() }

func (w *WorkerSession) call(ctx context.Context, method string, body, into any, path ...string) (int, error) {
	return w.client.call(ctx, request{
		method: method, path: append([]string{"worker"}, path...),
		header: http.Header{"Authorization": {w.auth}}, harmless: method == http.MethodGet,
	}, body, into)
}

// SignOn comes online and returns the status to take.
func (w *WorkerSession) SignOn(ctx context.Context, signOn api.WorkerSignOn) (api.WorkerStatus, error) {
	var change api.WorkerStateChange
	_, err := w.call(ctx, http.MethodPost, signOn, &change, "sign-on")
	return change.StatusRequested, err
}

// SignOff goes offline.
func (w *WorkerSession) SignOff(ctx context.Context) error {
	_, err := w.call(ctx, http.MethodPost, nil, nil, "sign-off")
	return err
}

// State returns the status that the worker is asked to take, and false when it is not asked.
func (w *WorkerSession) State(ctx context.Context) (api.WorkerStatus, bool, error) {
	var change api.WorkerStateChange
	status, err := w.call(ctx, http.MethodGet, nil, &change, "state")
	return change.StatusRequested, err == nil && status != http.StatusNoContent, err
}

// StateChanged reports a new status.
func (w *WorkerSession) StateChanged(ctx context.Context, status api.WorkerStatus) error {
	_, err := w.call(ctx, http.MethodPost, api.WorkerStateChanged{Status: status}, nil, "state-changed")
	return err
}

// ScheduleTask asks for a task, and returns false when there is none. A [*StatusRequestedError] means that
// the worker has to change its status first; status 409, that it is not awake.
func (w *WorkerSession) ScheduleTask(ctx context.Context) (api.AssignedTask, bool, error) {
	var task api.AssignedTask
	reply, err := w.client.send(ctx, request{
		method: http.MethodPost, path: []string{"worker", "task"}, header: http.Header{"Authorization": {w.auth}},
	})
	if err != nil {
		return task, false, err
	}
	defer reply.finish()
	switch reply.StatusCode {
	case http.StatusNoContent:
		return task, false, nil
	case http.StatusOK:
		err = reply.decode(&task)
		return task, err == nil, err
	case http.StatusLocked:
		var change api.WorkerStateChange
		if err := reply.decode(&change); err != nil {
			return task, false, err
		}
		return task, false, &StatusRequestedError{Status: change.StatusRequested}
	}
	return task, false, reply.failure()
}

// UpdateTask reports progress, the end or the failure of a task. Status 409: the task is another worker's
// now.
func (w *WorkerSession) UpdateTask(ctx context.Context, taskID string, update api.TaskUpdate) error {
	_, err := w.call(ctx, http.MethodPost, update, nil, "task", taskID)
	return err
}

// MayRun returns whether the worker may go on with a task.
func (w *WorkerSession) MayRun(ctx context.Context, taskID string) (api.MayKeepRunning, error) {
	var answer api.MayKeepRunning
	_, err := w.call(ctx, http.MethodGet, nil, &answer, "task", taskID, "may-i-run")
	return answer, err
}

// OutputProduced sends the picture that a task has just rendered; contentType is image/png or image/jpeg.
// Status 429 means that this picture was one too many.
func (w *WorkerSession) OutputProduced(ctx context.Context, taskID, contentType string, picture []byte) error {
	reply, err := w.client.send(ctx, request{
		method: http.MethodPost, path: []string{"worker", "task", taskID, "output-produced"},
		header: http.Header{"Authorization": {w.auth}},
	}.withBody(contentType, picture))
	if err != nil {
		return err
	}
	defer reply.finish()
	if reply.StatusCode < 200 || reply.StatusCode > 299 {
		return reply.failure()
	}
	return nil
}
