package manager

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers/legacy/pathpattern"

	"github.com/flsync/flsync/flamenco/api"
)

// handler answers one operation. An error that it returns becomes the reply; see [Manager.fail].
type handler func(*request) error

// taking makes a handler that decodes the request's JSON body.
func taking[T any](handle func(*request, T) error) handler {
	return func(q *request) error {
		var sent T
		if err := q.decode(&sent); err != nil {
			return err
		}
		return handle(q, sent)
	}
}

// view answers with what look finds in the state.
func (m *Manager) view(q *request, look func(*store) (any, error)) (err error) {
	var reply any
	m.store.read(func(s *store) { reply, err = look(s) })
	if err != nil {
		return err
	}
	return q.reply(reply)
}

// change makes a change of the state and answers with what it returns.
func (m *Manager) change(q *request, change func(*tx) (any, error)) error {
	var reply any
	err := m.update(func(x *tx) (err error) {
		reply, err = change(x)
		return err
	})
	if err != nil {
		return err
	}
	return q.reply(reply)
}

// naming makes a handler that refuses a request whose path parameter is no UUID, with the real Manager's
// words.
func naming(param, refusal string, handle handler) handler {
	return func(q *request) error {
		if !validID(q.params[param]) {
			return refuse(http.StatusBadRequest, "%s", refusal)
		}
		return handle(q)
	}
}

// showing makes a handler that answers with what show makes of the record that the path parameter names.
func showing[T any](m *Manager, param string, find func(*store, string) (T, error), show func(*store, T) any) handler {
	return func(q *request) error {
		return m.view(q, func(s *store) (any, error) {
			found, err := find(s, q.params[param])
			if err != nil {
				return nil, err
			}
			return show(s, found), nil
		})
	}
}

// operation is one operation of the API document with what answers it.
type operation struct {
	id     string
	body   *openapi3.RequestBody // nil when the operation has none
	handle handler
}

// handlers maps each operationId of the API document to what answers it.
func (m *Manager) handlers() map[string]handler {
	return map[string]handler{
		"getVersion":               m.getVersion,
		"getFarmStatus":            m.getFarmStatus,
		"getOpenAPI":               m.getOpenAPI,
		"getConfiguration":         m.getConfiguration,
		"getConfigurationFile":     m.getConfigurationFile,
		"updateConfigurationFile":  m.updateConfigurationFile,
		"getSharedStorage":         m.getSharedStorage,
		"getVariables":             m.getVariables,
		"findBlenderExePath":       m.findBlender,
		"checkBlenderExePath":      taking(m.checkBlender),
		"checkSharedStoragePath":   taking(m.checkSharedStorage),
		"saveSetupAssistantConfig": taking(m.saveSetup),

		"getJobTypes":                 m.getJobTypes,
		"getJobType":                  m.getJobType,
		"fetchJobs":                   m.fetchJobs,
		"submitJob":                   taking(m.submitJob),
		"submitJobCheck":              taking(m.checkJob),
		"fetchJob":                    showing(m, "job_id", (*store).find, showJob),
		"deleteJob":                   m.deleteJob,
		"deleteJobMass":               taking(m.deleteJobs),
		"deleteJobWhatWouldItDo":      showing(m, "job_id", (*store).find, showDeletion),
		"setJobStatus":                taking(m.setJobStatus),
		"setJobPriority":              taking(m.setJobPriority),
		"setJobTag":                   m.setJobTag,
		"fetchJobTasks":               naming("job_id", "job ID not valid", m.fetchJobTasks),
		"fetchJobBlocklist":           naming("job_id", "job ID should be a UUID", m.fetchBlocklist),
		"removeJobBlocklist":          taking(m.removeBlocklist),
		"fetchJobLastRenderedInfo":    naming("job_id", "job ID should be a UUID", m.fetchLastRendered),
		"fetchGlobalLastRenderedInfo": m.fetchGlobalLastRendered,

		"fetchTask":        naming("task_id", "job ID not valid", m.fetchTask),
		"setTaskStatus":    taking(m.setTaskStatus),
		"fetchTaskLogInfo": naming("task_id", "bad task ID", m.fetchTaskLogInfo),
		"fetchTaskLogTail": naming("task_id", "bad task ID", m.fetchTaskLogTail),

		"fetchWorkers":              m.fetchWorkers,
		"fetchWorker":               showing(m, "worker_id", (*store).findWorker, (*store).workerReply),
		"deleteWorker":              m.deleteWorker,
		"requestWorkerStatusChange": taking(m.requestWorkerStatus),
		"setWorkerTags":             taking(m.setWorkerTags),
		"fetchWorkerSleepSchedule":  naming("worker_id", "not a valid UUID", m.fetchSleepSchedule),
		"setWorkerSleepSchedule":    taking(m.setSleepSchedule),
		"fetchWorkerTags":           m.fetchTags,
		"createWorkerTag":           taking(m.createTag),
		"fetchWorkerTag":            showing(m, "tag_id", (*store).findTag, showTag),
		"updateWorkerTag":           taking(m.updateTag),
		"deleteWorkerTag":           m.deleteTag,

		"shamanFileStoreCheck":       m.withShaman(m.fileStatus),
		"shamanFileStore":            m.withShaman(m.upload),
		"shamanCheckoutRequirements": m.withShaman(m.requirements),
		"shamanCheckout":             m.withShaman(m.checkout),

		"registerWorker":     taking(m.registerWorker),
		"signOn":             m.asWorker(m.signOn),
		"signOff":            m.asWorker(m.signOff),
		"workerState":        m.asWorker(m.workerState),
		"workerStateChanged": m.asWorker(m.workerStateChanged),
		"scheduleTask":       m.asWorker(m.scheduleTask),
		"taskUpdate":         m.asWorker(m.taskUpdate),
		"mayWorkerRun":       m.asWorker(m.mayWorkerRun),
		"taskOutputProduced": m.asWorker(m.outputProduced),
	}
}

// document is the API document, which never changes. Managers of one program share it: to read it takes
// longer than all else that a Manager does when it starts.
var document = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(api.Document()) })

// newRoutes joins each operation of the API document to its handler. Both must be complete. A node of the
// routes holds the operations of one path by their methods.
func (m *Manager) newRoutes() (*pathpattern.Node, error) {
	document, err := document()
	if err != nil {
		return nil, fmt.Errorf("API document: %w", err)
	}
	handlers, routes := m.handlers(), new(pathpattern.Node)
	for path, item := range document.Paths.Map() {
		methods := map[string]*operation{}
		for method, described := range item.Operations() {
			op := &operation{id: described.OperationID, handle: handlers[described.OperationID]}
			if op.handle == nil {
				return nil, fmt.Errorf("nothing answers operation %q", op.id)
			}
			if described.RequestBody != nil {
				op.body = described.RequestBody.Value
			}
			methods[method] = op
			delete(handlers, op.id)
		}
		if err := routes.Add(path, methods, nil); err != nil {
			return nil, fmt.Errorf("API document: path %s: %w", path, err)
		}
	}
	for id := range handlers {
		return nil, fmt.Errorf("the API document has no operation %q", id)
	}
	return routes, nil
}

// route finds the operation for a request and the values of its path parameters. A path whose first parts are
// fixed wins over one with a parameter in the same place. knownPath reports whether the path exists with
// another method.
func (m *Manager) route(r *http.Request) (op *operation, params map[string]string, knownPath bool) {
	path := r.URL.EscapedPath()
	node, values := m.routes.Match(path)
	if node == nil || strings.HasSuffix(path, "/") {
		return nil, nil, false
	}
	params = make(map[string]string, len(values))
	for i, value := range values {
		value, err := url.PathUnescape(value)
		if err != nil || value == "" {
			return nil, nil, false
		}
		params[node.VariableNames[i]] = value
	}
	return node.Value.(map[string]*operation)[r.Method], params, true
}
