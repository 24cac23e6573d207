package manager_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/manager"
)

// Each test here is one thing that was measured at a Flamenco Manager 3.9 and that a client has to live with.
// The contract suite in internal/lab/managertest holds both Managers to most of them; these say in one place
// what they are.

func TestFactUploadAcceptedIs200WithEmptyBody(t *testing.T) {
	s := newServer(t)
	if got := s.upload(newBlob("a")); got.status != http.StatusOK || got.body != "" {
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestFactUploadOfStoredFileIs208AtOnceAndCloses(t *testing.T) {
	t.Parallel() // the server waits before it closes
	s, b := newServer(t), newBlob(strings.Repeat("a", 2<<20))
	s.store(b)
	c := s.dial(b)
	c.send(b.data[:10]) // and no more: the reply cannot be due to the body
	c.wantReply(http.StatusAlreadyReported)
	c.wantClosed()
}

func TestFactUploadInProgressIs425AtOnceForThoseWhoCanDefer(t *testing.T) {
	t.Parallel() // the server waits before it closes
	s, b := newServer(t), newBlob(strings.Repeat("a", 2<<20))
	first := s.dial(b)
	first.send(b.data[:1<<20])
	s.awaitStatus(b, api.ShamanFileStatusUploading)
	second := s.dial(b, "X-Shaman-Can-Defer-Upload: true")
	second.send(b.data[:10])
	second.wantReply(http.StatusTooEarly)
	second.wantClosed()
	first.send(b.data[1<<20:])
	first.wantReply(http.StatusOK)
}

func TestFactUploadInProgressRunsTwiceForThoseWhoCannotDefer(t *testing.T) {
	t.Parallel() // the server waits before it closes
	s, b := newServer(t), newBlob(strings.Repeat("a", 4<<20))
	first, second := s.dial(b), s.dial(b)
	first.send(b.data[:1<<20])
	second.send(b.data[:1<<20])
	s.awaitStatus(b, api.ShamanFileStatusUploading)
	second.send(b.data[1<<20:])
	second.wantReply(http.StatusOK)
	first.send(b.data[1<<20 : 2<<20]) // half of it, which is fewer bytes than announced
	first.wantReply(http.StatusAlreadyReported)
	first.wantClosed()
}

func TestFactExpectContinueCostsNoBody(t *testing.T) {
	t.Parallel() // the server waits before it closes
	s, b := newServer(t), newBlob(strings.Repeat("a", 2<<20))
	c := s.dial(b, "Expect: 100-continue")
	c.wantReply(http.StatusContinue)
	c.send(b.data[:1<<20])
	s.awaitStatus(b, api.ShamanFileStatusUploading)
	deferred := s.dial(b, "Expect: 100-continue", "X-Shaman-Can-Defer-Upload: true")
	deferred.wantReply(http.StatusTooEarly)
	c.send(b.data[1<<20:])
	c.wantReply(http.StatusOK)
	known := s.dial(b, "Expect: 100-continue")
	known.wantReply(http.StatusAlreadyReported)
	known.wantClosed()
	eventually(t, "one body arrived", s.uploads.see(func() bool { return s.uploads.statuses[208] == 1 && s.uploads.bytes[b.sha] == b.size() }))
}

func TestFactWrongSizeOrDigestIs417AfterTheWholeBody(t *testing.T) {
	s, b := newServer(t), newBlob("hello")
	for _, test := range []struct {
		path, want string
	}{
		{"/api/v3/shaman/files/" + b.sha + "/6", "file size mismatched, declared 6 but received 5 bytes"},
		{"/api/v3/shaman/files/" + b.sha + "/4", "file size mismatched, declared 4 but received 5 bytes"},
		{"/api/v3/shaman/files/" + newBlob("x").sha + "/5", "file SHA256 mismatched, declared " + newBlob("x").sha + " but received " + b.sha},
	} {
		reply, err := s.send(http.MethodPost, test.path, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		want(t, reply, http.StatusExpectationFailed, test.want)
		if !strings.HasPrefix(reply.body, `{"code":417,"message":`) {
			t.Errorf("body is %s", reply.body)
		}
	}
	eventually(t, "all bodies were read", s.uploads.see(func() bool {
		return s.uploads.bytes[b.sha] == 2*5 && s.uploads.bytes[newBlob("x").sha] == 5
	}))
	s.wantNoLeftovers()
}

func TestFactUpperCaseDigestIs417(t *testing.T) {
	s, b := newServer(t), newBlob("hello")
	upper := strings.ToUpper(b.sha)
	reply, err := s.send(http.MethodPost, "/api/v3/shaman/files/"+upper+"/5", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, reply, http.StatusExpectationFailed, "file SHA256 mismatched, declared "+upper+" but received "+b.sha)
}

func TestFactEmptyFilesAreStored(t *testing.T) {
	s, b := newServer(t), newBlob("")
	s.store(b)
	used := s.checkout("empty", b.spec("nothing")).checkoutPath(t)
	if data, err := os.ReadFile(filepath.Join(s.CheckoutDir(), used, "nothing")); err != nil || len(data) != 0 {
		t.Errorf("%q, %v", data, err)
	}
}

func TestFactUploadsOfOneShardRace(t *testing.T) {
	t.Parallel() // the server waits before it closes
	s := newServer(t, faulty(manager.Faults{ShardRace: true}))
	first, second := sameShard()
	c := s.dial(first)
	c.send(first.data[:1<<20])
	s.awaitStatus(first, api.ShamanFileStatusUploading)
	reply := s.upload(second)
	if reply.status != http.StatusInternalServerError ||
		!regexp.MustCompile(`^unexpected error: opening file for writing uploaded data: mkdir .*: no such file or directory$`).MatchString(reply.message()) {
		t.Errorf("%d %s", reply.status, reply.message())
	}
	s.store(second) // it is passing
	s.store(newBlob("of another shard"))
	c.send(first.data[1<<20:])
	c.wantReply(http.StatusOK)
}

func TestUploadsOfOneShardDoNotRaceByDefault(t *testing.T) {
	s := newServer(t)
	first, second := sameShard()
	c := s.dial(first)
	c.send(first.data[:1<<20])
	s.awaitStatus(first, api.ShamanFileStatusUploading)
	s.store(second)
	c.send(first.data[1<<20:])
	c.wantReply(http.StatusOK)
}

// sameShard makes two different files whose digests begin alike, the first of them large.
func sameShard() (large, small blob) {
	large = newBlob(strings.Repeat("a", 2<<20))
	for i := 0; ; i++ {
		if small = newBlob(fmt.Sprint(i)); small.sha[:2] == large.sha[:2] {
			return large, small
		}
	}
}

func TestFactRequirementsListWhatIsMissingOnceUnderTheFirstPath(t *testing.T) {
	s, stored, missing := newServer(t), newBlob("stored"), newBlob("missing")
	s.store(stored)
	var got api.ShamanRequirementsResponse
	s.decode(s.call(http.MethodPost, "/shaman/checkout/requirements", api.ShamanRequirementsRequest{Files: []api.ShamanFileSpec{
		stored.spec("a"), missing.spec("b"), missing.spec("c"), stored.spec("d"),
	}}), &got)
	diff := cmp.Diff([]api.ShamanFileSpecWithStatus{
		{Path: "b", Sha: missing.sha, Size: missing.size(), Status: api.ShamanFileStatusUnknown},
	}, got.Files)
	if diff != "" {
		t.Error(diff)
	}
}

func TestFactRequirementsWithMalformedDigestAre500(t *testing.T) {
	s := newServer(t)
	want(t, s.call(http.MethodPost, "/shaman/checkout/requirements", `{"files":[{"sha":"x","size":1,"path":"a"}]}`),
		http.StatusInternalServerError, "Internal Server Error")
}

func TestFactCheckoutPathTakenGetsFourCharacters(t *testing.T) {
	s, b := newServer(t), newBlob("a")
	s.store(b)
	if got := s.checkout("project/shot", b.spec("f")).checkoutPath(t); got != "project/shot" {
		t.Errorf("first is %q", got)
	}
	if got := s.checkout("project/shot", b.spec("f")).checkoutPath(t); !regexp.MustCompile(`^project/shot-[a-z0-9]{4}$`).MatchString(got) {
		t.Errorf("second is %q", got)
	}
}

func TestFactCheckoutWithMissingFileIs500(t *testing.T) {
	s := newServer(t)
	want(t, s.checkout("shot", newBlob("never sent").spec("f")),
		http.StatusInternalServerError, "unexpected error: unknown files requested in checkout")
}

func TestFactFailedCheckoutDeletesSomebodyElses(t *testing.T) {
	s, b := newServer(t), newBlob("a")
	s.store(b)
	used := s.checkout("project/shot", b.spec("f")).checkoutPath(t)
	s.checkout("project/shot", b.spec("f"), newBlob("never sent").spec("g"))
	if _, err := os.Stat(filepath.Join(s.CheckoutDir(), used)); !os.IsNotExist(err) {
		t.Errorf("the first checkout is still there: %v", err)
	}
	half, err := filepath.Glob(filepath.Join(s.CheckoutDir(), "project", "shot-????", "f"))
	if err != nil || len(half) != 1 {
		t.Errorf("what the second checkout had made: %v, %v", half, err)
	}
}

func TestFactCheckoutPathsThatAreRefused(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"", "/a", "?", "a?", "a*", "a:b", "a;b", "{a}", `a\b`, "a/../b", "a/..", "../a", "a/..b"} {
		want(t, s.checkout(path), http.StatusInternalServerError, fmt.Sprintf("unexpected error: invalid checkout path %q", path))
	}
	for _, path := range []string{"żółć 雪", "with space/é", "a..b", "#%&'()[]"} {
		if got := s.checkout(path).checkoutPath(t); got != path {
			t.Errorf("checkout is %q, want %q", got, path)
		}
	}
}

func TestFactSamePathTwiceInOneCheckout(t *testing.T) {
	s, a, b := newServer(t), newBlob("a"), newBlob("b")
	s.store(a, b)
	s.checkout("same", a.spec("f"), a.spec("f")).checkoutPath(t)
	reply := s.checkout("differ", a.spec("f"), b.spec("f"))
	if reply.status != http.StatusInternalServerError || !strings.HasPrefix(reply.message(), `unexpected error: symlinking "f" to checkout: `) {
		t.Errorf("%d %s", reply.status, reply.message())
	}
}

func TestFactJobsCheckIs204Or400Or412(t *testing.T) {
	s, job := newServer(t), echoJob("check")
	want(t, s.call(http.MethodPost, "/jobs/check", job), http.StatusNoContent, "")
	job.TypeEtag = "stale"
	want(t, s.call(http.MethodPost, "/jobs/check", job), http.StatusPreconditionFailed,
		"rejecting job because its settings are outdated, refresh the job type")
	job.Type, job.TypeEtag = "simple-blender-render", ""
	want(t, s.call(http.MethodPost, "/jobs/check", job), http.StatusBadRequest,
		"no render_output_path setting! at renderOutputPath (simple_blender_render.js:99:9(9))")
	if len(s.jobs()) > 0 {
		t.Error("checking a job stored it")
	}
}

func TestFactUnknownJobTypeIs400(t *testing.T) {
	s, job := newServer(t), echoJob("unknown")
	job.Type = "nothing"
	want(t, s.call(http.MethodPost, "/jobs", job), http.StatusBadRequest, "job type unknown")
}

func TestFactRequiredSettingsAreNotChecked(t *testing.T) {
	s, job := newServer(t), echoJob("incomplete")
	job.Settings = nil
	s.submit(job)
}

func TestFactMetadataValuesAreStringsAndComeBack(t *testing.T) {
	s, job := newServer(t), echoJob("metadata")
	job.Metadata = api.JobMetadata{"flsync.key": "k1"}
	s.submit(job)
	if got := s.jobs()[0].Metadata; got["flsync.key"] != "k1" {
		t.Errorf("metadata is %v", got)
	}
	want(t, s.call(http.MethodPost, "/jobs", `{"name":"n","type":"echo-sleep-test","submitter_platform":"linux","metadata":{"n":1}}`),
		http.StatusBadRequest, `request body has an error: doesn't match schema #/components/schemas/SubmittedJob: Error at "/metadata/n": value must be a string`)
}

func TestFactPriorityIsLimitedByChangesOnly(t *testing.T) {
	s, job := newServer(t), echoJob("priority")
	job.Priority = 500
	stored := s.submit(job)
	if stored.Priority != 500 {
		t.Errorf("priority is %d", stored.Priority)
	}
	reply := s.call(http.MethodPost, "/jobs/"+stored.ID+"/setpriority", api.JobPriorityChange{Priority: 101})
	if reply.status != http.StatusBadRequest || !strings.HasSuffix(reply.message(), "number must be at most 100") {
		t.Errorf("%d %s", reply.status, reply.message())
	}
}

func TestFactUnknownTagIs500OnSubmitAnd406OnChange(t *testing.T) {
	s, job := newServer(t), echoJob("tag")
	stored := s.submit(job)
	job.WorkerTag = "nobody"
	want(t, s.call(http.MethodPost, "/jobs", job), http.StatusInternalServerError, "error persisting job in database")
	want(t, s.call(http.MethodPost, "/jobs/"+stored.ID+"/settag", api.JobTagChange{Name: "nobody"}), http.StatusNotAcceptable, "tag not found")
}

func TestFactUnknownJobIs404AndMalformedID400(t *testing.T) {
	s := newServer(t)
	want(t, s.call(http.MethodGet, "/jobs/00000000-0000-4000-8000-000000000000", nil), http.StatusNotFound, "no such job")
	want(t, s.call(http.MethodGet, "/jobs/00000000", nil), http.StatusBadRequest, "job ID not valid")
}

func TestFactPausedJobIsReleasedWithStatusQueued(t *testing.T) {
	s, job := newServer(t), echoJob("paused")
	job.InitialStatus = api.JobStatusPaused
	stored := s.submit(job)
	if stored.Status != api.JobStatusPaused {
		t.Errorf("status is %s", stored.Status)
	}
	want(t, s.call(http.MethodPost, "/jobs/"+stored.ID+"/setstatus", api.JobStatusChange{Status: api.JobStatusQueued, Reason: "go"}), http.StatusNoContent, "")
	if got := s.jobs()[0].Status; got != api.JobStatusQueued {
		t.Errorf("status is %s", got)
	}
}

// TestFactFalse208 has no place among the measured oddities that always show: a client that goes away in the
// middle of an upload lets others that send the same file be told that it is stored.
func TestFactFalse208(t *testing.T) {
	t.Parallel() // the server waits before it closes
	for _, false208 := range []bool{true, false} {
		s, b := newServer(t, faulty(manager.Faults{FalseStored: false208})), newBlob(strings.Repeat("a", 4<<20))
		first, second := s.dial(b), s.dial(b)
		first.send(b.data[:1<<20])
		second.send(b.data[:1<<20])
		eventually(t, "both are on their way", s.uploads.see(func() bool { return s.uploads.running[b.sha] == 2 }))
		first.Close()
		if !false208 {
			second.send(b.data[1<<20:])
			second.wantReply(http.StatusOK)
			continue
		}
		eventually(t, "the first is gone", s.uploads.see(func() bool { return s.uploads.statuses[500] == 1 }))
		second.send(b.data[1<<20 : 2<<20])
		second.wantReply(http.StatusAlreadyReported)
		s.awaitStatus(b, api.ShamanFileStatusUnknown)
	}
}
