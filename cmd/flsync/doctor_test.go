package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/lab/simworker"
)

// ward is a farm with something wrong: the embedded Manager, a worker, and what stands before them.
type ward struct {
	taskTypes []string                                          // of the one worker; none: there is no worker
	front     func(next http.Handler) http.Handler              // a proxy
	reply     func(path string, h http.Header, b string) string // changes what the Manager says
}

func (w ward) open(t *testing.T) (address string) {
	direct := embeddedManager(t)
	target, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	client, err := flamenco.New(flamenco.Config{URL: direct})
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	if w.reply != nil {
		proxy.ModifyResponse = func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			text := w.reply(strings.TrimPrefix(r.Request.URL.Path, "/api/v3/"), r.Header, string(body))
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
			r.Header.Set("Content-Length", fmt.Sprint(len(text)))
			return err
		}
	}
	var handler http.Handler = proxy
	if w.front != nil {
		handler = w.front(proxy)
	}
	front := httptest.NewServer(handler)
	t.Cleanup(func() {
		client.Close()
		front.CloseClientConnections()
		front.Close()
	})
	if w.taskTypes != nil {
		if _, err := simworker.Start(t.Context(), simworker.Config{Client: client, TaskTypes: w.taskTypes}); err != nil {
			t.Fatal(err)
		}
	}
	return front.URL
}

// in replaces something in the reply of one operation.
func in(path, old, with string) func(string, http.Header, string) string {
	return func(at string, _ http.Header, body string) string {
		if at == path {
			return strings.ReplaceAll(body, old, with)
		}
		return body
	}
}

// TestDoctor provokes each of the doctor's complaints.
func TestDoctor(t *testing.T) {
	all := []string{"blender", "ffmpeg", "file-management", "misc"}
	for _, test := range []struct {
		name string
		ward
		code int
		want string // the line, spaces made one
	}{
		{name: "all is well", ward: ward{taskTypes: all}, want: "ok workers 1 of 1 awake; task types: blender, ffmpeg, file-management, misc"},
		{name: "no worker", code: 1, want: "failure workers no worker has ever signed on -> start flamenco-worker"},
		{name: "asleep", ward: ward{taskTypes: all, reply: in("worker-mgt/workers", `"awake"`, `"asleep"`)}, want: "warning workers no worker is awake, 1 asleep -> flsync workers wake --all"},
		{name: "offline", ward: ward{taskTypes: all, reply: in("worker-mgt/workers", `"awake"`, `"offline"`)}, code: 1, want: "failure workers none of 1 workers is awake or asleep"},
		{name: "unknown status", ward: ward{taskTypes: all, reply: in("worker-mgt/workers", `"awake"`, `"dreaming"`)}, code: 1, want: "failure workers none of 1 workers is awake or asleep"},
		{name: "no renderer", ward: ward{taskTypes: []string{"misc"}}, want: "warning workers 1 of 1 awake, but none does: blender (of simple-blender-render), ffmpeg (of simple-blender-render) -> enable"},
		{name: "Shaman off", ward: ward{taskTypes: all, reply: in("configuration", `"shamanEnabled":true`, `"shamanEnabled":false`)}, want: "ok storage Shaman is off; jobs use their files in place, or copies, in "},
		{name: "not set up", ward: ward{taskTypes: all, reply: in("configuration", `"isFirstRun":false`, `"isFirstRun":true`)}, code: 1, want: "failure storage the Manager is not set up yet -> run its setup assistant"},
		{name: "no job types", ward: ward{taskTypes: all, reply: func(at string, _ http.Header, b string) string {
			if at == "jobs/types" {
				return `{"job_types":[]}`
			}
			return b
		}}, code: 1, want: "failure job types the Manager has no job types -> see the Manager's log"},
		{name: "clock", ward: ward{taskTypes: all, reply: func(_ string, h http.Header, b string) string {
			h.Set("Date", time.Now().Add(-90*time.Minute).UTC().Format(http.TimeFormat))
			return b
		}}, want: "warning clock the Manager's clock is off by -1h30m"},
		{name: "operation gone", ward: ward{taskTypes: all, reply: in("openapi3.json", "/mass-delete", "/mass-removal")}, code: 1, want: "failure API operations gone: delete /api/v3/jobs/mass-delete"},
		{name: "field gone", ward: ward{taskTypes: all, reply: in("openapi3.json", "steps_completed", "steps_done")}, want: "warning API fields gone or different: AssignedTask.steps_completed, Job.steps_completed"},
		{name: "field new", ward: ward{taskTypes: all, reply: in("openapi3.json", `"activity":`, `"mood":{"type":"string"},"activity":`)}, want: "ok API as flsync knows it, and new: "},
		{name: "body limit", ward: ward{taskTypes: all, front: limitBodies}, code: 1, want: "failure upload a probe of 1 MiB was refused with status 413 -> a proxy between flsync and the Manager limits"},
		{name: "buffering", ward: ward{taskTypes: all, front: bufferBodies}, want: "warning upload a proxy between flsync and the Manager buffers uploads -> switch request buffering off"},
		{name: "another web server", ward: ward{front: func(http.Handler) http.Handler { return http.FileServer(http.Dir(t.TempDir())) }}, code: 4, want: "failure manager GET"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := program(t, "", "farm", "doctor", "--manager", test.open(t))
			if got := strings.Join(strings.Fields(stdout), " "); code != test.code || !strings.Contains(got, test.want) || stderr != "" {
				t.Errorf("exit code %d, want %d with %q\n%s%s", code, test.code, test.want, stdout, stderr)
			}
			if n := strings.Count(stdout, "\nfailure ") + strings.Count(stdout, "\nwarning "); n > 1 || n == 1 && strings.HasPrefix(test.want, "ok") {
				t.Errorf("complains of more than is wrong:\n%s", stdout)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		code, stdout, _ := program(t, "", "farm", "doctor", "--json", "--manager", "http://127.0.0.1:1")
		if code != 4 || !strings.Contains(stdout, `"name":"manager","status":"failure"`) {
			t.Errorf("exit code %d\n%s", code, stdout)
		}
	})
	t.Run("no cache", func(t *testing.T) {
		cache := filepath.Join(t.TempDir(), "hashes.db")
		if err := os.WriteFile(cache, bytes.Repeat([]byte("not a database"), 10_000), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, _ := program(t, "", "farm", "doctor", "--cache", cache, "--manager", ward{taskTypes: all}.open(t))
		if code != 0 || !strings.Contains(stdout, "warning  hash cache") || !strings.Contains(stdout, cache+": this is no hash cache") {
			t.Errorf("exit code %d\n%s", code, stdout)
		}
	})
}

// limitBodies is what nginx does by default.
func limitBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 1<<20 {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			io.WriteString(w, "<html><title>413 Request Entity Too Large</title></html>")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bufferBodies takes all of a body before it passes anything on.
func bufferBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}
