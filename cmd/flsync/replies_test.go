package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/internal/config"
)

// quietApp returns a program with folders of its own and what it writes to standard error.
func quietApp(t *testing.T) (*app, *bytes.Buffer) {
	dir, remarks := t.TempDir(), new(bytes.Buffer)
	return &app{
		completionTime: time.Minute, greetingTime: time.Second,
		stdin: strings.NewReader(""), stdout: io.Discard, stderr: remarks, version: "test",
		getenv:        func(name string) string { return map[string]string{config.EnvState: filepath.Join(dir, "state")}[name] },
		userConfigDir: func() (string, error) { return filepath.Join(dir, "config"), nil },
		userCacheDir:  func() (string, error) { return filepath.Join(dir, "cache"), nil },
	}, remarks
}

// program runs a command line in this process, with folders of its own.
func program(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	a, remarks := quietApp(t)
	var out bytes.Buffer
	a.stdin, a.stdout = strings.NewReader(stdin), &out
	code = a.main(context.WithoutCancel(t.Context()), args)
	return code, out.String(), remarks.String()
}

const someID = "11111111-2222-4333-8444-555555555555"

// groups has a reading and a changing command of each group.
var groups = []string{
	"jobs list", "jobs show " + someID, "jobs tasks " + someID, "jobs blocklist " + someID, "jobs last-rendered", "jobs types",
	"jobs type x", "jobs watch " + someID, "jobs pause " + someID, "jobs resume " + someID, "jobs priority " + someID + " 50",
	"jobs tag " + someID + " --none", "jobs delete " + someID + " --yes", "jobs delete --older-than 30d --yes",
	"tasks show " + someID, "tasks log " + someID, "tasks log --full " + someID, "tasks setstatus " + someID + " queued",
	"tasks retry --failed " + someID,
	"workers list", "workers show " + someID, "workers wake " + someID, "workers schedule " + someID, "workers tags " + someID + " --none",
	"workers delete " + someID + " --yes",
	"tags list", "tags show " + someID, "tags create x", "tags update " + someID + " --name y", "tags delete " + someID + " --yes",
	"farm version", "farm status", "farm config show", "farm config file", "farm variables", "farm storage", "farm find-blender",
	"farm check-blender /x", "farm check-storage /x", "farm setup --storage /x --blender /x --yes",
}

// saidByStatus reports whether the status of the reply is all that a command wants to know.
func saidByStatus(command string) bool {
	return strings.HasPrefix(command, "workers wake") || strings.HasPrefix(command, "workers delete") ||
		strings.HasPrefix(command, "tags delete") || strings.HasPrefix(command, "tasks log 1") // of which there may be none
}

// TestReplies: whatever a Manager or what stands in its place answers, every command says so in its words and
// ends with the exit code of the contract.
func TestReplies(t *testing.T) {
	page := "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
	for _, test := range []struct {
		name, contentType, body string
		status, length          int
		code                    int
		words                   string
	}{
		{name: "unknown", status: 404, body: `{"code":404,"message":"no such thing"}`, code: 1, words: "404 Not Found: no such thing"},
		{name: "malformed", status: 400, body: `{"code":400,"message":"not valid"}`, code: 1, words: "not valid"},
		{name: "not acceptable", status: 406, body: `{"code":406,"message":"no such tag"}`, code: 1, words: "no such tag"},
		{name: "stale", status: 412, body: `{"code":412,"message":"cannot restart"}`, code: 1, words: "cannot restart"},
		{name: "out of range", status: 416, body: `{"code":416,"message":"no jobs match"}`, code: 1, words: "no jobs match"},
		{name: "unprocessable", status: 422, body: `{"code":422,"message":"not from here to there"}`, code: 1, words: "not from here to there"},
		{name: "failing", status: 500, body: `{"code":500,"message":"database is locked"}`, code: 4, words: "database is locked"},
		{name: "proxy's page", status: 502, contentType: "text/html", body: page, code: 4, words: `web page titled "502 Bad Gateway"`},
		{name: "sign-on page", status: 200, contentType: "text/html", body: "<html><title>Please sign on</title></html>", code: 4, words: `web page titled "Please sign on"`},
		{name: "redirect", status: 302, code: 4, words: "sends on to"},
		{name: "no page", status: 404, contentType: "text/html", body: "<html><title>Nothing here</title></html>", code: 4, words: `web page titled "Nothing here"`},
		{name: "empty", status: 200, code: 4, words: "the reply is empty"},
		{name: "cut", status: 200, body: `{"jobs":[{"id":"1`, length: 1000, code: 4, words: "breaks off"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if test.contentType != "" {
				w.Header().Set("Content-Type", test.contentType)
			}
			if test.length > 0 {
				w.Header().Set("Content-Length", fmt.Sprint(test.length))
			}
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.body)
		}))
		for _, command := range groups {
			t.Run(test.name+"/"+command, func(t *testing.T) {
				if test.status == http.StatusOK && test.contentType == "" && saidByStatus(command) {
					return
				}
				code, stdout, stderr := program(t, "", append(strings.Fields(command), "--manager", server.URL)...)
				if code != test.code || !strings.Contains(stderr, test.words) {
					t.Errorf("exit code %d, want %d; want the words %q\n%s%s", code, test.code, test.words, stdout, stderr)
				}
			})
		}
		server.Close()
	}
}
