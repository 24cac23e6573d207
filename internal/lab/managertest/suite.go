// Package managertest holds what a Flamenco Manager does, as tests: one suite that runs against the embedded
// Manager in every test run, and against a real one when FLSYNC_TEST_MANAGER has its URL. Where the two
// differ, the embedded one is wrong.
//
// # Basics
//
//	managertest.Run(t, "http://127.0.0.1:8080")
//
// A new operation gets a test in the table of [suite.contracts]. What older Managers lack is listed in
// [api.Additions]; a test that depends on it names it there. [Older] makes a Manager answer as an older
// release.
//
// # Caveats
//
// The suite may run on a Manager that is in use, and repeatedly: names are unique, it removes what it makes,
// and it changes nobody else's jobs, workers or tags. For a moment it changes the Manager's name. Its jobs
// precede all others while it runs. Files that it uploads, some 20 MB, stay until the Manager's garbage
// collection.
package managertest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// Run runs the suite against the Manager at url.
func Run(t *testing.T, url string) { RunBehind(t, url, flamenco.Config{URL: url}) }

// RunBehind runs the suite against the Manager at url through what the configuration leads to: a proxy in
// front of it. Requests that no client makes, to see how the Manager takes them, go straight to it.
//
// With a proxy that wants a password it leaves out what workers do, because they have an Authorization header
// of their own.
func RunBehind(t *testing.T, url string, through flamenco.Config) {
	through.Version = "contract"
	client := get(flamenco.New(through))(t)
	t.Cleanup(client.Close)
	s := &suite{
		url: strings.TrimRight(url, "/"), client: client, behind: through.URL != url,
		run: "contract-" + strings.ToLower(rand.Text()[:8]),
	}
	s.prepare(t)
	for _, c := range s.contracts() {
		t.Run(c.name, func(t *testing.T) {
			switch {
			case c.shaman && !s.shaman:
				t.Skip("Shaman is off")
			case c.latest && !s.latest():
				t.Skipf("differs before %v", api.Latest())
			case s.lacks(c.needs):
				t.Skipf("%s is since %v", c.needs, api.Since(c.needs))
			case strings.HasPrefix(c.name, "Work") && through.Header.Get("Authorization") != "":
				t.Skip("workers have no password for the proxy")
			}
			c.test(t)
		})
	}
}

// contract is one test of the suite.
type contract struct {
	name   string
	test   func(*testing.T)
	shaman bool   // needs Shaman
	latest bool   // compares what every release changes
	needs  string // of [api.Additions]
}

// contracts lists the whole suite.
func (s *suite) contracts() []contract {
	return []contract{
		{name: "Shaman/Off", test: s.testShamanOff},
		{name: "Shaman/Upload", test: s.testUpload, shaman: true},
		{name: "Shaman/UploadKnown", test: s.testUploadKnown, shaman: true},
		{name: "Shaman/UploadMismatch", test: s.testUploadMismatch, shaman: true},
		{name: "Shaman/UploadDefer", test: s.testUploadDefer, shaman: true},
		{name: "Shaman/UploadRace", test: s.testUploadRace, shaman: true},
		{name: "Shaman/UploadAborted", test: s.testUploadAborted, shaman: true},
		{name: "Shaman/Expect", test: s.testExpect, shaman: true},
		{name: "Shaman/Requirements", test: s.testRequirements, shaman: true},
		{name: "Shaman/Checkout", test: s.testCheckout, shaman: true},
		{name: "Shaman/CheckoutLarge", test: s.testCheckoutLarge, shaman: true},
		{name: "Shaman/CheckoutTaken", test: s.testCheckoutTaken, shaman: true},
		{name: "Shaman/CheckoutFails", test: s.testCheckoutFails, shaman: true},
		{name: "Shaman/CheckoutPaths", test: s.testCheckoutPaths, shaman: true},

		{name: "Errors", test: s.testErrors},
		{name: "Meta/Version", test: s.testVersion},
		{name: "Meta/Status", test: s.testFarmStatus, needs: "getFarmStatus"},
		{name: "Meta/Storage", test: s.testStorage},
		{name: "Meta/Checks", test: s.testChecks},
		{name: "Meta/Document", test: s.testDocument},
		{name: "Meta/ConfigurationFile", test: s.testConfigurationFile, needs: "updateConfigurationFile"},

		{name: "Jobs/Types", test: s.testJobTypes, latest: true},
		{name: "Jobs/Submit", test: s.testSubmit},
		{name: "Jobs/List", test: s.testJobList},
		{name: "Jobs/Refused", test: s.testSubmitRefused},
		{name: "Jobs/Compile", test: s.testCompile},
		{name: "Jobs/Commands", test: s.testCommands, latest: true},
		{name: "Jobs/Status", test: s.testJobStatus},
		{name: "Jobs/TaskStatus", test: s.testTaskStatus},
		{name: "Jobs/Priority", test: s.testPriority},
		{name: "Jobs/Tag", test: s.testJobTag, needs: "setJobTag"},
		{name: "Jobs/Delete", test: s.testDelete, shaman: true},
		{name: "Jobs/Twins", test: s.testDeleteTwin, shaman: true},
		{name: "Tags", test: s.testTags},

		{name: "Workers/Registration", test: s.testRegistration},
		{name: "Workers/Status", test: s.testWorkerStatus},
		{name: "Workers/SleepSchedule", test: s.testSleepSchedule},
		{name: "Workers/Tags", test: s.testWorkerTags},
		{name: "Work/Echo", test: s.testEchoJob},
		{name: "Work/Render", test: s.testRenderJob},
		{name: "Work/Scheduling", test: s.testScheduling},
		{name: "Work/MayRun", test: s.testMayRun},
		{name: "Work/Pause", test: s.testPauseWhileRunning, needs: "JobStatus=pause-requested"},
		{name: "Work/SignOff", test: s.testSignOffReturnsTask},
		{name: "Work/Retry", test: s.testRetry},
		{name: "Work/Failures", test: s.testFailures},
		{name: "Work/Blocklist", test: s.testBlocklist},
		{name: "Work/Pictures", test: s.testPictures},
	}
}

// suite is one run against one Manager.
type suite struct {
	url     string
	client  *flamenco.Client
	behind  bool   // a proxy, for the client
	run     string // in every name that this run uses
	storage string // of jobs, as the Manager sees it
	local   bool   // this machine sees the storage, too
	shaman  bool
	release api.Release
	n       int
}

// prepare asks the Manager for its release and storage. FLSYNC_TEST_MANAGER_VERSION names the release of one
// that was built without.
func (s *suite) prepare(t *testing.T) {
	config := get(s.client.Configuration(t.Context()))(t)
	version := get(s.client.Version(t.Context()))(t)
	var known bool
	if s.release, known = api.ParseRelease(cmp.Or(os.Getenv("FLSYNC_TEST_MANAGER_VERSION"), version.Shortversion)); !known {
		s.release = api.Latest()
	}
	s.storage, s.shaman = config.StorageLocation, config.ShamanEnabled
	info, err := os.Stat(s.storage)
	s.local = err == nil && info.IsDir()
}

// lacks reports whether the Manager is too old for an addition to the API.
func (s *suite) lacks(addition string) bool { return s.release.Before(api.Since(addition)) }

// latest reports whether the Manager's words are compared, too: they differ between releases.
func (s *suite) latest() bool { return !s.release.Before(api.Latest()) }

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
		must(t, s.storeOne(t.Context(), b))
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
	used := get(s.client.ShamanCheckout(t.Context(), api.ShamanCheckout{CheckoutPath: path, Files: files}))(t)
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

// afterwards calls undo after the test. Its error may have one of the statuses: the test may have undone it
// itself.
func afterwards(t *testing.T, undo func(context.Context) error, fine ...int) {
	t.Cleanup(func() {
		ctx, cancel := cleanupContext(t)
		defer cancel()
		err := undo(ctx)
		if err != nil && !slices.ContainsFunc(fine, func(status int) bool { return flamenco.HasStatus(err, status) }) {
			t.Error(err)
		}
	})
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

// submit stores a job and deletes it after the test. It waits for the deletion: a job that outlives its tag
// can be taken by any worker.
func (s *suite) submit(t *testing.T, job api.SubmittedJob) api.Job {
	t.Helper()
	stored := get(s.client.SubmitJob(t.Context(), job))(t)
	afterwards(t, func(ctx context.Context) error {
		err := s.client.DeleteJob(ctx, stored.ID)
		for ; err == nil; _, err = s.client.Job(ctx, stored.ID) {
			time.Sleep(2 * time.Millisecond)
		}
		return fmt.Errorf("deleting job %s: %w", stored.ID, err)
	}, http.StatusNotFound)
	return stored
}

func (s *suite) job(t *testing.T, id string) api.Job {
	t.Helper()
	return get(s.client.Job(t.Context(), id))(t)
}

func (s *suite) tasks(t *testing.T, id string) []api.TaskSummary {
	t.Helper()
	return get(s.client.JobTasks(t.Context(), id))(t)
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

//go:embed testdata
var testdata embed.FS

// vector is one line of a file of vectors, with the indented lines below it.
type vector struct {
	head  string
	lines []string
}

// vectors reads a file of vectors. Lines that begin with # are comments.
func vectors(t *testing.T, name string) (list []vector) {
	t.Helper()
	for line := range strings.Lines(string(get(testdata.ReadFile("testdata/" + name + ".txt"))(t))) {
		line = strings.TrimSuffix(line, "\n")
		if text, indented := strings.CutPrefix(line, "\t"); indented {
			last := &list[len(list)-1]
			last.lines = append(last.lines, text)
		} else if !strings.HasPrefix(line, "#") {
			list = append(list, vector{head: line})
		}
	}
	return list
}

// must fails the test when a step of its preparation does.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get returns value, and fails the test when err is not nil: get(client.Job(ctx, id))(t).
func get[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return value
	}
}

// failure returns the error of a call whose value does not matter.
func failure[T any](_ T, err error) error { return err }

// wantStatus checks that err is the Manager's answer with a status and words. The client makes one space of
// several. Of older releases only the status counts.
func (s *suite) wantStatus(t *testing.T, err error, status int, words string) {
	t.Helper()
	if !s.latest() {
		words = ""
	}
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
	req := get(http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body)))(t)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	answer := get(http.DefaultClient.Do(req))(t)
	defer answer.Body.Close()
	data := get(io.ReadAll(answer.Body))(t)
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
