package flamenco

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
)

// one makes the result of a call that gives an object comparable, two of one that may give none.
func one(value any, err error) (any, error)          { return value, err }
func two(value any, ok bool, err error) (any, error) { return []any{value, ok}, err }
func none(err error) (any, error)                    { return nil, err }

const digest = "35b0491c27b0333d1fb45fc0789a12ca06b1d640d2569780b807de504d7029e0"

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	text = func(s string) *string { return &s }
)

type operation struct {
	name   string
	call   func(ctx context.Context, c *Client) (any, error)
	path   string // below /api/v3
	body   string // JSON, or any text
	status int    // 200 when 0
	reply  string
	want   any
	header map[string]string
}

// operations has at least one call of each operation of the API document, by its operationId.
func operations() map[string][]operation {
	worker := func(c *Client) *WorkerSession { return c.AsWorker("w1", "geheim") }
	workerAuth := map[string]string{"Authorization": "Basic dzE6Z2VoZWlt"}
	job := api.SubmittedJob{
		Name: "sh010", Type: "echo-sleep-test", Priority: 50, SubmitterPlatform: "linux", TypeEtag: "e1",
		Settings: api.JobSettings{"message": "hi <3"}, Metadata: api.JobMetadata{"key": "k"},
		Storage: &api.JobStorageInfo{ShamanCheckoutID: "a/b"}, InitialStatus: api.JobStatusPaused, WorkerTag: "00000002-0000-4000-8000-000000000000",
	}
	const jobJSON = `{"name":"sh010","type":"echo-sleep-test","priority":50,"submitter_platform":"linux","type_etag":"e1",
		"settings":{"message":"hi <3"},"metadata":{"key":"k"},"storage":{"shaman_checkout_id":"a/b"},"initial_status":"paused","worker_tag":"00000002-0000-4000-8000-000000000000"}`
	spec := api.ShamanFileSpec{Sha: digest, Size: 3, Path: "tex/Ω.png"}
	const specJSON = `{"sha":"` + digest + `","size":3,"path":"tex/Ω.png"}`
	const storedJob = `{"id":"00000001-0000-4000-8000-000000000000","name":"sh010","type":"t","priority":50,"submitter_platform":"","status":"dreaming","activity":"",
		"created":"2026-11-23T12:00:00Z","updated":"2026-11-23T12:00:00Z","steps_completed":1,"steps_total":2,"new_field":{"x":1}}`
	stored := api.Job{
		ID: "00000001-0000-4000-8000-000000000000", Name: "sh010", Type: "t", Priority: 50, Status: "dreaming", Created: noon, Updated: noon, StepsCompleted: 1, StepsTotal: 2,
	}
	picture := api.JobLastRenderedImageInfo{Base: "/job-files/00000001-0000-4000-8000-000000000000", Suffixes: []string{"last-rendered.jpg"}}
	const pictureJSON = `{"base":"/job-files/00000001-0000-4000-8000-000000000000","suffixes":["last-rendered.jpg"]}`
	blender := api.BlenderPathCheckResult{Input: "blender", Path: "/usr/bin/blender", Source: api.BlenderPathSourcePathEnvvar, IsUsable: true, Cause: "found"}
	const blenderJSON = `{"input":"blender","path":"/usr/bin/blender","source":"path_envvar","is_usable":true,"cause":"found"}`
	schedule := api.WorkerSleepSchedule{
		IsActive: true, DaysOfWeek: "mo tu", StartTime: "09:00", EndTime: "18:00",
		AdditionalProperties: map[string]json.RawMessage{"time_zone": json.RawMessage(`"Europe/Berlin"`)},
	}
	const scheduleJSON = `{"is_active":true,"days_of_week":"mo tu","start_time":"09:00","end_time":"18:00","time_zone":"Europe/Berlin"}`
	tag := api.WorkerTag{
		ID: "00000002-0000-4000-8000-000000000000", Name: "GPU", Description: text("fast"),
		AdditionalProperties: map[string]json.RawMessage{"big": json.RawMessage(`12345678901234567890`)},
	}
	const tagJSON = `{"id":"00000002-0000-4000-8000-000000000000","name":"GPU","description":"fast","big":12345678901234567890}`

	return map[string][]operation{
		"getVersion": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.Version(ctx)) },
			path: "version", reply: `{"version":"3.9 (git)","shortversion":"3.9","name":"farm","git":"g"}`,
			want: api.FlamencoVersion{Version: "3.9 (git)", Shortversion: "3.9", Name: "farm", Git: "g"},
		}},
		"getFarmStatus": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.Status(ctx)) },
			path: "status", reply: `{"status":"on holiday"}`, want: api.FarmStatus("on holiday"),
		}},
		"getOpenAPI": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.OpenAPI(ctx)) },
			path: "openapi3.json", reply: `{"openapi":"3.0.0"}`, want: json.RawMessage(`{"openapi":"3.0.0"}`),
		}},
		"getConfiguration": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.Configuration(ctx)) },
			path: "configuration", reply: `{"storageLocation":"/s/jobs","shamanEnabled":true,"isFirstRun":false}`,
			want: api.ManagerConfiguration{StorageLocation: "/s/jobs", ShamanEnabled: true},
		}},
		"getConfigurationFile": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.ConfigurationFile(ctx)) },
			path: "configuration/file", reply: `{"listen":":8080"}`, want: json.RawMessage(`{"listen":":8080"}`),
		}},
		"updateConfigurationFile": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.UpdateConfigurationFile(ctx, json.RawMessage(`{"listen":":8081"}`)))
			},
			path: "configuration/file", body: `{"listen":":8081"}`, status: 204,
		}},
		"getSharedStorage": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.SharedStorage(ctx, api.ManagerVariableAudienceUsers, "linux"))
			},
			path: "configuration/shared-storage/users/linux", reply: `{"location":"/s","audience":"users","platform":"linux","shamanEnabled":true}`,
			want: api.SharedStorageLocation{Location: "/s", Audience: "users", Platform: "linux", ShamanEnabled: true},
		}},
		"getVariables": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.Variables(ctx, api.ManagerVariableAudienceWorkers, "windows"))
			},
			path: "configuration/variables/workers/windows", reply: `{"jobs":{"value":"S:\\jobs","is_twoway":true}}`,
			want: api.ManagerVariables{"jobs": {Value: `S:\jobs`, IsTwoway: true}},
		}},
		"findBlenderExePath": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.FindBlender(ctx)) },
			path: "configuration/check/blender", reply: "[" + blenderJSON + "]", want: []api.BlenderPathCheckResult{blender},
		}},
		"checkBlenderExePath": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.CheckBlender(ctx, "blender")) },
			path: "configuration/check/blender", body: `{"path":"blender"}`, reply: blenderJSON, want: blender,
		}},
		"checkSharedStoragePath": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.CheckSharedStorage(ctx, "/s")) },
			path: "configuration/check/shared-storage", body: `{"path":"/s"}`, reply: `{"path":"/s","is_usable":false,"cause":"no"}`,
			want: api.PathCheckResult{Path: "/s", Cause: "no"},
		}},
		"saveSetupAssistantConfig": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.SaveSetup(ctx, api.SetupAssistantConfig{StorageLocation: "/s", BlenderExecutable: blender}))
			},
			path: "configuration/setup-assistant", body: `{"storageLocation":"/s","blenderExecutable":` + blenderJSON + `}`, status: 204,
		}},

		"fetchJobs": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.Jobs(ctx)) },
			path: "jobs", reply: `{"jobs":[` + storedJob + `]}`, want: []api.Job{stored},
		}},
		"submitJob": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.SubmitJob(ctx, job)) },
			path: "jobs", body: jobJSON, reply: storedJob, want: stored,
		}, {
			name: "smallest",
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.SubmitJob(ctx, api.SubmittedJob{Name: "n", Type: "t", SubmitterPlatform: "manager"}))
			},
			path: "jobs", body: `{"name":"n","type":"t","priority":0,"submitter_platform":"manager"}`, reply: storedJob, want: stored,
		}},
		"submitJobCheck": {{
			call: func(ctx context.Context, c *Client) (any, error) { return none(c.CheckJob(ctx, job)) },
			path: "jobs/check", body: jobJSON, status: 204,
		}},
		"getJobTypes": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.JobTypes(ctx)) },
			path: "jobs/types",
			reply: `{"job_types":[{"name":"t","label":"T","etag":"e","description":"d","settings":[
				{"key":"chunk","type":"int32","default":1,"propargs":{"min":1},"required":true,"visible":"submission","label":"Chunk","description":"how many"},
				{"key":"fps","type":"complex128","eval":"C.x","evalInfo":{"showLinkButton":true,"description":"x"},"choices":["a"],"subtype":"dir_path","editable":true}]}]}`,
			want: []api.AvailableJobType{{Name: "t", Label: "T", Etag: "e", Description: "d", Settings: []api.AvailableJobSetting{
				{Key: "chunk", Type: "int32", Default: 1.0, Propargs: map[string]any{"min": 1.0}, Required: true, Visible: "submission", Label: "Chunk", Description: "how many"},
				{Key: "fps", Type: "complex128", Eval: "C.x", EvalInfo: &api.AvailableJobSettingEvalInfo{ShowLinkButton: true, Description: "x"}, Choices: []string{"a"}, Subtype: "dir_path", Editable: true},
			}}},
		}},
		"getJobType": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.JobType(ctx, "my type/Ω")) },
			path: "jobs/type/my%20type%2F%CE%A9", reply: `{"name":"t","label":"T","etag":"e","settings":[]}`,
			want: api.AvailableJobType{Name: "t", Label: "T", Etag: "e", Settings: []api.AvailableJobSetting{}},
		}},
		"deleteJobMass": {{
			call: func(ctx context.Context, c *Client) (any, error) { return none(c.DeleteJobs(ctx, noon)) },
			path: "jobs/mass-delete", body: `{"last_updated_max":"2026-11-23T12:00:00Z"}`, status: 204,
		}},
		"fetchGlobalLastRenderedInfo": {{
			call: func(ctx context.Context, c *Client) (any, error) { return two(c.LastRendered(ctx)) },
			path: "jobs/last-rendered", reply: pictureJSON, want: []any{picture, true},
		}, {
			name: "none",
			call: func(ctx context.Context, c *Client) (any, error) { return two(c.LastRendered(ctx)) },
			path: "jobs/last-rendered", status: 204, want: []any{api.JobLastRenderedImageInfo{}, false},
		}},
		"fetchJob": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.Job(ctx, "00000001-0000-4000-8000-000000000000"))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000", reply: storedJob, want: stored,
		}},
		"deleteJob": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.DeleteJob(ctx, "00000001-0000-4000-8000-000000000000"))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000", status: 204,
		}},
		"deleteJobWhatWouldItDo": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.JobDeletionInfo(ctx, "00000001-0000-4000-8000-000000000000"))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/what-would-delete-do", reply: `{"shaman_checkout":true}`, want: api.JobDeletionInfo{ShamanCheckout: true},
		}},
		"fetchJobLastRenderedInfo": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return two(c.JobLastRendered(ctx, "00000001-0000-4000-8000-000000000000"))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/last-rendered", reply: pictureJSON, want: []any{picture, true},
		}, {
			name: "none",
			call: func(ctx context.Context, c *Client) (any, error) {
				return two(c.JobLastRendered(ctx, "00000001-0000-4000-8000-000000000000"))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/last-rendered", status: 204, want: []any{api.JobLastRenderedImageInfo{}, false},
		}},
		"setJobStatus": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.SetJobStatus(ctx, "00000001-0000-4000-8000-000000000000", api.JobStatusCancelRequested, "no use"))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/setstatus", body: `{"status":"cancel-requested","reason":"no use"}`, status: 204,
		}},
		"setJobPriority": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.SetJobPriority(ctx, "00000001-0000-4000-8000-000000000000", 0))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/setpriority", body: `{"priority":0}`, status: 204,
		}},
		"setJobTag": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.SetJobTag(ctx, "00000001-0000-4000-8000-000000000000", api.JobTagChange{Name: "GPU"}))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/settag", body: `{"name":"GPU"}`, status: 204,
		}, {
			name: "none",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.SetJobTag(ctx, "00000001-0000-4000-8000-000000000000", api.JobTagChange{}))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/settag", body: `{}`, status: 204,
		}},
		"fetchJobTasks": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.JobTasks(ctx, "00000001-0000-4000-8000-000000000000"))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/tasks",
			reply: `{"tasks":[{"id":"00000005-0000-4000-8000-000000000000","name":"n","status":"queued","index_in_job":1,"priority":50,"task_type":"blender","updated":"2026-11-23T12:00:00Z",
				"worker":{"id":"00000004-0000-4000-8000-000000000000","name":"W","address":"::1"},"steps_completed":0,"steps_total":4}]}`,
			want: []api.TaskSummary{{
				ID: "00000005-0000-4000-8000-000000000000", Name: "n", Status: "queued", IndexInJob: 1, Priority: 50, TaskType: "blender", Updated: noon,
				Worker: &api.TaskWorker{ID: "00000004-0000-4000-8000-000000000000", Name: "W", Address: "::1"}, StepsTotal: 4,
			}},
		}},
		"fetchJobBlocklist": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.JobBlocklist(ctx, "00000001-0000-4000-8000-000000000000"))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/blocklist", reply: `[{"worker_id":"w","task_type":"blender","worker_name":"W"}]`,
			want: []api.JobBlocklistEntry{{WorkerID: "w", TaskType: "blender", WorkerName: "W"}},
		}},
		"removeJobBlocklist": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.RemoveFromJobBlocklist(ctx, "00000001-0000-4000-8000-000000000000", []api.JobBlocklistEntry{{WorkerID: "w", TaskType: "blender"}}))
			},
			path: "jobs/00000001-0000-4000-8000-000000000000/blocklist", body: `[{"worker_id":"w","task_type":"blender"}]`, status: 204,
		}},

		"fetchTask": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.Task(ctx, "a")) },
			path: "tasks/a",
			reply: `{"id":"00000005-0000-4000-8000-000000000000","job_id":"00000001-0000-4000-8000-000000000000","name":"n","status":"soft-failed","index_in_job":2,"priority":50,"task_type":"blender","activity":"x",
				"created":"2026-11-23T12:00:00Z","updated":"2026-11-23T12:00:00Z","last_touched":"2026-11-23T12:00:00Z","steps_completed":1,"steps_total":4,
				"commands":[{"name":"c","parameters":{"p":"{jobs}"},"total_step_count":3}],"failed_by_workers":[{"id":"00000004-0000-4000-8000-000000000000","name":"W","address":"a"}]}`,
			want: api.Task{
				ID: "00000005-0000-4000-8000-000000000000", JobID: "00000001-0000-4000-8000-000000000000", Name: "n", Status: "soft-failed", IndexInJob: 2, Priority: 50, TaskType: "blender", Activity: "x",
				Created: noon, Updated: noon, LastTouched: &noon, StepsCompleted: 1, StepsTotal: 4,
				Commands:        []api.Command{{Name: "c", Parameters: map[string]any{"p": "{jobs}"}, TotalStepCount: 3}},
				FailedByWorkers: []api.TaskWorker{{ID: "00000004-0000-4000-8000-000000000000", Name: "W", Address: "a"}},
			},
		}},
		"setTaskStatus": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.SetTaskStatus(ctx, "a", api.TaskStatusQueued, "again"))
			},
			path: "tasks/a/setstatus", body: `{"status":"queued","reason":"again"}`, status: 204,
		}},
		"fetchTaskLogInfo": {{
			call: func(ctx context.Context, c *Client) (any, error) { return two(c.TaskLogInfo(ctx, "a")) },
			path: "tasks/a/log", reply: `{"task_id":"a","job_id":"00000001-0000-4000-8000-000000000000","url":"/job-files/x.txt","size":5000000000}`,
			want: []any{api.TaskLogInfo{TaskID: "a", JobID: "00000001-0000-4000-8000-000000000000", URL: "/job-files/x.txt", Size: 5_000_000_000}, true},
		}, {
			name: "none",
			call: func(ctx context.Context, c *Client) (any, error) { return two(c.TaskLogInfo(ctx, "a")) },
			path: "tasks/a/log", status: 204, want: []any{api.TaskLogInfo{}, false},
		}},
		"fetchTaskLogTail": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.TaskLogTail(ctx, "a")) },
			path: "tasks/a/logtail", reply: "line 1\nline 2\n", want: "line 1\nline 2\n",
		}, {
			name: "none",
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.TaskLogTail(ctx, "a")) },
			path: "tasks/a/logtail", status: 204, want: "",
		}},

		"fetchWorkers": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.Workers(ctx)) },
			path: "worker-mgt/workers",
			reply: `{"workers":[{"id":"00000004-0000-4000-8000-000000000000","name":"W","status":"awake","version":"3.9","can_restart":true,"last_seen":"2026-11-23T12:00:00Z",
				"status_change":{"status":"asleep","is_lazy":true}}]}`,
			want: []api.WorkerSummary{{
				ID: "00000004-0000-4000-8000-000000000000", Name: "W", Status: "awake", Version: "3.9", CanRestart: true, LastSeen: &noon,
				StatusChange: &api.WorkerStatusChangeRequest{Status: "asleep", IsLazy: true},
			}},
		}},
		"fetchWorker": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.Worker(ctx, "w")) },
			path: "worker-mgt/workers/w",
			reply: `{"id":"00000004-0000-4000-8000-000000000000","name":"W","status":"awake","version":"3.9","can_restart":false,"ip_address":"::1","platform":"linux",
				"supported_task_types":["blender"],"gpus":["RTX"],"tags":[` + tagJSON + `],
				"task":{"id":"00000005-0000-4000-8000-000000000000","job_id":"00000001-0000-4000-8000-000000000000","name":"n","status":"active","index_in_job":1,"priority":50,"task_type":"blender","updated":"2026-11-23T12:00:00Z","steps_completed":0,"steps_total":4}}`,
			want: api.Worker{
				ID: "00000004-0000-4000-8000-000000000000", Name: "W", Status: "awake", Version: "3.9", IPAddress: "::1", Platform: "linux",
				SupportedTaskTypes: []string{"blender"}, GPUs: []string{"RTX"}, Tags: []api.WorkerTag{tag},
				Task: &api.WorkerTask{ID: "00000005-0000-4000-8000-000000000000", JobID: "00000001-0000-4000-8000-000000000000", Name: "n", Status: "active", IndexInJob: 1, Priority: 50, TaskType: "blender", Updated: noon, StepsTotal: 4},
			},
		}},
		"deleteWorker": {{
			call: func(ctx context.Context, c *Client) (any, error) { return none(c.DeleteWorker(ctx, "w")) },
			path: "worker-mgt/workers/w", status: 204,
		}},
		"requestWorkerStatusChange": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.RequestWorkerStatus(ctx, "w", api.WorkerStatusAsleep, false))
			},
			path: "worker-mgt/workers/w/setstatus", body: `{"status":"asleep","is_lazy":false}`, status: 204,
		}},
		"setWorkerTags": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.SetWorkerTags(ctx, "w", "00000002-0000-4000-8000-000000000000", "t2"))
			},
			path: "worker-mgt/workers/w/settags", body: `{"tag_ids":["00000002-0000-4000-8000-000000000000","t2"]}`, status: 204,
		}, {
			name: "none",
			call: func(ctx context.Context, c *Client) (any, error) { return none(c.SetWorkerTags(ctx, "w")) },
			path: "worker-mgt/workers/w/settags", body: `{"tag_ids":[]}`, status: 204,
		}},
		"fetchWorkerSleepSchedule": {{
			call: func(ctx context.Context, c *Client) (any, error) { return two(c.SleepSchedule(ctx, "w")) },
			path: "worker-mgt/workers/w/sleep-schedule", reply: scheduleJSON, want: []any{schedule, true},
		}, {
			name: "none",
			call: func(ctx context.Context, c *Client) (any, error) { return two(c.SleepSchedule(ctx, "w")) },
			path: "worker-mgt/workers/w/sleep-schedule", status: 204, want: []any{api.WorkerSleepSchedule{}, false},
		}},
		"setWorkerSleepSchedule": {{
			call: func(ctx context.Context, c *Client) (any, error) { return none(c.SetSleepSchedule(ctx, "w", schedule)) },
			path: "worker-mgt/workers/w/sleep-schedule", body: scheduleJSON, status: 204,
		}},
		"fetchWorkerTags": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.Tags(ctx)) },
			path: "worker-mgt/tags", reply: `{"tags":[` + tagJSON + `]}`, want: []api.WorkerTag{tag},
		}},
		"createWorkerTag": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.CreateTag(ctx, api.WorkerTag{Name: "GPU", Description: text("fast")}))
			},
			path: "worker-mgt/tags", body: `{"id":"","name":"GPU","description":"fast"}`, reply: tagJSON, want: tag,
		}},
		"fetchWorkerTag": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.Tag(ctx, "00000002-0000-4000-8000-000000000000"))
			},
			path: "worker-mgt/tag/00000002-0000-4000-8000-000000000000", reply: tagJSON, want: tag,
		}},
		"updateWorkerTag": {{
			call: func(ctx context.Context, c *Client) (any, error) { return none(c.UpdateTag(ctx, tag)) },
			path: "worker-mgt/tag/00000002-0000-4000-8000-000000000000", body: tagJSON, status: 204,
		}, {
			name: "name only",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.UpdateTag(ctx, api.WorkerTag{ID: "00000002-0000-4000-8000-000000000000", Name: "CPU"}))
			},
			path: "worker-mgt/tag/00000002-0000-4000-8000-000000000000", body: `{"id":"00000002-0000-4000-8000-000000000000","name":"CPU"}`, status: 204,
		}},
		"deleteWorkerTag": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.DeleteTag(ctx, "00000002-0000-4000-8000-000000000000"))
			},
			path: "worker-mgt/tag/00000002-0000-4000-8000-000000000000", status: 204,
		}},

		"shamanFileStoreCheck": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(c.ShamanFileStatus(ctx, digest, 3)) },
			path: "shaman/files/" + digest + "/3", reply: `{"status":"uploading"}`, want: api.ShamanFileStatusUploading,
		}},
		"shamanFileStore": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.ShamanUpload(ctx, Upload{
					SHA256: digest, Size: 3, Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("abc")), nil },
				}))
			},
			path: "shaman/files/" + digest + "/3", body: "abc", want: Stored,
		}},
		"shamanCheckoutRequirements": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.ShamanRequirements(ctx, api.ShamanRequirementsRequest{Files: []api.ShamanFileSpec{spec, spec}}))
			},
			path: "shaman/checkout/requirements", body: `{"files":[` + specJSON + `,` + specJSON + `]}`,
			reply: `{"files":[{"sha":"` + digest + `","size":3,"path":"tex/Ω.png","status":"unknown"}]}`,
			want: api.ShamanRequirementsResponse{Files: []api.ShamanFileSpecWithStatus{
				{Sha: digest, Size: 3, Path: "tex/Ω.png", Status: api.ShamanFileStatusUnknown},
			}},
		}},
		"shamanCheckout": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.ShamanCheckout(ctx, api.ShamanCheckout{CheckoutPath: "p/sh 010", Files: []api.ShamanFileSpec{spec}}))
			},
			path: "shaman/checkout/create", body: `{"checkoutPath":"p/sh 010","files":[` + specJSON + `]}`,
			reply: `{"checkoutPath":"p/sh 010-x1y2"}`, want: "p/sh 010-x1y2",
		}},

		"registerWorker": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(c.RegisterWorker(ctx, api.WorkerRegistration{Name: "W", Secret: "geheim", Platform: "linux", SupportedTaskTypes: []string{"misc"}}))
			},
			path: "worker/register-worker", body: `{"name":"W","secret":"geheim","platform":"linux","supported_task_types":["misc"]}`,
			reply: `{"uuid":"00000003-0000-4000-8000-000000000000","name":"W","address":"::1","status":"starting","platform":"linux","software":"","supported_task_types":["misc"]}`,
			want:  api.RegisteredWorker{UUID: "00000003-0000-4000-8000-000000000000", Name: "W", Address: "::1", Status: "starting", Platform: "linux", SupportedTaskTypes: []string{"misc"}},
		}},
		"signOn": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return one(worker(c).SignOn(ctx, api.WorkerSignOn{Name: "W", SoftwareVersion: "1", SupportedTaskTypes: []string{"misc"}}))
			},
			path: "worker/sign-on", body: `{"name":"W","software_version":"1","supported_task_types":["misc"]}`, header: workerAuth,
			reply: `{"status_requested":"awake"}`, want: api.WorkerStatusAwake,
		}},
		"signOff": {{
			call: func(ctx context.Context, c *Client) (any, error) { return none(worker(c).SignOff(ctx)) },
			path: "worker/sign-off", status: 204, header: workerAuth,
		}},
		"workerState": {{
			call: func(ctx context.Context, c *Client) (any, error) { return two(worker(c).State(ctx)) },
			path: "worker/state", reply: `{"status_requested":"asleep"}`, want: []any{api.WorkerStatusAsleep, true}, header: workerAuth,
		}, {
			name: "none",
			call: func(ctx context.Context, c *Client) (any, error) { return two(worker(c).State(ctx)) },
			path: "worker/state", status: 204, want: []any{api.WorkerStatus(""), false}, header: workerAuth,
		}},
		"workerStateChanged": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(worker(c).StateChanged(ctx, api.WorkerStatusAwake))
			},
			path: "worker/state-changed", body: `{"status":"awake"}`, status: 204, header: workerAuth,
		}},
		"scheduleTask": {{
			call: func(ctx context.Context, c *Client) (any, error) { return two(worker(c).ScheduleTask(ctx)) },
			path: "worker/task", header: workerAuth,
			reply: `{"uuid":"a","job":"00000001-0000-4000-8000-000000000000","name":"n","status":"active","priority":50,"job_priority":60,"job_type":"t","task_type":"misc","commands":[],"steps_completed":0,"steps_total":1}`,
			want:  []any{api.AssignedTask{UUID: "a", Job: "00000001-0000-4000-8000-000000000000", Name: "n", Status: "active", Priority: 50, JobPriority: 60, JobType: "t", TaskType: "misc", Commands: []api.Command{}, StepsTotal: 1}, true},
		}, {
			name: "none",
			call: func(ctx context.Context, c *Client) (any, error) { return two(worker(c).ScheduleTask(ctx)) },
			path: "worker/task", status: 204, want: []any{api.AssignedTask{}, false}, header: workerAuth,
		}, {
			name: "other status first",
			call: func(ctx context.Context, c *Client) (any, error) {
				_, _, err := worker(c).ScheduleTask(ctx)
				return err, nil
			},
			path: "worker/task", status: 423, reply: `{"status_requested":"asleep"}`, header: workerAuth,
			want: &StatusRequestedError{Status: api.WorkerStatusAsleep},
		}},
		"taskUpdate": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				status, steps := api.TaskStatusCompleted, 0
				return none(worker(c).UpdateTask(ctx, "a", api.TaskUpdate{TaskStatus: &status, Log: text("done\n"), StepsCompleted: &steps}))
			},
			path: "worker/task/a", body: `{"taskStatus":"completed","log":"done\n","steps_completed":0}`, status: 204, header: workerAuth,
		}},
		"mayWorkerRun": {{
			call: func(ctx context.Context, c *Client) (any, error) { return one(worker(c).MayRun(ctx, "a")) },
			path: "worker/task/a/may-i-run", reply: `{"mayKeepRunning":false,"reason":"r","statusChangeRequested":true}`, header: workerAuth,
			want: api.MayKeepRunning{Reason: "r", StatusChangeRequested: true},
		}},
		"taskOutputProduced": {{
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(worker(c).OutputProduced(ctx, "a", "image/png", []byte("\x89PNG")))
			},
			path: "worker/task/a/output-produced", body: "\x89PNG", status: 202,
			header: map[string]string{"Authorization": "Basic dzE6Z2VoZWlt", "Content-Type": "image/png"},
		}},
	}
}

// Every operation of the document has a client method, which sends what the document says and understands the
// reply.
func TestOperations(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		t.Fatal(err)
	}
	calls := operations()
	for path, item := range document.Paths.Map() {
		for method, described := range item.Operations() {
			id := described.OperationID
			if len(calls[id]) == 0 {
				t.Errorf("%s has no client method", id)
			}
			for _, call := range calls[id] {
				t.Run(strings.TrimSuffix(id+"/"+call.name, "/"), func(t *testing.T) { checkOperation(t, method, path, described, call) })
			}
			delete(calls, id)
		}
	}
	for id := range calls {
		t.Errorf("%s is not in the document", id)
	}
}

func checkOperation(t *testing.T, method, path string, described *openapi3.Operation, call operation) {
	if call.status == 0 {
		call.status = http.StatusOK
	}
	if described.Responses.Status(call.status) == nil {
		t.Errorf("the document has no status %d", call.status)
	}
	if template := regexp.MustCompile(`\\{\w+\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`); !regexp.MustCompile("^" + template + "$").MatchString("/api/v3/" + call.path) {
		t.Errorf("%s is no %s", call.path, path)
	}
	requests := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		if got := r.Method + " " + r.URL.EscapedPath(); got != method+" /api/v3/"+call.path {
			t.Errorf("request is %q, want %q", got, method+" /api/v3/"+call.path)
		}
		if (described.RequestBody != nil) != (r.ContentLength > 0) {
			t.Errorf("the body has %d bytes", r.ContentLength)
		}
		contentType := r.Header.Get("Content-Type")
		if described.RequestBody != nil && described.RequestBody.Value.Content[contentType] == nil {
			t.Errorf("the body is %q", contentType)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if contentType == "application/json" {
			if diff := cmp.Diff(asJSON(t, call.body), asJSON(t, string(body))); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		} else if string(body) != call.body {
			t.Errorf("body is %q, want %q", body, call.body)
		}
		if !strings.HasPrefix(r.Header.Get("User-Agent"), "flsync/dev (") {
			t.Errorf("User-Agent is %q", r.Header.Get("User-Agent"))
		}
		for name, want := range call.header {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		for name := range r.Header {
			if strings.Contains(name, "Idempotency") || name == "Authorization" && call.header[name] == "" {
				t.Errorf("%s is sent", name)
			}
		}
		w.WriteHeader(call.status)
		fmt.Fprint(w, call.reply)
	})
	got, err := call.call(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(call.want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if requests != 1 {
		t.Errorf("%d requests", requests)
	}
}

func asJSON(t *testing.T, text string) (value any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Errorf("%q is not JSON: %v", text, err)
	}
	return value
}
