package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/lab/managertest"
	"github.com/flsync/flsync/internal/lab/netsim"
	"github.com/flsync/flsync/internal/manager"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/journal"
	"github.com/flsync/flsync/submit/manifest"
)

// night is a folder with three small shots, an embedded Manager, and what runs share.
type night struct {
	t       *testing.T
	dir     string
	manager *manager.Manager
	proxy   *netsim.FaultyProxy // between client and manager
	client  *flamenco.Client
	cache   *hashcache.Cache
	runs    int

	configuration string // of the Manager, as [Greet] returned it
	onMissing     func() // called when a missing file is told, which holds up its shot
}

func newNight(t *testing.T) *night {
	t.Helper()
	n := &night{t: t, dir: t.TempDir()}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	url, m := managertest.Embedded(t, filepath.Join(n.dir, "manager"))
	n.manager = m
	var err error
	n.proxy, err = netsim.ListenFaulty(t.Context(), netsim.FaultConfig{Target: func() string { return url }})
	must(err)
	t.Cleanup(func() { _ = n.proxy.Close() })
	n.client, err = flamenco.New(flamenco.Config{URL: n.proxy.URL()})
	must(err)
	n.cache, err = hashcache.Open(filepath.Join(n.dir, "hashes.db"), hashcache.Config{})
	must(err)
	t.Cleanup(func() {
		if err := n.cache.Close(); err != nil {
			t.Error(err)
		}
	})
	must(os.CopyFS(filepath.Join(n.dir, "project"), os.DirFS("../../testdata/project")))
	return n
}

// load reads a manifest that lies in the project.
func (n *night) load(text string) []*manifest.Job {
	n.t.Helper()
	jobs, err := manifest.Load([]string{"-"}, manifest.Options{Dir: filepath.Join(n.dir, "project"), Stdin: strings.NewReader(text)})
	if err != nil {
		n.t.Fatal(err)
	}
	return jobs
}

// submit runs once. The events of jobs come back as "name status", or "name skipped".
func (n *night) submit(ctx context.Context, jobs []*manifest.Job, change func(*SubmitOptions)) ([]string, error) {
	n.runs++
	opt := SubmitOptions{
		Jobs: jobs, Run: fmt.Sprintf("run-%03d", n.runs),
		Journal: filepath.Join(n.dir, "journal"), Rewrites: filepath.Join(n.dir, "rewrites"),
	}
	if change != nil {
		change(&opt)
	}
	sink := &jobSink{onMissing: n.onMissing}
	_, err := Submit(ctx, Env{Manager: n.client, Configuration: n.configuration, Cache: n.cache, Sink: sink}, opt)
	slices.Sort(sink.jobs)
	return sink.jobs, err
}

type jobSink struct {
	onMissing func()
	mu        sync.Mutex
	jobs      []string
}

func (s *jobSink) Emit(e report.Event) {
	if w, ok := e.(report.Warning); ok && w.Code == "missing-file" && s.onMissing != nil {
		s.onMissing()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if j, ok := e.(report.Job); ok {
		status := j.Status
		if j.Skipped {
			status = "skipped"
		}
		s.jobs = append(s.jobs, j.Name+" "+status)
	}
}

// statuses are the Manager's jobs as "name status", sorted.
func (n *night) statuses() (all []string) {
	n.t.Helper()
	jobs, err := n.client.Jobs(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for _, j := range jobs {
		all = append(all, j.Name+" "+string(j.Status))
	}
	slices.Sort(all)
	return all
}

func (n *night) orphans() (all []string) {
	n.t.Helper()
	runs, err := journal.List(filepath.Join(n.dir, "journal"), 0)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, r := range runs {
		for _, j := range r.Jobs {
			all = append(all, j.Orphans()...)
		}
	}
	slices.Sort(all) // jobs may share one
	return slices.Compact(all)
}

const twoTests = `
defaults: {type: echo-sleep-test, settings: {message: hello}}
jobs:
- {name: a, type: echo-sleep-test}
- {name: b, type: echo-sleep-test}
`

func (n *night) want(what string, got, want []string) {
	n.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		n.t.Errorf("%s: (-want +got)\n%s", what, diff)
	}
}

// A run that holds its jobs ends before it releases them. The next one releases them all, and what
// somebody pauses afterwards stays paused.
func TestHeldJobsOfARunThatDied(t *testing.T) {
	n := newNight(t)
	jobs := n.load(twoTests)
	hold := func(o *SubmitOptions) { o.Hold = true }
	n.proxy.SetRules(netsim.Rule{Request: "POST /api/v3/jobs/*/setstatus", Fault: netsim.Answer(403, "")})
	if _, err := n.submit(t.Context(), jobs, hold); err == nil {
		t.Fatal("jobs that could not be released are no error")
	}
	n.want("held", n.statuses(), []string{"a paused", "b paused"})
	n.proxy.SetRules()

	got, err := n.submit(t.Context(), jobs, hold)
	if err != nil {
		t.Fatal(err)
	}
	n.want("second run", got, []string{"a skipped", "b skipped"})
	n.want("released", n.statuses(), []string{"a queued", "b queued"})

	all, err := n.client.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.client.SetJobStatus(t.Context(), all[0].ID, api.JobStatusPauseRequested, "by hand"); err != nil {
		t.Fatal(err)
	}
	before := n.statuses()
	if _, err := n.submit(t.Context(), jobs, hold); err != nil {
		t.Fatal(err)
	}
	n.want("paused by hand", n.statuses(), before)
}

func TestHoldReleasesNoneWhenOneFails(t *testing.T) {
	n := newNight(t)
	jobs := n.load(twoTests)
	n.proxy.SetRules(netsim.Rule{Request: "POST /api/v3/jobs", Skip: 1, Times: 1, Fault: netsim.Answer(400, "no")})
	_, err := n.submit(t.Context(), jobs, func(o *SubmitOptions) { o.Hold = true })
	if !errors.Is(err, ErrPartial) || !strings.Contains(err.Error(), "stay paused") {
		t.Errorf("error %v, want one that says what stays paused", err)
	}
	if got := n.statuses(); len(got) != 1 || !strings.HasSuffix(got[0], " paused") {
		t.Errorf("jobs %v, want the one that is in to be paused", got)
	}
	if _, err := n.submit(t.Context(), jobs, func(o *SubmitOptions) { o.Hold = true }); err != nil {
		t.Fatal(err)
	}
	n.want("after the repair", n.statuses(), []string{"a queued", "b queued"})
}

// What held jobs replace goes on until they are released: else a batch that is not whole would stop the farm.
func TestHeldJobsReplaceWhenReleased(t *testing.T) {
	n := newNight(t)
	if _, err := n.submit(t.Context(), n.load(twoTests), nil); err != nil {
		t.Fatal(err)
	}
	n.proxy.SetRules(netsim.Rule{Request: "POST /api/v3/jobs", Skip: 3, Times: 1, Fault: netsim.Answer(400, "no")})
	changed := n.load(strings.ReplaceAll(twoTests, "hello", "changed"))
	holdAndReplace := func(o *SubmitOptions) { o.Hold, o.Replace = true, true }
	if _, err := n.submit(t.Context(), changed, holdAndReplace); !errors.Is(err, ErrPartial) {
		t.Fatalf("error %v, want ErrPartial", err)
	}
	queued := slices.DeleteFunc(n.statuses(), func(s string) bool { return !strings.HasSuffix(s, " queued") })
	n.want("while one is missing", queued, []string{"a queued", "b queued"})
	if _, err := n.submit(t.Context(), changed, holdAndReplace); err != nil {
		t.Fatal(err)
	}
	n.want("after the repair", n.statuses(), []string{"a canceled", "a queued", "b canceled", "b queued"})
}

// Answers get lost after the Manager acted: each job is there once, and the next run finds nothing to do.
func TestLostAnswers(t *testing.T) {
	n := newNight(t)
	jobs := n.load(twoTests)
	n.proxy.SetRules(
		netsim.Rule{Request: "POST /api/v3/jobs", Times: 1, Fault: netsim.Fault{Kind: netsim.DropReply}},
		netsim.Rule{Request: "POST /api/v3/jobs", Times: 1, Fault: netsim.Fault{Kind: netsim.HalfReply, At: 0.5}},
	)
	if _, err := n.submit(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	n.want("first run", n.statuses(), []string{"a queued", "b queued"})
	got, err := n.submit(t.Context(), jobs, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.want("second run", got, []string{"a skipped", "b skipped"})
}

func TestReplaceAndForce(t *testing.T) {
	n := newNight(t)
	changed := func(message string) []*manifest.Job {
		return n.load(strings.ReplaceAll(twoTests, "hello", message))
	}
	for i, tt := range []struct {
		message string
		change  func(*SubmitOptions)
		want    []string // of job a, at the Manager
	}{
		{"one", nil, []string{"a queued"}},
		{"one", nil, []string{"a queued"}},
		{"two", nil, []string{"a queued", "a queued"}},
		// A job that is the same still cancels what an earlier run with --replace could not any more.
		{"two", func(o *SubmitOptions) { o.Replace = true }, []string{"a canceled", "a queued"}},
		{"three", func(o *SubmitOptions) { o.Replace = true }, []string{"a canceled", "a canceled", "a queued"}},
		{"three", func(o *SubmitOptions) { o.Force = true }, []string{"a canceled", "a canceled", "a queued", "a queued"}},
	} {
		if _, err := n.submit(t.Context(), changed(tt.message), tt.change); err != nil {
			t.Fatal(err)
		}
		n.want(fmt.Sprint("step ", i+1), slices.DeleteFunc(n.statuses(), func(s string) bool { return s[0] != 'a' }), tt.want)
	}
}

// The job type changes between the check and the submission: the job goes in with the new one, and the next
// run takes it for the same.
func TestTypeChangesMeanwhile(t *testing.T) {
	n := newNight(t)
	jobs := n.load(twoTests)
	n.proxy.SetRules(netsim.Rule{
		Request: "POST /api/v3/jobs", Times: 1, Fault: netsim.Answer(412, "rejecting job because its settings are outdated, refresh the job type"),
	})
	if _, err := n.submit(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	n.proxy.SetRules()
	got, err := n.submit(t.Context(), jobs, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.want("second run", got, []string{"a skipped", "b skipped"})
}

const shots = `
defaults: {settings: {render_output_root: /render}}
jobs:
- {glob: "shots/*.blend"}
`

// A job that the Manager refuses leaves its checkout behind: the journal lists it, and nothing else.
func TestOrphanIsListed(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			n := newNight(t)
			jobs := n.load(shots)
			n.proxy.SetRules(netsim.Rule{
				Request: "POST /api/v3/jobs", Times: 1, Fault: netsim.Answer(400, "no"),
			})
			if _, err := n.submit(t.Context(), jobs, func(o *SubmitOptions) { o.Shared = shared }); !errors.Is(err, ErrPartial) {
				t.Fatalf("error %v, want ErrPartial", err)
			}
			want := 1
			if shared { // the others have it
				want = 0
			}
			if got := n.orphans(); len(got) != want {
				t.Errorf("orphans %v, want %d", got, want)
			}
			n.proxy.SetRules()
			if _, err := n.submit(t.Context(), jobs, func(o *SubmitOptions) { o.Shared = shared }); err != nil {
				t.Fatal(err)
			}
			if got := n.statuses(); len(got) != len(jobs) {
				t.Errorf("jobs %v, want %d", got, len(jobs))
			}
		})
	}
}

// Answers to checkouts are lost: what is left on the Manager's disk without a job is what the journal lists.
func TestUnansweredCheckoutsAreOrphans(t *testing.T) {
	n := newNight(t)
	n.proxy.SetRules(netsim.Rule{
		Request: "POST /api/v3/shaman/checkout/create", Times: 2, Fault: netsim.Fault{Kind: netsim.DropReply},
	})
	if _, err := n.submit(t.Context(), n.load(shots), nil); err != nil {
		t.Fatal(err)
	}
	jobs, err := n.client.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(n.manager.CheckoutDir())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, folder := range left {
		if !slices.ContainsFunc(jobs, func(j api.Job) bool { return j.Storage.ShamanCheckoutID == folder.Name() }) {
			want = append(want, folder.Name())
		}
	}
	if got := n.orphans(); len(want) != 2 || !slices.Equal(got, want) {
		t.Errorf("orphans %v, want %v", got, want)
	}
}

// All jobs of a shared checkout are refused: it is an orphan.
func TestSharedCheckoutWithoutJobsIsAnOrphan(t *testing.T) {
	n := newNight(t)
	n.proxy.SetRules(netsim.Rule{
		Request: "POST /api/v3/jobs", Fault: netsim.Answer(400, "no"),
	})
	if _, err := n.submit(t.Context(), n.load(shots), func(o *SubmitOptions) { o.Shared = true }); !errors.Is(err, ErrNoneDone) {
		t.Fatalf("error %v, want ErrNoneDone", err)
	}
	if got := n.orphans(); len(got) != 1 || !strings.HasPrefix(got[0], "project-") {
		t.Errorf("orphans %v, want that of the project", got)
	}
}

// What an earlier run has seen stored goes straight into checkouts; when the Manager has lost its store
// since, the first checkout shows it, and everything is sent again.
func TestStraightToCheckout(t *testing.T) {
	n := newNight(t)
	jobs := n.load(shots)
	count := func() (asked, sent int) {
		return n.proxy.Requests("POST /api/v3/shaman/checkout/requirements"), n.proxy.Requests("POST /api/v3/shaman/files/*/*")
	}
	force := func(o *SubmitOptions) { o.Force = true }
	if _, err := n.submit(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	asked, sent := count()
	if asked == 0 || sent == 0 {
		t.Fatalf("the first run asked %d times and sent %d files", asked, sent)
	}
	if _, err := n.submit(t.Context(), jobs, force); err != nil {
		t.Fatal(err)
	}
	if a, s := count(); a != asked || s != sent {
		t.Errorf("the second run asked %d times and sent %d files", a-asked, s-sent)
	}

	before, err := n.client.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(n.manager.StorageDir(), "file-store", "stored")); err != nil {
		t.Fatal(err)
	}
	if _, err := n.submit(t.Context(), jobs, force); err != nil {
		t.Fatal(err)
	}
	if a, s := count(); a == asked || s != 2*sent {
		t.Errorf("with an empty store, it asked %d times and sent %d of %d files", a-asked, s-sent, sent)
	}
	after, err := n.client.Jobs(t.Context())
	if err != nil || len(after) != len(before)+len(jobs) {
		t.Fatalf("%d jobs after %d, error %v", len(after), len(before), err)
	}
	for _, job := range after {
		if slices.ContainsFunc(before, func(b api.Job) bool { return b.ID == job.ID }) {
			continue
		}
		folder := filepath.Join(n.manager.CheckoutDir(), job.Storage.ShamanCheckoutID)
		if err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, _ error) error {
			_, err := os.Stat(path) // what a link leads to
			return err
		}); err != nil {
			t.Errorf("%s: %v", job.Name, err)
		}
	}
}

// A file changes while it is sent, and is sent anew: the job is known by what its checkout has, so that the
// next run finds nothing to do.
func TestFileChangesMeanwhile(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) { fileChangesMeanwhile(t, shared) })
	}
}

func fileChangesMeanwhile(t *testing.T, shared bool) {
	n := newNight(t)
	large := filepath.Join(n.dir, "project", "large.bin")
	write := func(content byte) { // in one step: a look in the middle of writing would rightly see a third content
		if err := os.WriteFile(large+"~", bytes.Repeat([]byte{content}, keepFile+1), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(large+"~", large); err != nil {
			t.Error(err)
		}
	}
	write(1)
	var first sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == keepFile+1 {
			first.Do(func() {
				write(2)
				panic(http.ErrAbortHandler) // else the Manager may have the earlier content, and the other job is right to take that
			})
		}
		n.manager.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	var err error
	if n.client, err = flamenco.New(flamenco.Config{URL: server.URL}); err != nil {
		t.Fatal(err)
	}
	jobs := n.load(strings.Replace(twoTests, "defaults: {", "defaults: {files: large.bin, ", 1))
	change := func(o *SubmitOptions) { o.Shared = shared }
	if _, err := n.submit(t.Context(), jobs, change); err != nil {
		t.Fatal(err)
	}
	got, err := n.submit(t.Context(), jobs, change)
	if err != nil {
		t.Fatal(err)
	}
	n.want("second run", got, []string{"a skipped", "b skipped"})
}

// Another computer submits the same while files are on their way: its jobs are found before ours are sent.
func TestAnotherComputerMeanwhile(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) { anotherComputerMeanwhile(t, shared) })
	}
}

func anotherComputerMeanwhile(t *testing.T, shared bool) {
	n := newNight(t)
	direct := n.client
	if err := os.WriteFile(filepath.Join(n.dir, "project", "more.bin"), []byte("more"), 0o600); err != nil {
		t.Fatal(err)
	}
	jobs := n.load(strings.Replace(twoTests, "defaults: {", "defaults: {files: more.bin, ", 1))
	var first sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == int64(len("more")) {
			first.Do(func() {
				other := SubmitOptions{Jobs: jobs, Run: "other", Journal: filepath.Join(n.dir, "other"), Rewrites: filepath.Join(n.dir, "rewrites")}
				if _, err := Submit(r.Context(), Env{Manager: direct, Cache: n.cache, Sink: &jobSink{}}, other); err != nil {
					t.Error(err)
				}
			})
		}
		n.manager.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	var err error
	if n.client, err = flamenco.New(flamenco.Config{URL: server.URL}); err != nil {
		t.Fatal(err)
	}
	got, err := n.submit(t.Context(), jobs, func(o *SubmitOptions) { o.Shared, o.Once.Fresh = shared, time.Nanosecond })
	if err != nil {
		t.Fatal(err)
	}
	n.want("this computer", got, []string{"a skipped", "b skipped"})
	n.want("jobs", n.statuses(), []string{"a queued", "b queued"})
}

// A job that the Manager never answers for, while it takes others, is that job's failure and not the run's
// end.
func TestOneJobIsNeverAnswered(t *testing.T) {
	n := newNight(t)
	var first sync.Once
	asked, taken := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/api/v3/jobs" {
			body, err := io.ReadAll(r.Body)
			if err != nil || strings.Contains(string(body), `"name":"a"`) {
				first.Do(func() { close(asked) })
				<-taken
				panic(http.ErrAbortHandler)
			}
			<-asked // b comes in while a is under way
			defer close(taken)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		n.manager.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	var err error
	if n.client, err = flamenco.New(flamenco.Config{URL: server.URL}); err != nil {
		t.Fatal(err)
	}
	_, err = n.submit(t.Context(), n.load(twoTests), func(o *SubmitOptions) {
		o.Once.Patience, o.Once.Settle = 500*time.Millisecond, time.Millisecond
	})
	if !errors.Is(err, ErrPartial) {
		t.Errorf("error %v, want ErrPartial", err)
	}
	n.want("jobs", n.statuses(), []string{"b queued"})
}

// The Manager goes away for good in the middle: the run ends, rather than wait for each job in turn, and the
// next takes up the rest.
func TestManagerGoesAway(t *testing.T) {
	n := newNight(t)
	var text strings.Builder
	text.WriteString("jobs:\n")
	for i := range 40 {
		fmt.Fprintf(&text, "- {name: t%02d, type: echo-sleep-test, settings: {message: hello}}\n", i)
	}
	jobs := n.load(text.String())
	n.proxy.SetRules(netsim.Rule{Request: "POST /api/v3/jobs", Skip: 10, Fault: netsim.Fault{Kind: netsim.ResetBefore}})
	_, err := n.submit(t.Context(), jobs, func(o *SubmitOptions) {
		o.Once.Patience, o.Once.Settle = 100*time.Millisecond, time.Millisecond
	})
	var away *flamenco.UnreachableError
	if !errors.As(err, &away) || errors.Is(err, ErrPartial) {
		t.Errorf("error %v, want the Manager to be away", err)
	}
	n.proxy.SetRules()
	if _, err := n.submit(t.Context(), jobs, func(o *SubmitOptions) { o.Once.Settle = time.Millisecond }); err != nil {
		t.Fatal(err)
	}
	if got := slices.Compact(n.statuses()); len(got) != len(jobs) || len(n.statuses()) != len(jobs) {
		t.Errorf("%d jobs, %d of them different, want %d", len(n.statuses()), len(got), len(jobs))
	}
}

// The run before died while the Manager was at work on its job.
func TestWhatADeadRunSent(t *testing.T) {
	n := newNight(t)
	jobs := n.load(twoTests)[:1]
	// What a run leaves that was killed when it had sent a job, and had no answer.
	dir := filepath.Join(n.dir, "journal")
	dead, err := journal.Create(dir, journal.Head{Run: "run-000-dead", Manager: n.client.URL()})
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.Record(t.Context(), journal.Entry{Step: journal.Posting, Key: jobs[0].Key}); err != nil {
		t.Fatal(err)
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	unsettled := func() bool {
		left, err := journal.LeftOpen(dir, n.client.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, open := left.Unsettled[jobs[0].Key]
		return open
	}
	if !unsettled() {
		t.Error("the job of the dead run does not count as unsettled")
	}
	if _, err := n.submit(t.Context(), jobs, func(o *SubmitOptions) { o.Once.Settle = time.Millisecond }); err != nil {
		t.Fatal(err)
	}
	if unsettled() {
		t.Error("a later run has seen the job, and it still counts as unsettled")
	}
}

// TestEarlyJobs: a shot that needs nothing of the others is submitted while these are still being traced.
func TestEarlyJobs(t *testing.T) {
	n := newNight(t)
	if err := os.Remove(filepath.Join(n.dir, "project", "textures", "sky.hdr")); err != nil { // of sh030 alone
		t.Fatal(err)
	}
	jobs := n.load(`
version: 1
defaults: {type: simple-blender-render, settings: {render_output_root: /render}}
jobs:
  - blend: shots/sh030.blend
  - blend: shots/sh010.blend
`)
	n.onMissing = func() {
		for deadline := time.Now().Add(time.Minute); !slices.Equal(n.statuses(), []string{"sh010 queued"}); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Error("sh010 waits for sh030")
				return
			}
		}
	}
	if _, err := n.submit(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	n.want("jobs", n.statuses(), []string{"sh010 queued", "sh030 queued"})
}

// TestListedOnlyIfNeeded: a job that this computer submitted, and that is still the same, costs one short
// request; the Manager's list is asked for, once, when the job is gone or another computer may have submitted
// a newer one.
func TestListedOnlyIfNeeded(t *testing.T) {
	n := newNight(t)
	n.write("a.bin", "a")
	file := filepath.Join(n.dir, "project", "a.bin")
	text := strings.Replace(twoTests, "defaults: {", "defaults: {files: a.bin, ", 1)
	elsewhere := func(change func(*SubmitOptions)) {
		t.Helper()
		_, err := n.submit(t.Context(), n.load(text), func(o *SubmitOptions) {
			o.Journal = filepath.Join(n.dir, "journal of another computer")
			if change != nil {
				change(o)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	each := func(do func(j api.Job) error) {
		t.Helper()
		jobs, err := n.client.Jobs(t.Context())
		for _, j := range jobs {
			err = errors.Join(err, do(j))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now()
	rewrite := func(content string) {
		n.write("a.bin", content)
		later = later.Add(time.Hour) // whatever the file system's clock
		if err := os.Chtimes(file, later, later); err != nil {
			t.Fatal(err)
		}
	}
	skipped := []string{"a skipped", "b skipped"}
	queued := []string{"a queued", "b queued"}
	for _, step := range []struct {
		name         string
		before       func()
		lists, looks int
		jobs         []string
	}{
		{"first", func() {}, 1, 0, queued},
		{"unchanged", func() {}, 0, 2, skipped},
		{"canceled", func() {
			each(func(j api.Job) error {
				return n.client.SetJobStatus(t.Context(), j.ID, api.JobStatusCancelRequested, "test")
			})
		}, 1, 2, queued},
		{"unchanged again", func() {}, 0, 2, skipped},
		{"changed", func() { rewrite("b") }, 1, 2, queued},
		{"changed back after another computer", func() { rewrite("c"); elsewhere(nil); rewrite("b") }, 1, 2, queued},
		{"submitted elsewhere", func() { rewrite("d"); elsewhere(nil) }, 1, 2, skipped},
	} {
		step.before()
		lists, looks, posts := n.proxy.Requests("GET /api/v3/jobs"), n.proxy.Requests("GET /api/v3/jobs/*"), n.proxy.Requests("POST /**")
		types := n.proxy.Requests("GET /api/v3/jobs/types")
		got, err := n.submit(t.Context(), n.load(text), nil)
		if err != nil {
			t.Fatal(step.name, err)
		}
		n.want(step.name, got, step.jobs)
		lists, looks = n.proxy.Requests("GET /api/v3/jobs")-lists, n.proxy.Requests("GET /api/v3/jobs/*")-looks-(n.proxy.Requests("GET /api/v3/jobs/types")-types)
		if lists != step.lists || looks > step.looks {
			t.Errorf("%s: the jobs were listed %d times, want %d; %d single jobs were asked for, want %d at most", step.name, lists, step.lists, looks, step.looks)
		}
		if posts = n.proxy.Requests("POST /**") - posts; step.lists == 0 && posts != 0 {
			t.Errorf("%s: %d requests that are more than a look", step.name, posts)
		}
	}
}

// TestUnchangedAsksLittle: one unchanged shot asks for the Manager's configuration, its job types and the
// job. What follows from the configuration is asked again when that has changed.
func TestUnchangedAsksLittle(t *testing.T) {
	n := newNight(t)
	n.write("a.bin", "a")
	jobs := n.load(strings.Replace(twoTests, "defaults: {", "defaults: {files: a.bin, ", 1))[:1]
	for _, step := range []struct {
		name      string
		configure bool
		asks      int
		got       []string
	}{
		{"first", false, 0, []string{"a queued"}},
		{"unchanged", false, 3, []string{"a skipped"}},
		{"another configuration", true, 8, []string{"a skipped"}},
		{"unchanged since", false, 3, []string{"a skipped"}},
	} {
		if step.configure {
			var config map[string]json.RawMessage
			text, err := n.client.ConfigurationFile(t.Context())
			if err := errors.Join(err, json.Unmarshal(text, &config)); err != nil {
				t.Fatal(err)
			}
			config["variables"] = json.RawMessage(`{"farm": {"is_twoway": true, "values": [{"platform": "all", "audience": "all", "value": "/mnt/farm"}]}}`)
			text, err = json.Marshal(config)
			if err := errors.Join(err, n.client.UpdateConfigurationFile(t.Context(), text)); err != nil {
				t.Fatal(err)
			}
		}
		asked := func() (all int) {
			for depth := range 6 {
				all += n.proxy.Requests("* /api/v3" + strings.Repeat("/*", depth))
			}
			return all
		}
		before := asked()
		var err error
		if n.configuration, err = Greet(t.Context(), n.client); err != nil || n.configuration == "" {
			t.Fatal(n.configuration, err)
		}
		got, err := n.submit(t.Context(), jobs, nil)
		if err != nil {
			t.Fatal(step.name, err)
		}
		n.want(step.name, got, step.got)
		if asks := asked() - before; step.asks > 0 && asks != step.asks {
			t.Errorf("%s: %d requests, want %d", step.name, asks, step.asks)
		}
	}
}
