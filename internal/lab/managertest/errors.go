package managertest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
)

// testErrors sends what is wrong, and compares status and words of the answer. What the Manager checks
// against its API document has no "code" in the reply; what its operations refuse has.
func (s *suite) testErrors(t *testing.T) {
	const (
		nobody  = "00000000-0000-4000-8000-000000000000"
		schema  = "request body has an error: doesn't match schema #/components/schemas/"
		job     = `{"name":"n","type":"echo-sleep-test","priority":50,"submitter_platform":"linux"`
		get     = http.MethodGet
		post    = http.MethodPost
		put     = http.MethodPut
		del     = http.MethodDelete
		inCode  = true
		inFront = false
	)
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
		coded              bool
	}{
		{get, "/nothing", "", 404, "Not Found", inFront},
		{put, "/version", "{}", 404, "method not allowed", inFront},

		{get, "/jobs/" + nobody, "", 404, "no such job", inCode},
		{get, "/jobs/x", "", 400, "job ID not valid", inCode},
		{get, "/jobs/x/tasks", "", 400, "job ID not valid", inCode},
		{get, "/jobs/x/blocklist", "", 400, "job ID should be a UUID", inCode},
		{get, "/jobs/" + nobody + "/what-would-delete-do", "", 404, "no such job", inCode},
		{get, "/jobs/x/what-would-delete-do", "", 400, "job ID not valid", inCode},
		{get, "/jobs/x/last-rendered", "", 400, "job ID should be a UUID", inCode},
		{get, "/jobs/type/nothing", "", 404, "no such job type known", inCode},
		{del, "/jobs/" + nobody, "", 404, "no such job", inCode},
		{del, "/jobs/x", "", 400, "job ID not valid", inCode},
		{del, "/jobs/mass-delete", `{}`, 400, "invalid format (no last_updated_max)", inCode},
		{del, "/jobs/mass-delete", `{"last_updated_max":"2001-01-01T00:00:00Z"}`, 416, "no jobs modified before timestamp", inCode},
		{del, "/jobs/mass-delete", `{"last_updated_max":"yesterday"}`, 400, schema + "JobMassDeletionSelection", inFront},
		{del, "/jobs/mass-delete", "", 400, "request body has an error: value is required but missing", inFront},
		{del, "/jobs/" + nobody + "/blocklist", `[]`, 400, "empty list of blocklist entries given", inCode},
		{del, "/jobs/" + nobody + "/blocklist", `[{"worker_id":"x"}]`, 400, schema + `JobBlocklist: Error at "/0/task_type": property "task_type" is missing`, inFront},
		{del, "/jobs/x/blocklist", `[]`, 400, "job ID should be a UUID", inCode},
		{post, "/jobs/" + nobody + "/setstatus", `{"status":"queued","reason":"r"}`, 404, "no such job", inCode},
		{post, "/jobs/x/setstatus", `{"status":"queued","reason":"r"}`, 400, "job ID not valid", inCode},
		{post, "/jobs/x/setstatus", `{"status":"quued","reason":"r"}`, 400, schema + `JobStatusChange: Error at "/status": value is not one of the allowed values`, inFront},
		{post, "/jobs/x/setstatus", `{"status":"queued"}`, 400, schema + `JobStatusChange: Error at "/reason": property "reason" is missing`, inFront},
		{post, "/jobs/" + nobody + "/setpriority", `{"priority":50}`, 404, "no such job", inCode},
		{post, "/jobs/x/setpriority", `{"priority":101}`, 400, schema + `JobPriorityChange: Error at "/priority": number must be at most 100`, inFront},
		{post, "/jobs/x/setpriority", `{"priority":-1}`, 400, schema + `JobPriorityChange: Error at "/priority": number must be at least 0`, inFront},
		{post, "/jobs/" + nobody + "/settag", `{}`, 404, "no such job", inCode},

		{post, "/jobs", job[:len(job)-len(`,"submitter_platform":"linux"`)] + "}", 400, schema + `SubmittedJob: Error at "/submitter_platform": property "submitter_platform" is missing`, inFront},
		{post, "/jobs", `{"type":"echo-sleep-test","priority":50,"submitter_platform":"linux"}`, 400, schema + `SubmittedJob: Error at "/name": property "name" is missing`, inFront},
		{post, "/jobs", job + `,"metadata":{"key":1}}`, 400, schema + `SubmittedJob: Error at "/metadata/key": value must be a string`, inFront},
		{post, "/jobs", job + `,"metadata":[]}`, 400, schema + `SubmittedJob: Error at "/metadata": value must be an object`, inFront},
		{post, "/jobs", job + `,"settings":null}`, 400, schema + `SubmittedJob: Error at "/settings": Value is not nullable`, inFront},
		{post, "/jobs", job + `,"initial_status":"asleep"}`, 400, schema + `SubmittedJob: Error at "/initial_status": value is not one of the allowed values`, inFront},
		{post, "/jobs", strings.Replace(job, "50", `"50"`, 1) + "}", 400, schema + `SubmittedJob: Error at "/priority": value must be an integer`, inFront},
		{post, "/jobs", strings.Replace(job, "50", "50.5", 1) + "}", 400, schema + `SubmittedJob: Error at "/priority": value must be an integer`, inFront},
		{post, "/jobs", strings.Replace(job, "echo-sleep-test", "nothing", 1) + "}", 400, "job type unknown", inCode},
		{post, "/jobs", job + `,"type_etag":"stale"}`, 412, "rejecting job because its settings are outdated, refresh the job type", inCode},
		{post, "/jobs", job + `,"worker_tag":"nobody"}`, 500, "error persisting job in database", inCode},
		{post, "/jobs", "nonsense", 400, "request body has an error: failed to decode request body: invalid character", inFront},
		{post, "/jobs", "", 400, "request body has an error: value is required but missing", inFront},
		{post, "/jobs", "[]", 400, schema + "SubmittedJob: value must be an object", inFront},
		{post, "/jobs/check", strings.Replace(job, "echo-sleep-test", "nothing", 1) + "}", 400, "job type unknown", inCode},
		{post, "/jobs/check", job + `,"type_etag":"stale"}`, 412, "rejecting job because its settings are outdated, refresh the job type", inCode},

		{get, "/tasks/" + nobody, "", 404, "no such task", inCode},
		{get, "/tasks/x", "", 400, "job ID not valid", inCode},
		{get, "/tasks/" + nobody + "/log", "", 404, "no such task", inCode},
		{get, "/tasks/x/log", "", 400, "bad task ID", inCode},
		{get, "/tasks/" + nobody + "/logtail", "", 404, "no such task", inCode},
		{get, "/tasks/x/logtail", "", 400, "bad task ID", inCode},
		{post, "/tasks/" + nobody + "/setstatus", `{"status":"queued","reason":"r"}`, 404, "no such task", inCode},
		{post, "/tasks/x/setstatus", `{"status":"queued","reason":"r"}`, 404, "no such task", inCode},

		{get, "/worker-mgt/workers/" + nobody, "", 404, `worker "` + nobody + `" not found`, inCode},
		{get, "/worker-mgt/workers/x", "", 400, "not a valid UUID", inCode},
		{del, "/worker-mgt/workers/" + nobody, "", 404, `worker "` + nobody + `" not found`, inCode},
		{del, "/worker-mgt/workers/x", "", 400, "not a valid UUID", inCode},
		{post, "/worker-mgt/workers/" + nobody + "/setstatus", `{"status":"awake","is_lazy":true}`, 404, `worker "` + nobody + `" not found`, inCode},
		{post, "/worker-mgt/workers/x/setstatus", `{"status":"awake","is_lazy":true}`, 400, "not a valid UUID", inCode},
		{post, "/worker-mgt/workers/x/setstatus", `{"status":"awake"}`, 400, schema + `WorkerStatusChangeRequest: Error at "/is_lazy": property "is_lazy" is missing`, inFront},
		{post, "/worker-mgt/workers/" + nobody + "/settags", `{"tag_ids":[]}`, 404, `worker "` + nobody + `" not found`, inCode},
		{get, "/worker-mgt/workers/x/sleep-schedule", "", 400, "not a valid UUID", inCode},
		{post, "/worker-mgt/workers/" + nobody + "/sleep-schedule", `{"is_active":true,"start_time":"09:00","end_time":"18:00","days_of_week":""}`, 404, `worker "` + nobody + `" does not exist`, inCode},
		{post, "/worker-mgt/workers/" + nobody + "/sleep-schedule", `{"is_active":true,"start_time":"zz","end_time":"18:00","days_of_week":""}`, 400, "invalid format for schedule start time", inCode},
		{post, "/worker-mgt/workers/" + nobody + "/sleep-schedule", `{"is_active":true,"start_time":"09:00","end_time":"zz","days_of_week":""}`, 400, "invalid format for schedule end time", inCode},
		{get, "/worker-mgt/tag/" + nobody, "", 404, `worker tag "` + nobody + `" not found`, inCode},
		{get, "/worker-mgt/tag/x", "", 400, "not a valid UUID", inCode},
		{put, "/worker-mgt/tag/" + nobody, `{"name":"q"}`, 404, `worker tag "` + nobody + `" not found`, inCode},
		{del, "/worker-mgt/tag/x", "", 400, "not a valid UUID", inCode},
		{post, "/worker-mgt/tags", `{}`, 400, schema + `WorkerTag: Error at "/name": property "name" is missing`, inFront},

		{get, "/worker/state", "", 403, "security requirements failed: authorization failed: no auth header found", inFront},
		{post, "/worker/sign-on", `{}`, 403, "security requirements failed: authorization failed: no auth header found", inFront},

		{post, "/shaman/checkout/requirements", `{}`, 400, schema + `ShamanRequirementsRequest: Error at "/files": property "files" is missing`, inFront},
		{post, "/shaman/checkout/requirements", `{"files":[{"sha":"xyz","path":"a"}]}`, 400, schema + `ShamanRequirementsRequest: Error at "/files/0/size": property "size" is missing`, inFront},
		{post, "/shaman/checkout/create", `{"checkoutPath":"a"}`, 400, schema + `ShamanCheckout: Error at "/files": property "files" is missing`, inFront},
		{get, "/shaman/files/x/6", "", 500, "Internal Server Error", inFront},
		{get, "/shaman/files/abc/x", "", 400, "Invalid format for parameter filesize", inFront},

		{post, "/configuration/check/blender", `{}`, 400, schema + `PathCheckInput: Error at "/path": property "path" is missing`, inFront},
		{post, "/configuration/setup-assistant", `{"storageLocation":"","blenderExecutable":{"input":"","path":"","source":"default","is_usable":true,"cause":""}}`, 400, "configuration is incomplete: 'storageLocation' field must not be empty", inCode},
		{post, "/configuration/setup-assistant", `{"storageLocation":"/x","blenderExecutable":{"input":"","path":"","source":"default","is_usable":false,"cause":""}}`, 400, "configuration is incomplete: sources should not have the 'is_usable' field set to false", inCode},
		{post, "/configuration/setup-assistant", `{"storageLocation":"/x","blenderExecutable":{"input":"b","path":"","source":"path_envvar","is_usable":true,"cause":""}}`, 400, "configuration is incomplete: 'path' or 'input' fields must not be empty", inCode},
	} {
		t.Run(test.method+test.path, func(t *testing.T) {
			s.skipError(t, test.path+test.body)
			contentType := ""
			if test.body != "" {
				contentType = "application/json"
			}
			status, reply := s.raw(t, test.method, "/api/v3"+test.path, contentType, test.body)
			text, coded := message(reply)
			if !s.latest() { // words, and the status of what routing and validation refuse, are of each release
				if status != test.status && (test.coded || status/100 != 4) {
					t.Errorf("%s\nis %d, %s, want %d", test.body, status, reply, test.status)
				}
				return
			}
			if status != test.status || !strings.HasPrefix(text, test.want) || coded != test.coded {
				t.Errorf("%s\nis   %d, %s\nwant %d, %s (with code: %v)", test.body, status, reply, test.status, test.want, test.coded)
			}
		})
	}
	status, reply := s.raw(t, post, "/api/v3/jobs", "text/plain", job+"}")
	if text, _ := message(reply); status != 400 || s.latest() && text != `request body has an error: header Content-Type has unexpected value "text/plain"` {
		t.Errorf("content type: %d %s", status, reply)
	}
}

// skipError leaves out errors of operations that the Manager does not have.
func (s *suite) skipError(t *testing.T, call string) {
	for part, addition := range map[string]string{
		"/settag": "setJobTag", "/mass-delete": "deleteJobMass", "initial_status": "SubmittedJob.initial_status",
	} {
		if strings.Contains(call, part) && s.lacks(addition) {
			t.Skipf("%s is since %v", addition, api.Since(addition))
		}
	}
	if strings.Contains(call, "/shaman/") && !s.shaman {
		t.Skip("Shaman is off")
	}
}
