package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestWatchOutlastsManager: a Manager that is away for a while does not end the watch; one that never
// answered does.
func TestWatchOutlastsManager(t *testing.T) {
	for _, test := range []struct {
		looks string // what the Manager says each time: a status, or - for an error
		code  int
		out   string
		warns int
	}{
		{looks: "active - - completed", out: "completed", warns: 1},
		{looks: "active - active - completed", out: "completed", warns: 2},
		{looks: "active - failed", code: 1, out: "failed", warns: 1},
		{looks: "- active", code: 4},
		{looks: "active gone", code: 1, out: "active"},
	} {
		looks := strings.Fields(test.looks)
		var at atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/tasks") { // for the forecast
				fmt.Fprint(w, `{"tasks":[]}`)
				return
			}
			switch look := looks[min(int(at.Add(1))-1, len(looks)-1)]; look {
			case "-":
				w.WriteHeader(http.StatusServiceUnavailable)
			case "gone":
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `{"code":404,"message":"no such job"}`)
			default:
				fmt.Fprintf(w, `{"id":%q,"name":"sh010","status":%q,"activity":"so it was"}`, someID, look)
			}
		}))
		code, stdout, stderr := program(t, "", "jobs", "watch", someID, "--interval", "100ms", "--manager", server.URL)
		server.Close()
		if code != test.code || !strings.Contains(stdout, test.out) || strings.Count(stderr, "watching goes on") != test.warns {
			t.Errorf("%s: exit code %d, want %d with %q and %d warnings\n%s%s", test.looks, code, test.code, test.out, test.warns, stdout, stderr)
		}
	}
}

// TestFollowLog: each part of a log is written once, over errors of the Manager and a log that begins anew.
func TestFollowLog(t *testing.T) {
	looks := []string{"one\n", "-", "one\ntwo\n", "end\n"}
	at := -1 // requests come one after the other, that for the task first
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/api/v3/tasks/"+someID)
		if path == "" {
			at = min(at+1, len(looks)-1)
		}
		switch log := looks[at]; {
		case log == "-":
			w.WriteHeader(http.StatusServiceUnavailable)
		case path == "":
			fmt.Fprintf(w, `{"id":%q,"status":%q}`, someID, map[bool]string{true: "completed", false: "active"}[at == len(looks)-1])
		case path == "/log":
			fmt.Fprintf(w, `{"size":%d,"url":"/log.txt"}`, len(log))
		default:
			http.ServeContent(w, r, "log.txt", time.Time{}, strings.NewReader(log))
		}
	}))
	defer server.Close()
	code, stdout, stderr := program(t, "", "tasks", "log", "--follow", someID, "--manager", server.URL)
	if want := "one\ntwo\nend\n"; code != 0 || stdout != want || strings.Count(stderr, "goes on") != 1 {
		t.Errorf("exit code %d, %q, want %q\n%s", code, stdout, want, stderr)
	}
}
