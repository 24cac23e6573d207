package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// reachedBy tells how each operation of the API is reached: the command that calls it, or that it is for
// workers. TestManager sees to it that the commands do.
var reachedBy = map[string]string{
	"get /api/v3/version":                                            "farm version",
	"get /api/v3/status":                                             "farm status",
	"get /api/v3/configuration":                                      "farm config show",
	"get /api/v3/configuration/file":                                 "farm config file",
	"put /api/v3/configuration/file":                                 "farm config put",
	"get /api/v3/configuration/shared-storage/{audience}/{platform}": "farm storage",
	"get /api/v3/configuration/variables/{audience}/{platform}":      "farm variables",
	"get /api/v3/configuration/check/blender":                        "farm find-blender",
	"post /api/v3/configuration/check/blender":                       "farm check-blender",
	"post /api/v3/configuration/check/shared-storage":                "farm check-storage",
	"post /api/v3/configuration/setup-assistant":                     "farm setup",
	"get /api/v3/jobs":                                               "jobs list",
	"post /api/v3/jobs":                                              "submit",
	"post /api/v3/jobs/check":                                        "submit",
	"get /api/v3/jobs/types":                                         "jobs types",
	"get /api/v3/jobs/type/{typeName}":                               "jobs type",
	"delete /api/v3/jobs/mass-delete":                                "jobs delete --older-than",
	"get /api/v3/jobs/last-rendered":                                 "jobs last-rendered",
	"get /api/v3/jobs/{job_id}":                                      "jobs show",
	"delete /api/v3/jobs/{job_id}":                                   "jobs delete",
	"get /api/v3/jobs/{job_id}/what-would-delete-do":                 "jobs delete",
	"get /api/v3/jobs/{job_id}/last-rendered":                        "jobs last-rendered",
	"post /api/v3/jobs/{job_id}/setstatus":                           "jobs pause",
	"post /api/v3/jobs/{job_id}/setpriority":                         "jobs priority",
	"post /api/v3/jobs/{job_id}/settag":                              "jobs tag",
	"get /api/v3/jobs/{job_id}/tasks":                                "jobs tasks",
	"get /api/v3/jobs/{job_id}/blocklist":                            "jobs blocklist",
	"delete /api/v3/jobs/{job_id}/blocklist":                         "jobs blocklist",
	"get /api/v3/tasks/{task_id}":                                    "tasks show",
	"post /api/v3/tasks/{task_id}/setstatus":                         "tasks setstatus",
	"get /api/v3/tasks/{task_id}/log":                                "tasks log",
	"get /api/v3/tasks/{task_id}/logtail":                            "tasks log",
	"get /api/v3/worker-mgt/workers":                                 "workers list",
	"get /api/v3/worker-mgt/workers/{worker_id}":                     "workers show",
	"delete /api/v3/worker-mgt/workers/{worker_id}":                  "workers delete",
	"post /api/v3/worker-mgt/workers/{worker_id}/setstatus":          "workers sleep",
	"post /api/v3/worker-mgt/workers/{worker_id}/settags":            "workers tags",
	"get /api/v3/worker-mgt/workers/{worker_id}/sleep-schedule":      "workers schedule",
	"post /api/v3/worker-mgt/workers/{worker_id}/sleep-schedule":     "workers schedule",
	"get /api/v3/worker-mgt/tags":                                    "tags list",
	"post /api/v3/worker-mgt/tags":                                   "tags create",
	"get /api/v3/worker-mgt/tag/{tag_id}":                            "tags show",
	"put /api/v3/worker-mgt/tag/{tag_id}":                            "tags update",
	"delete /api/v3/worker-mgt/tag/{tag_id}":                         "tags delete",
	"post /api/v3/shaman/checkout/requirements":                      "sync",
	"post /api/v3/shaman/checkout/create":                            "submit",
	"post /api/v3/shaman/files/{checksum}/{filesize}":                "sync",
	"get /api/v3/shaman/files/{checksum}/{filesize}":                 "farm stored",
	"post /api/v3/worker/register-worker":                            "worker side: contract suite",
	"post /api/v3/worker/sign-on":                                    "worker side: contract suite",
	"post /api/v3/worker/sign-off":                                   "worker side: contract suite",
	"get /api/v3/worker/state":                                       "worker side: contract suite",
	"post /api/v3/worker/state-changed":                              "worker side: contract suite",
	"post /api/v3/worker/task":                                       "worker side: contract suite",
	"post /api/v3/worker/task/{task_id}":                             "worker side: contract suite",
	"get /api/v3/worker/task/{task_id}/may-i-run":                    "worker side: contract suite",
	"post /api/v3/worker/task/{task_id}/output-produced":             "worker side: contract suite",
}

func TestReached(t *testing.T) {
	known := documented(t)
	for operation := range known {
		if reachedBy[operation] == "" {
			t.Errorf("how is %s reached?", operation)
		}
	}
	files, err := filepath.Glob("testdata/manager/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var scripts strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		scripts.Write(data)
	}
	for operation, command := range reachedBy {
		if _, ok := known[operation]; !ok {
			t.Errorf("%s is no operation", operation)
		}
		if !strings.HasPrefix(command, "worker side") && !strings.Contains(scripts.String(), "flsync "+command+" ") {
			t.Errorf("no script calls flsync %s", command)
		}
	}
}
