// Package managertest holds what a Flamenco Manager does, as tests: one suite that runs against the embedded Manager
// in every test run, and against a real one when FLSYNC_TEST_MANAGER has its URL. Where the two differ, the embedded
// one is wrong.
//
// # Basics
//
//	managertest.Run(t, "http://127.0.0.1:8080")
//
// # Caveats
//
// It may run on a Manager that is in use, and again and again: names are unique, what it makes it removes, and it
// changes nobody else's jobs, workers or tags. For a moment it changes the Manager's name. Its jobs go before all
// others while it runs. Files that it uploads, some 20 MB, stay until the Manager's garbage collection.
package managertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"

	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// Run runs the suite against the Manager at url.
func Run(t *testing.T, url string) { RunBehind(t, url, flamenco.Config{URL: url}) }

// RunBehind runs the suite against the Manager at url through what the configuration leads to: a proxy in front of
// it. Requests that no client makes, to see how the Manager takes them, go straight to it.
//
// A proxy that wants a password is for people: workers have an Authorization header of their own. What they do is
// left out then.
func RunBehind(t *testing.T, url string, through flamenco.Config) {
	through.Version = "contract"
	client, err := flamenco.New(through)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s := &suite{url: strings.TrimRight(url, "/"), client: client, behind: through.URL != url, run: "contract-" + strings.ToLower(rand.Text()[:8])}
	s.configuration(t)
	s.testClients(t)
	if through.Header.Get("Authorization") == "" {
		s.testWorkers(t)
	}
}

// testClients is what people and their programs ask for.
func (s *suite) testClients(t *testing.T) {
	t.Run("Shaman", func(t *testing.T) {
		t.Run("Upload", s.testUpload)
		t.Run("UploadKnown", s.testUploadKnown)
		t.Run("UploadMismatch", s.testUploadMismatch)
		t.Run("UploadDefer", s.testUploadDefer)
		t.Run("UploadRace", s.testUploadRace)
		t.Run("UploadAborted", s.testUploadAborted)
		t.Run("Expect", s.testExpect)
		t.Run("Requirements", s.testRequirements)
		t.Run("Checkout", s.testCheckout)
		t.Run("CheckoutLarge", s.testCheckoutLarge)
		t.Run("CheckoutTaken", s.testCheckoutTaken)
		t.Run("CheckoutFails", s.testCheckoutFails)
		t.Run("CheckoutPaths", s.testCheckoutPaths)
	})
	t.Run("Errors", s.testErrors)
	t.Run("Meta", func(t *testing.T) {
		t.Run("Version", s.testVersion)
		t.Run("Storage", s.testStorage)
		t.Run("Checks", s.testChecks)
		t.Run("Document", s.testDocument)
		t.Run("ConfigurationFile", s.testConfigurationFile)
	})
	t.Run("JobTypes", s.testJobTypes)
	t.Run("Jobs", func(t *testing.T) {
		t.Run("Submit", s.testSubmit)
		t.Run("Refused", s.testSubmitRefused)
		t.Run("Compile", s.testCompile)
		t.Run("Commands", s.testCommands)
		t.Run("Status", s.testJobStatus)
		t.Run("TaskStatus", s.testTaskStatus)
		t.Run("Priority", s.testPriority)
		t.Run("Tag", s.testJobTag)
		t.Run("Delete", s.testDelete)
		t.Run("Twins", s.testDeleteTwin)
	})
	t.Run("Tags", s.testTags)
}

// testWorkers is what workers do, and what is done to them.
func (s *suite) testWorkers(t *testing.T) {
	t.Run("Workers", func(t *testing.T) {
		t.Run("Registration", s.testRegistration)
		t.Run("Status", s.testWorkerStatus)
		t.Run("SleepSchedule", s.testSleepSchedule)
		t.Run("Tags", s.testWorkerTags)
	})
	t.Run("Work", func(t *testing.T) {
		t.Run("Echo", s.testEchoJob)
		t.Run("Render", s.testRenderJob)
		t.Run("Scheduling", s.testScheduling)
		t.Run("MayRun", s.testMayRun)
		t.Run("Pause", s.testPauseWhileRunning)
		t.Run("SignOff", s.testSignOffReturnsTask)
		t.Run("Failures", s.testFailures)
		t.Run("Blocklist", s.testBlocklist)
		t.Run("Pictures", s.testPictures)
	})
}

// suite is one run against one Manager.
type suite struct {
	url     string
	client  *flamenco.Client
	behind  bool   // a proxy, for the client
	run     string // in every name that this run uses
	storage string // of checkouts, as the Manager sees it
	local   bool   // whether this machine sees it, too
	n       int
}

func (s *suite) configuration(t *testing.T) {
	config, err := s.client.Configuration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !config.ShamanEnabled {
		t.Fatal("the Manager has no Shaman; enable it for these tests")
	}
	s.storage = config.StorageLocation
	info, err := os.Stat(s.storage)
	s.local = err == nil && info.IsDir()
}

// name makes a name that nobody else has.
func (s *suite) name(what string) string {
	s.n++
	return fmt.Sprintf("%s-%d-%s", s.run, s.n, what)
}

// blob is a file to upload.
type blob struct {
	data []byte
	sha  string
}

func newBlob(data []byte) blob {
	sum := sha256.Sum256(data)
	return blob{data, hex.EncodeToString(sum[:])}
}

// blob makes a file of a size that no Manager has yet.
func (s *suite) blob(size int) blob {
	data := make([]byte, size)
	_, _ = rand.Read(data) // never fails
	return newBlob(data)
}

func (b blob) size() int64 { return int64(len(b.data)) }

func (b blob) spec(path string) api.ShamanFileSpec {
	return api.ShamanFileSpec{Sha: b.sha, Size: b.size(), Path: path}
}

func (b blob) upload() flamenco.Upload {
	return flamenco.Upload{SHA256: b.sha, Size: b.size(), Name: "contract", Body: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(b.data)), nil
	}}
}

// store uploads files, once more when the Manager's race between uploads of one shard hits.
func (s *suite) store(t *testing.T, blobs ...blob) {
	t.Helper()
	for _, b := range blobs {
		if err := s.storeOne(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *suite) storeOne(ctx context.Context, b blob) (err error) {
	for range 5 {
		if _, err = s.client.ShamanUpload(ctx, b.upload()); !flamenco.IsTemporary(err) {
			return err
		}
	}
	return err
}

// checkout makes a checkout and removes it after the test.
func (s *suite) checkout(t *testing.T, path string, files ...api.ShamanFileSpec) string {
	t.Helper()
	if files == nil {
		files = []api.ShamanFileSpec{}
	}
	used, err := s.client.ShamanCheckout(t.Context(), api.ShamanCheckout{CheckoutPath: path, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.removeCheckout(t, used) })
	return used
}

// removeCheckout does it the only way there is: with a job that the checkout belongs to.
func (s *suite) removeCheckout(t *testing.T, used string) {
	ctx, cancel := cleanupContext(t)
	defer cancel()
	job := echo(s.name("cleanup"))
	job.InitialStatus, job.Storage = api.JobStatusPaused, &api.JobStorageInfo{ShamanCheckoutID: used}
	stored, err := s.client.SubmitJob(ctx, job)
	if err == nil {
		err = s.client.DeleteJob(ctx, stored.ID)
	}
	if err != nil {
		t.Errorf("removing checkout %s: %v", used, err)
	}
}

// cleanupContext outlives the test.
func cleanupContext(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
}

// echo is the smallest job: one task.
func echo(name string) api.SubmittedJob {
	return api.SubmittedJob{
		Name: name, Type: "echo-sleep-test", Priority: priority, SubmitterPlatform: "linux",
		Settings: api.JobSettings{"message": "hello"},
	}
}

// priority goes before whatever else the Manager has to do. Submission does not limit it.
const priority = 1_000_000

// submit stores a job and deletes it after the test. It waits for that, because a job whose tag goes before it does is
// for a moment anybody's.
func (s *suite) submit(t *testing.T, job api.SubmittedJob) api.Job {
	t.Helper()
	stored, err := s.client.SubmitJob(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := cleanupContext(t)
		defer cancel()
		err := s.client.DeleteJob(ctx, stored.ID)
		for ; err == nil; _, err = s.client.Job(ctx, stored.ID) {
			time.Sleep(2 * time.Millisecond)
		}
		if !flamenco.IsNotFound(err) {
			t.Errorf("deleting job %s: %v", stored.ID, err)
		}
	})
	return stored
}

func (s *suite) job(t *testing.T, id string) api.Job {
	t.Helper()
	job, err := s.client.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func (s *suite) tasks(t *testing.T, id string) []api.TaskSummary {
	t.Helper()
	tasks, err := s.client.JobTasks(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return tasks
}

// statuses lists the statuses of a job's tasks in order, such as "completed queued".
func (s *suite) statuses(t *testing.T, id string) string {
	t.Helper()
	var list []string
	for _, task := range s.tasks(t, id) {
		list = append(list, string(task.Status))
	}
	return strings.Join(list, " ")
}

// must fails the test when a step of its preparation does.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantStatus checks that err is the Manager's answer with a status and words. The client makes one space of several.
func wantStatus(t *testing.T, err error, status int, words string) {
	t.Helper()
	var failure *flamenco.Error
	if !errors.As(err, &failure) || failure.Status != status || !strings.Contains(failure.Message, strings.Join(strings.Fields(words), " ")) {
		t.Errorf("error is %v, want %d with %q", err, status, words)
	}
}

// eventually waits until a condition holds that the Manager brings about in the background.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	const patience, pause = 20 * time.Second, 20 * time.Millisecond
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %v: %s", patience, what)
		}
	}
}

// raw sends what the client would refuse to send.
func (s *suite) raw(t *testing.T, method, path, contentType, body string) (status int, reply string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	must(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	answer, err := http.DefaultClient.Do(req)
	must(t, err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(data)
}

// message returns the message of an error reply, and whether it also has its status as a code.
func message(reply string) (text string, coded bool) {
	var decoded struct {
		Code    int
		Message string
	}
	if json.Unmarshal([]byte(reply), &decoded) != nil {
		return reply, false
	}
	return decoded.Message, decoded.Code != 0
}
