package manager

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

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
	id       string
	method   string
	segments []string              // of the path; a parameter is "{name}"
	body     *openapi3.RequestBody // nil when the operation has none
	handle   handler
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
		"fetchJobTasks":               m.fetchJobTasks,
		"fetchJobBlocklist":           m.fetchBlocklist,
		"removeJobBlocklist":          taking(m.removeBlocklist),
		"fetchJobLastRenderedInfo":    m.fetchLastRendered,
		"fetchGlobalLastRenderedInfo": m.fetchGlobalLastRendered,

		"fetchTask":        m.fetchTask,
		"setTaskStatus":    taking(m.setTaskStatus),
		"fetchTaskLogInfo": m.fetchTaskLogInfo,
		"fetchTaskLogTail": m.fetchTaskLogTail,

		"fetchWorkers":              m.fetchWorkers,
		"fetchWorker":               showing(m, "worker_id", (*store).findWorker, (*store).workerReply),
		"deleteWorker":              m.deleteWorker,
		"requestWorkerStatusChange": taking(m.requestWorkerStatus),
		"setWorkerTags":             taking(m.setWorkerTags),
		"fetchWorkerSleepSchedule":  m.fetchSleepSchedule,
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

// newRoutes reads the API document and joins each of its operations to its handler. Both must be complete.
func (m *Manager) newRoutes() (routes []*operation, err error) {
	if m.document, err = openapi3.NewLoader().LoadFromData(api.Document()); err != nil {
		return nil, fmt.Errorf("API document: %w", err)
	}
	handlers := m.handlers()
	for path, item := range m.document.Paths.Map() {
		for method, described := range item.Operations() {
			op := &operation{
				id: described.OperationID, method: method, segments: strings.Split(path, "/"), handle: handlers[described.OperationID],
			}
			if op.handle == nil {
				return nil, fmt.Errorf("nothing answers operation %q", op.id)
			}
			if described.RequestBody != nil {
				op.body = described.RequestBody.Value
			}
			routes = append(routes, op)
			delete(handlers, op.id)
		}
	}
	for id := range handlers {
		return nil, fmt.Errorf("the API document has no operation %q", id)
	}
	return routes, nil
}

// route finds the operation for a request and the values of its path parameters. A path whose parts are all
// fixed wins over one with a parameter in the same place. knownPath reports whether the path exists with
// another method.
func route(routes []*operation, r *http.Request) (op *operation, params map[string]string, knownPath bool) {
	parts := strings.Split(r.URL.EscapedPath(), "/")
	fixed := -1
	for _, candidate := range routes {
		n, ok := candidate.matches(parts)
		if !ok || n < fixed {
			continue
		}
		if n > fixed {
			fixed, op, knownPath = n, nil, true
		}
		if candidate.method == r.Method {
			op = candidate
		}
	}
	if op == nil {
		return nil, nil, knownPath
	}
	params = make(map[string]string, 2)
	for i, segment := range op.segments {
		if strings.HasPrefix(segment, "{") {
			value, err := url.PathUnescape(parts[i])
			if err != nil {
				return nil, nil, false
			}
			params[strings.Trim(segment, "{}")] = value
		}
	}
	return op, params, true
}

// matches reports whether parts are a path of op, and how many of them are fixed parts.
func (op *operation) matches(parts []string) (fixed int, ok bool) {
	if len(parts) != len(op.segments) {
		return 0, false
	}
	for i, segment := range op.segments {
		switch {
		case segment == parts[i]:
			fixed++
		case !strings.HasPrefix(segment, "{") || parts[i] == "":
			return 0, false
		}
	}
	return fixed, true
}
