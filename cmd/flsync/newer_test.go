package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// newerManager knows fields and statuses that flsync does not. It notes what is sent to it. alter may change
// replies.
func newerManager(t *testing.T, alter func(string) string) (url string, sent func() string) {
	job := `{"id":"` + someID + `","name":"sh010","type":"x","priority":50,"activity":"","settings":{"name":"x"},"metadata":{"name":"x"},"status":"dreaming","extra":1,"created":"2026-01-01T00:00:00Z","updated":"2026-01-01T00:00:00Z"}`
	task := `{"id":"` + someID + `","name":"render","status":"dreaming","activity":"","extra":1,"commands":[{"name":"run","parameters":{"name":"x"}}],"job_id":"` + someID + `"}`
	worker := `{"id":"` + someID + `","name":"node1","status":"dreaming","extra":1,"tags":[]}`
	tag := `{"id":"` + someID + `","name":"GPU","extra":{"deep":[9007199254740993]}}`
	replies := map[string]string{
		"GET jobs/types": `{"job_types":[{"name":"echo","label":"Echo","etag":"x","settings":[]}]}`, "GET jobs": `{"jobs":[` + job + `]}`, "GET jobs/" + someID: job, "GET jobs/" + someID + "/tasks": `{"tasks":[` + task + `]}`,
		"GET tasks/" + someID:                                  task,
		"GET worker-mgt/workers":                               `{"workers":[` + worker + `]}`,
		"GET worker-mgt/workers/" + someID:                     worker,
		"GET worker-mgt/workers/" + someID + "/sleep-schedule": `{"is_active":true,"days_of_week":"mo","start_time":"09:00","end_time":"18:00","extra":"nap"}`,
		"GET worker-mgt/tags":                                  `{"tags":[` + tag + `]}`,
		"GET worker-mgt/tag/" + someID:                         tag,
		"GET status":                                           `{"status":"dreaming","extra":1}`,
		"GET version":                                          `{"name":"Flamenco","version":"4.0","shortversion":"4.0","git":"a"}`,
		"GET configuration/file":                               `{"manager_name":"a","extra":{"large":9007199254740993,"million":1000000,"share":0.5}}`,
		"POST configuration/check/shared-storage":              `{"path":"/s","is_usable":true,"cause":"fine"}`,
		"POST configuration/check/blender":                     `{"path":"/b","input":"/b","source":"by_magic","is_usable":true,"cause":"fine","extra":{"spell":1}}`,
		"POST jobs/" + someID + "/setpriority":                 "", "POST worker-mgt/workers/" + someID + "/sleep-schedule": "",
		"DELETE jobs/" + someID: "", "GET jobs/" + someID + "/what-would-delete-do": `{"shaman_checkout":true}`, "GET tasks/" + someID + "/logtail": "fine",
		"PUT worker-mgt/tag/" + someID: "", "PUT configuration/file": "", "POST configuration/setup-assistant": "",
	}
	var mu sync.Mutex
	var log strings.Builder
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/v3/")
		reply, ok := replies[operation]
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		fmt.Fprintf(&log, "%s %s\n", operation, body)
		mu.Unlock()
		switch {
		case !ok:
			t.Errorf("not expected: %s", operation)
			w.WriteHeader(http.StatusNotFound)
		case reply == "":
			w.WriteHeader(http.StatusNoContent)
		default:
			io.WriteString(w, alter(reply))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() string {
		mu.Lock()
		defer mu.Unlock()
		return log.String()
	}
}

// TestNewerManager: what flsync does not know is shown, and goes back as it came.
func TestNewerManager(t *testing.T) {
	config := filepath.Join(t.TempDir(), "m.yaml")
	if err := os.WriteFile(config, []byte("manager_name: b\nextra: {large: 9007199254740993, million: 1000000, share: 0.5}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ command, shows, sends string }{
		{command: "jobs list", shows: "dreaming"},
		{command: "jobs list --status dreaming --json", shows: `"extra":1`},
		{command: "jobs show sh010", shows: "dreaming"},
		{command: "jobs tasks sh010", shows: "dreaming"},
		{command: "jobs priority sh010 70", shows: "dreaming", sends: `{"priority":70}`},
		{command: "tasks show " + someID, shows: "dreaming"},
		{command: "workers list", shows: "dreaming"},
		{command: "workers list --json", shows: `"extra":1`},
		{command: "workers show node1", shows: "dreaming"},
		{command: "farm status", shows: "dreaming"},
		{command: "tags update GPU --name Cards", sends: `{"extra":{"deep":[9007199254740993]},"id":"` + someID + `","name":"Cards"}`},
		{command: "workers schedule node1 --set end=19:00", sends: `"extra":"nap"`},
		{command: "farm config file", shows: "large: 9007199254740993\n    million: 1000000\n    share: 0.5"},
		{command: "farm config put --yes " + config, sends: `"extra":{"large":9007199254740993,"million":1000000,"share":0.5}`},
		{command: "farm setup --yes --storage /s --blender /b", sends: `"extra":{"spell":1}`},
	} {
		url, sent := newerManager(t, func(reply string) string { return reply })
		code, stdout, stderr := program(t, "", append(strings.Fields(test.command), "--manager", url)...)
		if code != 0 || !strings.Contains(stdout, test.shows) || !strings.Contains(sent(), test.sends) {
			t.Errorf("%s: exit code %d, want %q shown and %q sent\n%s%s%s", test.command, code, test.shows, test.sends, stdout, stderr, sent())
		}
	}
}

// TestHostileNames: names that steer a terminal do not reach it.
func TestHostileNames(t *testing.T) {
	name := regexp.MustCompile(`"(name|activity|cause|path)":"[^"]*"`)
	hostile := strings.ReplaceAll(`"$1":"\u001b]0;owned\u0007\u009b31mred\nsecond\tline\u202egnp.exe\u0000"`, "$1", "${1}")
	url, _ := newerManager(t, func(reply string) string { return name.ReplaceAllString(reply, hostile) })
	for _, command := range []string{
		"jobs list", "jobs show " + someID, "jobs tasks " + someID, "jobs priority " + someID + " 70", "jobs delete --yes *",
		"jobs delete *", "jobs show *", "jobs show nobody\x1b[31m", "jobs delete --older-than 1d",
		"tasks show " + someID, "tasks show --job " + someID + " *",
		"workers list", "workers show " + someID, "workers delete *", "tags list", "tags delete *",
		"farm setup --yes --storage /s --blender /b", "farm check-storage /s", "farm check-blender /s",
	} {
		_, stdout, stderr := program(t, "", append(strings.Fields(command), "--manager", url)...)
		shown := stdout + stderr
		if strings.Contains(shown, "unexpected") || !strings.Contains(shown, "owned") && !strings.Contains(command, "nobody") {
			t.Errorf("%s shows no name: %q", command, shown)
		}
		if i := strings.IndexFunc(shown, func(r rune) bool { return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }); i >= 0 {
			t.Errorf("%s: %q", command, shown)
		}
	}
}
