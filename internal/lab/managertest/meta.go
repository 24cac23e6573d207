package managertest

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/flsync/flsync/flamenco/api"
)

func (s *suite) testVersion(t *testing.T) {
	version, err := s.client.Version(t.Context())
	if err != nil || version.Version == "" || version.Shortversion == "" || version.Name == "" {
		t.Errorf("version: %+v, %v", version, err)
	}
}

func (s *suite) testFarmStatus(t *testing.T) {
	status, err := s.client.Status(t.Context())
	if err != nil || !status.Valid() {
		t.Errorf("status: %v, %v", status, err)
	}
}

// testStorage: the storage that clients are told of, {jobs}, and the shared storage are one place.
func (s *suite) testStorage(t *testing.T) {
	config, err := s.client.Configuration(t.Context())
	if err != nil || config.IsFirstRun || (filepath.Base(config.StorageLocation) == "jobs") != s.shaman {
		t.Errorf("configuration: %+v, %v", config, err)
	}
	for _, platform := range []string{"linux", "windows", "darwin"} {
		variables := get(s.client.Variables(t.Context(), api.ManagerVariableAudienceWorkers, platform))(t)
		if variables["blender"].Value == "" || variables["jobs"].Value != config.StorageLocation {
			t.Errorf("variables on %s: %v", platform, variables)
		}
	}
	for _, audience := range []api.ManagerVariableAudience{api.ManagerVariableAudienceUsers, api.ManagerVariableAudienceWorkers} {
		variables := get(s.client.Variables(t.Context(), audience, "linux"))(t)
		wantDiff(t, api.ManagerVariable{Value: config.StorageLocation}, variables["jobs"])
		if args := variables["blenderArgs"]; args.IsTwoway || args.Value == "" {
			t.Errorf("blenderArgs for %s: %+v", audience, args)
		}
		storage := get(s.client.SharedStorage(t.Context(), audience, "linux"))(t)
		wantDiff(t, api.SharedStorageLocation{
			Audience: audience, Platform: "linux", ShamanEnabled: s.shaman, Location: config.StorageLocation,
		}, storage)
	}
	if status, reply := s.raw(t, http.MethodGet, "/api/v3/configuration/variables/nobody/linux", "", ""); status != 200 || strings.TrimSpace(reply) != "{}" {
		t.Errorf("variables of an unknown audience: %d %s", status, reply)
	}
}

func (s *suite) testChecks(t *testing.T) {
	if !s.local {
		t.Skip("the Manager is on another machine")
	}
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755)) // the embedded Manager looks into no private folder
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for path, want := range map[string]api.PathCheckResult{
		dir:                           {IsUsable: true, Cause: "Directory checked successfully"},
		file:                          {Cause: "The given path is not a directory. Choose an existing directory."},
		filepath.Join(dir, "nothing"): {Cause: "This path does not exist. Choose an existing directory."},
		"":                            {Cause: "An empty path is not suitable as shared storage"},
	} {
		want.Path = path
		got := get(s.client.CheckSharedStorage(t.Context(), path))(t)
		wantDiff(t, want, got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the check left %v behind, %v", left, err)
	}

	missing := filepath.Join(dir, "blender")
	got, err := s.client.CheckBlender(t.Context(), missing)
	if err != nil || got.IsUsable || got.Input != missing || !strings.HasPrefix(got.Cause, "There was an error running the command: ") {
		t.Errorf("Blender that is not there: %+v, %v", got, err)
	}
	got, err = s.client.CheckBlender(t.Context(), "no-such-command")
	if err != nil || got.IsUsable || got.Cause != "Blender could not be found" {
		t.Errorf("command that is not there: %+v, %v", got, err)
	}
	s.checkFakeBlender(t, dir)
	if _, err := s.client.FindBlender(t.Context()); err != nil {
		t.Error(err)
	}
}

// checkFakeBlender checks a program that says that it is Blender, and one that does not.
func (s *suite) checkFakeBlender(t *testing.T, dir string) {
	if runtime.GOOS == "windows" {
		return
	}
	for name, test := range map[string]struct {
		script string
		usable bool
		cause  string
	}{
		"blender-fake":  {"#!/bin/sh\necho 'Blender 9.9.9'\n", true, "Found Blender 9.9.9"},
		"blender-other": {"#!/bin/sh\necho hello\n", false, "not a Blender executable"},
		"other":         {"#!/bin/sh\necho hello\n", false, "not a Blender executable"},
	} {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(test.script), 0o700))
		got, err := s.client.CheckBlender(t.Context(), path)
		if err != nil || got.IsUsable != test.usable || !strings.HasSuffix(got.Cause, test.cause) || got.Source != api.BlenderPathSourceInputPath {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// testDocument: the Manager describes every operation that we know.
func (s *suite) testDocument(t *testing.T) {
	raw := get(s.client.OpenAPI(t.Context()))(t)
	theirs := get(openapi3.NewLoader().LoadFromData(raw))(t)
	ours := get(openapi3.NewLoader().LoadFromData(api.Document()))(t)
	const unlisted = "GET /api/v3/openapi3.json" // which the Manager serves without listing it
	known := operations(theirs)
	for _, id := range operations(ours) {
		if id != unlisted && !s.tooNew(ours, id) && !slices.Contains(known, id) {
			t.Errorf("the Manager's document has no operation %q", id)
		}
	}
}

// tooNew reports whether the Manager is too old for the operation with this method and path.
func (s *suite) tooNew(doc *openapi3.T, id string) bool {
	method, path, _ := strings.Cut(id, " ")
	return s.lacks(doc.Paths.Value(path).GetOperation(method).OperationID)
}

// operations lists methods and paths. The real Manager writes operationIds with a capital letter.
func operations(doc *openapi3.T) (list []string) {
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			list = append(list, method+" "+path)
		}
	}
	return list
}

// testConfigurationFile changes the Manager's name and changes it back. What it does not know of stays as it
// was.
func (s *suite) testConfigurationFile(t *testing.T) {
	before := get(s.client.ConfigurationFile(t.Context()))(t)
	var config map[string]json.RawMessage
	must(t, json.Unmarshal(before, &config))
	for _, key := range []string{
		"_meta", "manager_name", "shared_storage_path", "shaman", "task_timeout", "worker_timeout", "blocklist_threshold",
		"task_fail_after_softfail_count", "variables",
	} {
		if config[key] == nil {
			t.Errorf("no key %q", key)
		}
	}
	restore := func(ctx context.Context) error { return s.client.UpdateConfigurationFile(ctx, before) }
	afterwards(t, restore)
	config["manager_name"] = get(json.Marshal(s.run))(t)
	changed := get(json.Marshal(config))(t)
	must(t, s.client.UpdateConfigurationFile(t.Context(), changed))
	if version, err := s.client.Version(t.Context()); err != nil || version.Name != s.run {
		t.Errorf("name after the change: %+v, %v", version, err)
	}
	must(t, restore(t.Context()))
	after := get(s.client.ConfigurationFile(t.Context()))(t)
	wantDiff(t, string(before), string(after))
}

// testJobTypes compares with what a Manager 3.9 publishes.
func (s *suite) testJobTypes(t *testing.T) {
	var want map[string]any
	must(t, json.Unmarshal(get(testdata.ReadFile("testdata/jobtypes.json"))(t), &want))
	status, reply := s.raw(t, http.MethodGet, "/api/v3/jobs/types", "", "")
	var got map[string]any
	must(t, json.Unmarshal([]byte(reply), &got))
	if status != 200 {
		t.Fatalf("%d %s", status, reply)
	}
	got["job_types"] = slices.DeleteFunc(got["job_types"].([]any), func(jobType any) bool { // a farm may have more
		return !strings.Contains("echo-sleep-test simple-blender-render", jobType.(map[string]any)["name"].(string))
	})
	wantDiff(t, want, got)

	single := get(s.client.JobType(t.Context(), "simple-blender-render"))(t)
	all := get(s.client.JobTypes(t.Context()))(t)
	for _, jobType := range all {
		if jobType.Name == single.Name {
			wantDiff(t, jobType, single)
		}
	}
}
