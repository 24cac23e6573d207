package manager_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/manager"
)

func TestFaultStuckUploads(t *testing.T) {
	b := newBlob("a")
	s := newServer(t, faulty(manager.Faults{Stuck: []string{b.sha}}))
	s.awaitStatus(b, api.ShamanFileStatusUploading)
	want(t, s.upload(b, "X-Shaman-Can-Defer-Upload: true"), http.StatusTooEarly, "")
	want(t, s.upload(b), http.StatusOK, "")
	want(t, s.upload(b, "X-Shaman-Can-Defer-Upload: true"), http.StatusAlreadyReported, "")
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
