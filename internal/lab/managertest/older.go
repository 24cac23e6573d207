package managertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
)

// Older makes a Manager answer as an older release does: without what [api.Additions] lists for later ones.
func Older(next http.Handler, release api.Release) http.Handler {
	o := older{next, release}
	mux := http.NewServeMux()
	mux.Handle("/", next)
	reply := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const notFound, notAllowed = `{"message":"Not Found"}`, `{"message":"method not allowed"}`
	without := map[string]map[string]http.HandlerFunc{
		"deleteJobMass": {"DELETE /api/v3/jobs/mass-delete": reply(400, `{"code":400,"message":"job ID not valid"}`)},
		"getFarmStatus": {"GET /api/v3/status": reply(404, notFound)},
		"fetchJobs": {"GET /api/v3/jobs": reply(400, notAllowed), "POST /api/v3/jobs/query": func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.Method, r.Body, r.URL.Path = http.MethodGet, http.NoBody, "/api/v3/jobs"
			o.strip(w, r)
		}},
		"SubmittedJob.initial_status": {"POST /api/v3/jobs": o.queued, "POST /api/v3/jobs/check": o.queued},
		"JobStatus=pause-requested":   {"POST /api/v3/jobs/{id}/setstatus": o.noPause},
		"setJobTag":                   {"POST /api/v3/jobs/{id}/settag": reply(404, notFound)},
		"updateConfigurationFile":     {"PUT /api/v3/configuration/file": reply(400, notAllowed)},
		"Job.steps_total": {
			"GET /api/v3/openapi3.json": o.strip, "GET /api/v3/version": o.strip, "GET /api/v3/jobs/{id}": o.strip,
			"GET /api/v3/jobs/{id}/tasks": o.strip, "GET /api/v3/tasks/{id}": o.strip, "POST /api/v3/worker/task": o.strip,
		},
	}
	if !o.lacks("fetchJobs") {
		without["Job.steps_total"]["GET /api/v3/jobs"] = o.strip
	}
	if !o.lacks("SubmittedJob.initial_status") {
		without["Job.steps_total"]["POST /api/v3/jobs"] = o.strip
	}
	for name, handlers := range without {
		for pattern, handle := range handlers {
			if o.lacks(name) {
				mux.HandleFunc(pattern, handle)
			}
		}
	}
	return mux
}

type older struct {
	next    http.Handler
	release api.Release
}

func (o older) lacks(name string) bool { return o.release.Before(api.Since(name)) }

// queued takes initial_status out of a job.
func (o older) queued(w http.ResponseWriter, r *http.Request) {
	var job map[string]json.RawMessage
	data, err := io.ReadAll(r.Body)
	if err == nil && json.Unmarshal(data, &job) == nil {
		delete(job, "initial_status")
		data, _ = json.Marshal(job)
	}
	o.resend(w, r, data)
}

// noPause refuses the status that older Managers do not know.
func (o older) noPause(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	o.resend(w, r, bytes.ReplaceAll(data, []byte(`"pause-requested"`), []byte(`"unknown-status"`)))
}

func (o older) resend(w http.ResponseWriter, r *http.Request, body []byte) {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	o.strip(w, r)
}

// strip takes out of a reply what the release does not have, and says the release's version.
func (o older) strip(w http.ResponseWriter, r *http.Request) {
	recorder := httptest.NewRecorder()
	o.next.ServeHTTP(recorder, r)
	body := recorder.Body.Bytes()
	var value any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&value) == nil {
		o.cut(value)
		body, _ = json.Marshal(value)
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	if len(body) > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(body)
}

func (o older) cut(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			o.cut(item)
		}
	case map[string]any:
		for _, key := range []string{"steps_completed", "steps_total", "total_step_count"} {
			delete(value, key)
		}
		if o.lacks("TaskSummary.index_in_job") {
			delete(value, "index_in_job")
		}
		if _, ok := value["shortversion"].(string); ok {
			value["shortversion"], value["version"] = o.release.String(), o.release.String()
		}
		for key, item := range value {
			if operation, ok := item.(map[string]any); ok && o.lackedOperation(operation["operationId"]) {
				delete(value, key)
				continue
			}
			o.cut(item)
		}
	}
}

func (o older) lackedOperation(id any) bool {
	return slices.ContainsFunc(api.Additions(), func(a api.Addition) bool {
		return id == a.Name && !strings.ContainsAny(a.Name, ".=") && o.lacks(a.Name)
	})
}
