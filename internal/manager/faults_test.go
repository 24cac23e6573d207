package manager_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/manager"
)

// planned makes a Manager that does one thing to the uploads.
func planned(f manager.Fault) func(*manager.Config) {
	return faulty(manager.Faults{Plan: manager.Schedule(manager.Rule{Operation: "shamanFileStore", Fault: f})})
}

func TestFaultStatus(t *testing.T) {
	s := newServer(t, planned(manager.Fault{Status: http.StatusServiceUnavailable, RetryAfter: "7"}))
	reply := s.upload(newBlob("a"))
	want(t, reply, http.StatusServiceUnavailable, "as planned: Service Unavailable")
	if got := reply.header.Get("Retry-After"); got != "7" {
		t.Errorf("Retry-After is %q", got)
	}
}

func TestFaultPage(t *testing.T) {
	s := newServer(t, planned(manager.Fault{Status: http.StatusBadGateway, Body: "<html>proxy</html>"}))
	reply := s.upload(newBlob("a"))
	if reply.status != http.StatusBadGateway || reply.body != "<html>proxy</html>" || !strings.HasPrefix(reply.header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %q %v", reply.status, reply.body, reply.header)
	}
}

// TestFaultCuts: the connection ends at each moment, and what was asked for has been done or not.
func TestFaultCuts(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  manager.Fault
		stored bool
	}{
		{"before", manager.Fault{Cut: manager.CutBefore}, false},
		{"during the body", manager.Fault{Cut: manager.CutDuringBody, CutAfter: 1000}, false},
		{"after", manager.Fault{Cut: manager.CutAfter}, true},
		{"during the reply", manager.Fault{Cut: manager.CutDuringReply}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, b := newServer(t, planned(test.fault)), newBlob(strings.Repeat("a", 1<<20))
			reply, err := s.tryUpload(b)
			if err == nil && test.fault.Cut != manager.CutDuringReply { // of an upload's empty body there is no half
				t.Errorf("no error but %d %q", reply.status, reply.body)
			}
			s.SetFaults(manager.Faults{})
			status, err := s.send(http.MethodGet, b.path(), nil)
			if stored := strings.Contains(status.body, `"stored"`); err != nil || stored != test.stored {
				t.Errorf("stored: %v, %v", stored, err)
			}
			s.wantNoLeftovers()
		})
	}
}

func TestFaultCutDuringReplySendsHalf(t *testing.T) {
	s := newServer(t, faulty(manager.Faults{Plan: manager.Schedule(manager.Rule{
		Operation: "submitJob", Fault: manager.Fault{Cut: manager.CutDuringReply},
	})}))
	reply, err := s.send(http.MethodPost, "/api/v3/jobs", strings.NewReader(
		`{"name":"n","type":"echo-sleep-test","submitter_platform":"linux"}`), "Content-Type: application/json")
	if !errors.Is(err, io.ErrUnexpectedEOF) || reply.body == "" {
		t.Errorf("%q, %v", reply.body, err)
	}
	if len(s.jobs()) != 1 {
		t.Error("the job was not stored")
	}
}

func TestFaultStallEndsWithTheClient(t *testing.T) {
	s := newServer(t, planned(manager.Fault{Cut: manager.Stall}))
	ctx, cancel := context.WithCancel(t.Context())
	b := newBlob("a")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+b.path(), strings.NewReader("a"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := http.DefaultClient.Do(req)
		ended <- err
	}()
	eventually(t, "the Manager has the request", func() bool { return s.Stats().Digests[b.sha].Requests == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	eventually(t, "the request is over", func() bool { return s.Stats().Digests[b.sha].BytesIn == 1 })
}

func TestFaultStuckUploads(t *testing.T) {
	b := newBlob("a")
	s := newServer(t, faulty(manager.Faults{Stuck: []string{b.sha}}))
	s.awaitStatus(b, api.ShamanFileStatusUploading)
	want(t, s.upload(b, "X-Shaman-Can-Defer-Upload: true"), http.StatusTooEarly, "")
	want(t, s.upload(b), http.StatusOK, "")
	want(t, s.upload(b, "X-Shaman-Can-Defer-Upload: true"), http.StatusAlreadyReported, "")
}

func TestFaultLatency(t *testing.T) {
	s := newServer(t, faulty(manager.Faults{Latency: 30 * time.Millisecond}))
	begun := time.Now()
	s.upload(newBlob("a"))
	if took := time.Since(begun); took < 30*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

func TestSchedule(t *testing.T) {
	plan := manager.Schedule(
		manager.Rule{Operation: "a", SHA256: "d", Times: 1, Fault: manager.Fault{Status: 1}},
		manager.Rule{Operation: "a", Skip: 2, Times: 3, Fault: manager.Fault{Status: 2}},
		manager.Rule{Operation: "b", Every: 3, Fault: manager.Fault{Status: 3}},
	)
	hits := func(operation string) (statuses []int) {
		for n := range 7 {
			statuses = append(statuses, plan(manager.FaultRequest{Operation: operation, N: n}).Status)
		}
		return statuses
	}
	for operation, want := range map[string][]int{"a": {0, 0, 2, 2, 2, 0, 0}, "b": {3, 0, 0, 3, 0, 0, 3}, "c": make([]int, 7)} {
		if diff := cmp.Diff(want, hits(operation)); diff != "" {
			t.Errorf("%s: %s", operation, diff)
		}
	}
	for n, want := range []int{1, 0} {
		if got := plan(manager.FaultRequest{Operation: "a", SHA256: "d", N: 9, NDigest: n}).Status; got != want {
			t.Errorf("digest's request %d: %d, want %d", n, got, want)
		}
	}
}

// TestDiskFull: each operation that writes says so, and nothing is left half done.
func TestDiskFull(t *testing.T) {
	s, known, large := newServer(t), newBlob("known"), newBlob(strings.Repeat("a", 1<<20))
	s.store(known)
	job := s.submit(echoJob("there before"))
	before := s.call(http.MethodGet, "/jobs", nil).body
	s.SetFaults(manager.Faults{DiskFull: true})
	for name, reply := range map[string]answer{
		"small upload": s.upload(newBlob("new")),
		"large upload": s.upload(large),
		"checkout":     s.checkout("shot", known.spec("f")),
		"submit":       s.call(http.MethodPost, "/jobs", echoJob("new")),
		"status":       s.call(http.MethodPost, "/jobs/"+job.ID+"/setstatus", api.JobStatusChange{Status: api.JobStatusCancelRequested, Reason: "r"}),
		"priority":     s.call(http.MethodPost, "/jobs/"+job.ID+"/setpriority", api.JobPriorityChange{Priority: 1}),
		"delete":       s.call(http.MethodDelete, "/jobs/"+job.ID, nil),
		"tag":          s.call(http.MethodPost, "/worker-mgt/tags", api.WorkerTag{Name: "new"}),
		"worker": s.call(http.MethodPost, "/worker/register-worker", api.WorkerRegistration{
			Name: "w", Platform: "linux", Secret: "s", SupportedTaskTypes: []string{"misc"},
		}),
	} {
		if reply.status != http.StatusInsufficientStorage || !strings.HasPrefix(reply.message(), "the Manager's disk is full") {
			t.Errorf("%s: %d %s", name, reply.status, reply.message())
		}
	}
	s.SetFaults(manager.Faults{})
	s.wantNoLeftovers()
	if after := s.call(http.MethodGet, "/jobs", nil).body; after != before {
		t.Errorf("jobs before and after:\n%s%s", before, after)
	}
	for path, empty := range map[string]string{"/worker-mgt/tags": `{"tags":[]}`, "/worker-mgt/workers": `{"workers":[]}`} {
		if got := s.call(http.MethodGet, path, nil).body; strings.TrimSpace(got) != empty {
			t.Errorf("%s: %s", path, got)
		}
	}
	if _, err := os.Stat(filepath.Join(s.CheckoutDir(), "shot")); !os.IsNotExist(err) {
		t.Errorf("a checkout was made: %v", err)
	}
	s.store(large, newBlob("new"))
	s.submit(echoJob("after"))
}

func TestStats(t *testing.T) {
	s, b := newServer(t), newBlob("hello")
	s.store(b)
	s.upload(b)
	want := manager.DigestStats{Requests: 2, Stored: 1, BytesIn: 5, MaxConcurrent: 1}
	stats := s.Stats()
	if diff := cmp.Diff(want, stats.Digests[b.sha]); diff != "" {
		t.Error(diff)
	}
	wantOperation := manager.OperationStats{Requests: 2, BytesIn: 5, MaxConcurrent: 1, Statuses: map[int]int{200: 1, 208: 1}}
	if diff := cmp.Diff(wantOperation, stats.Operations["shamanFileStore"]); diff != "" {
		t.Error(diff)
	}
	if stats.Requests != 2 || stats.MaxConcurrent != 1 {
		t.Errorf("%+v", stats)
	}
}
