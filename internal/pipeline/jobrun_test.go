package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/lab/netsim"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/journal"
)

// codes returns the codes of warnings and errors, sorted, each once.
func (s *codeSink) sorted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.codes)
	return slices.Compact(s.codes)
}

// codeSink keeps jobs like jobSink, and the codes of warnings and errors.
type codeSink struct {
	jobSink
	codes []string
}

func (s *codeSink) Emit(e report.Event) {
	s.jobSink.Emit(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case report.Warning:
		s.codes = append(s.codes, e.Code)
	case report.Error:
		s.codes = append(s.codes, e.Code)
	}
}

// env is what runs of the night work with.
func (n *night) env(sink report.Sink) Env { return Env{Manager: n.client, Cache: n.cache, Sink: sink} }

func (n *night) options(text string) SubmitOptions {
	n.runs++
	return SubmitOptions{
		Jobs: n.load(text), Run: fmt.Sprintf("run-%03d", n.runs),
		Journal: filepath.Join(n.dir, "journal"), Rewrites: filepath.Join(n.dir, "rewrites"),
	}
}

// in puts a server before the Manager that calls first for each request; first returns true if it has
// answered.
func (n *night) in(first func(http.ResponseWriter, *http.Request) bool) {
	n.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !first(w, r) {
			n.manager.ServeHTTP(w, r)
		}
	}))
	n.t.Cleanup(server.Close)
	var err error
	if n.client, err = flamenco.New(flamenco.Config{URL: server.URL}); err != nil {
		n.t.Fatal(err)
	}
}

func (n *night) write(name, content string) {
	n.t.Helper()
	path := filepath.Join(n.dir, "project", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// withFiles is twoTests with files for each job.
func withFiles(a, b string) string {
	return strings.NewReplacer("{name: a,", "{name: a, files: "+a+",", "{name: b,", "{name: b, files: "+b+",").Replace(twoTests)
}

// A run that fails after it took its lock ends its journal, with its exit code, and gives the lock back.
func TestJournalOfARunThatDoesNotOpen(t *testing.T) {
	n := newNight(t)
	n.proxy.SetRules(netsim.Rule{Request: "GET /api/v3/jobs", Fault: netsim.Answer(403, "")})
	opt := n.options(twoTests)
	opt.ExitCode = func(err error) int { return 42 }
	if _, err := Submit(t.Context(), n.env(&jobSink{}), opt); !flamenco.HasStatus(err, http.StatusForbidden) {
		t.Fatalf("error %v, want status 403", err)
	}
	runs, err := journal.List(opt.Journal, 0)
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, error %v", len(runs), err)
	}
	if runs[0].Ended.IsZero() || runs[0].ExitCode != 42 {
		t.Errorf("the run ended %v with exit code %d, want 42", runs[0].Ended, runs[0].ExitCode)
	}
	n.proxy.SetRules()
	if _, err := Submit(t.Context(), n.env(&jobSink{}), n.options(twoTests)); err != nil {
		t.Errorf("the next run: %v", err)
	}
}

// Nothing is done that the journal cannot record.
func TestJournalFails(t *testing.T) {
	n := newNight(t)
	n.write("a.bin", "a")
	r, err := openRun(t.Context(), n.env(&jobSink{}), true, true)
	if err != nil {
		t.Fatal(err)
	}
	s := newSubmission(r, n.options(withFiles("a.bin", "a.bin")))
	if err := s.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.runJobs(t.Context()); err != nil {
		t.Errorf("error %v: failed jobs are no error of the run", err)
	}
	if err := s.close(t.Context(), nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v, want that of a closed journal", err)
	}
	if _, err := r.close(nil); !errors.Is(err, ErrNoneDone) {
		t.Errorf("error %v, want ErrNoneDone", err)
	}
	n.want("jobs", n.statuses(), nil)
}

// The number of goroutines does not grow with the number of files that are new to the cache.
func TestGoroutinesAreBounded(t *testing.T) {
	n := newNight(t)
	const files = 1_200
	for i := range files {
		n.write(fmt.Sprintf("many/%03d/%02d.txt", i/100, i%100), fmt.Sprint(i))
	}
	var most atomic.Int64
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				most.Store(max(most.Load(), int64(runtime.NumGoroutine())))
			}
		}
	}()
	env := n.env(&jobSink{})
	env.DryRun = true
	opt := n.options(twoTests)
	opt.All = true
	summary, err := Submit(t.Context(), env, opt)
	close(done)
	<-watched
	if err != nil {
		t.Fatal(err)
	}
	if summary.Files.Total < files || summary.Files.Hashed < files {
		t.Errorf("%d files, %d hashed, want %d", summary.Files.Total, summary.Files.Hashed, files)
	}
	if most.Load() > 300 {
		t.Errorf("%d goroutines", most.Load())
	}
}

// The pool's queue is bounded: whoever finds files waits.
func TestHashPoolIsBounded(t *testing.T) {
	pool := newHashPool(2)
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	accepted := 0
	for range 2 + 2*queuePerWorker {
		if err := pool.add(ctx, func() { <-release }); err != nil {
			t.Fatal(err)
		}
		accepted++
	}
	cancel()
	for range 20 { // a full queue and an ended context: no task is accepted any more, by whatever chance
		if err := pool.add(ctx, func() { t.Error("a task too many") }); err == nil {
			break
		}
	}
	close(release)
	pool.close()
}

// One job's file vanishes: with a shared checkout, too, the other jobs go on.
func TestOneJobFails(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			n := newNight(t)
			n.write("a.bin", "a")
			n.write("b.bin", "b")
			opt := n.options(withFiles("a.bin", "b.bin"))
			opt.Shared = shared
			if err := os.Remove(filepath.Join(n.dir, "project", "b.bin")); err != nil {
				t.Fatal(err)
			}
			var sink codeSink
			summary, err := Submit(t.Context(), n.env(&sink), opt)
			if !errors.Is(err, ErrPartial) || summary.Jobs.Submitted != 1 || summary.Jobs.Failed != 1 {
				t.Errorf("error %v, jobs %+v", err, summary.Jobs)
			}
			n.want("jobs", n.statuses(), []string{"a queued"})
		})
	}
}

// A file that the Manager does not take fails the jobs that need it, and counts once.
func TestFileIsRefused(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			n := newNight(t)
			n.write("a.bin", "a")
			n.write("b.bin", "bb")
			n.in(func(w http.ResponseWriter, r *http.Request) bool {
				refuse := strings.HasPrefix(r.URL.Path, "/api/v3/shaman/files/") && r.Method == http.MethodPost && r.ContentLength == 2
				if refuse {
					http.Error(w, `{"code":400,"message":"no"}`, http.StatusBadRequest)
				}
				return refuse
			})
			text := withFiles("a.bin", "b.bin") + "- {name: c, type: echo-sleep-test, files: b.bin}\n"
			opt := n.options(text)
			opt.Shared = shared
			summary, err := Submit(t.Context(), n.env(&codeSink{}), opt)
			if !errors.Is(err, ErrPartial) || summary.Jobs.Failed != 2 || summary.Files.Failed != 1 {
				t.Errorf("error %v, jobs %+v, files %+v", err, summary.Jobs, summary.Files)
			}
			n.want("jobs", n.statuses(), []string{"a queued"})
		})
	}
}

// Jobs that are all there already have no shared checkout made for them.
func TestSharedWithNothingToDo(t *testing.T) {
	n := newNight(t)
	jobs := n.load(shots)
	shared := func(o *SubmitOptions) { o.Shared = true }
	if _, err := n.submit(t.Context(), jobs, shared); err != nil {
		t.Fatal(err)
	}
	before := n.proxy.Requests("POST /api/v3/shaman/checkout/create")
	got, err := n.submit(t.Context(), jobs, shared)
	if err != nil {
		t.Fatal(err)
	}
	n.want("second run", got, []string{"sh010 skipped", "sh020 skipped", "sh030 skipped"})
	if made := n.proxy.Requests("POST /api/v3/shaman/checkout/create") - before; made != 0 || before != 1 {
		t.Errorf("%d checkouts, then %d", before, made)
	}
}

func TestTooManyFailures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*SubmitOptions)
		want   error
	}{
		{"all fail", func(*SubmitOptions) {}, ErrNoneDone},
		{"fail fast", func(o *SubmitOptions) { o.FailFast = true }, ErrTooManyFailures},
		{"two at most", func(o *SubmitOptions) { o.MaxFailures = 2 }, ErrTooManyFailures},
		{"three at most", func(o *SubmitOptions) { o.MaxFailures = 3 }, ErrNoneDone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNight(t)
			n.write("gone.bin", "x")
			opt := n.options(withFiles("gone.bin", "gone.bin"))
			if err := os.Remove(filepath.Join(n.dir, "project", "gone.bin")); err != nil {
				t.Fatal(err)
			}
			tt.change(&opt)
			if _, err := Submit(t.Context(), n.env(&jobSink{}), opt); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// A dry run asks and sends nothing; one that only uploads makes neither checkout nor job.
func TestRunsThatMakeNoJobs(t *testing.T) {
	for _, tt := range []struct {
		name           string
		dryRun, shared bool
		uploads        int
		jobs           []string
	}{
		{"dry run", true, false, 0, []string{"a ", "b "}},
		{"dry run, shared", true, true, 0, []string{"a ", "b "}},
		{"upload only", false, false, 2, nil},
		{"upload only, shared", false, true, 2, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNight(t)
			n.write("a.bin", "a")
			n.write("b.bin", "b")
			opt := n.options(withFiles("a.bin", "b.bin"))
			opt.Shared, opt.UploadOnly = tt.shared, !tt.dryRun
			var sink jobSink
			env := n.env(&sink)
			env.DryRun = tt.dryRun
			if _, err := Submit(t.Context(), env, opt); err != nil {
				t.Fatal(err)
			}
			slices.Sort(sink.jobs)
			n.want("reported", sink.jobs, tt.jobs)
			n.want("at the Manager", n.statuses(), nil)
			if got := n.proxy.Requests("POST /api/v3/shaman/files/*/*"); got != tt.uploads {
				t.Errorf("%d uploads, want %d", got, tt.uploads)
			}
			if got := n.proxy.Requests("POST /api/v3/shaman/checkout/create"); got != 0 {
				t.Errorf("%d checkouts", got)
			}
			if runs, err := journal.List(opt.Journal, 0); err != nil || len(runs) != 0 {
				t.Errorf("%d journals, error %v", len(runs), err)
			}
		})
	}
}

// A dry run skips what is there, and records nothing.
func TestDryRunSkips(t *testing.T) {
	n := newNight(t)
	if _, err := n.submit(t.Context(), n.load(twoTests), nil); err != nil {
		t.Fatal(err)
	}
	var sink jobSink
	env := n.env(&sink)
	env.DryRun = true
	if _, err := Submit(t.Context(), env, n.options(twoTests)); err != nil {
		t.Fatal(err)
	}
	slices.Sort(sink.jobs)
	n.want("reported", sink.jobs, []string{"a skipped", "b skipped"})
}

const outdated = "rejecting job because its settings are outdated, refresh the job type"

// The job type changes between the run's begin and the check.
func TestTypeChangesBeforeTheCheck(t *testing.T) {
	n := newNight(t)
	n.proxy.SetRules(netsim.Rule{
		Request: "POST /api/v3/jobs/check", Times: 1, Fault: netsim.Answer(412, outdated),
	})
	if _, err := n.submit(t.Context(), n.load(twoTests), nil); err != nil {
		t.Fatal(err)
	}
	n.want("jobs", n.statuses(), []string{"a queued", "b queued"})
}

// The Manager's check refuses a job: nothing is sent for it.
func TestCheckRefuses(t *testing.T) {
	n := newNight(t)
	n.write("a.bin", "a")
	n.proxy.SetRules(netsim.Rule{
		Request: "POST /api/v3/jobs/check", Fault: netsim.Answer(400, "bad settings"),
	})
	_, err := n.submit(t.Context(), n.load(withFiles("a.bin", "a.bin"))[:1], nil)
	if !errors.Is(err, ErrNoneDone) {
		t.Errorf("error %v, want ErrNoneDone", err)
	}
	if sent := n.proxy.Requests("POST /api/v3/shaman/files/*/*"); sent != 0 {
		t.Errorf("%d files were sent", sent)
	}
}

// The project is the folder of the shots, so that all that they use lies outside of it: files are planned
// together, and blend files are sent as copies with other paths.
func TestFilesFromOutside(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy func(*SubmitOptions)
		held   bool
	}{
		{"all", func(o *SubmitOptions) { o.Outside.Outside = "all" }, false},
		{"deny", func(o *SubmitOptions) { o.Outside.Outside = "deny" }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNight(t)
			text := `
project: shots
defaults: {settings: {render_output_root: /render}}
jobs:
- {glob: "shots/*.blend"}
- {name: sleep, type: echo-sleep-test, settings: {message: hello}}
`
			run := func() (*codeSink, error) {
				opt := n.options(text)
				tt.policy(&opt)
				sink := &codeSink{}
				_, err := Submit(t.Context(), n.env(sink), opt)
				return sink, err
			}
			sink, err := run()
			if held := slices.Contains(sink.sorted(), "held-back"); held != tt.held {
				t.Errorf("warnings %v", sink.codes)
			}
			if tt.held {
				if !errors.Is(err, ErrPartial) {
					t.Errorf("error %v, want ErrPartial", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n.want("jobs", n.statuses(), []string{"sh010 queued", "sh020 queued", "sh030 queued", "sleep queued"})
			sink, err = run()
			if err != nil || len(sink.jobs) != 4 || slices.ContainsFunc(sink.jobs, func(j string) bool { return !strings.HasSuffix(j, " skipped") }) {
				t.Errorf("second run: %v, error %v", sink.jobs, err)
			}
		})
	}
}

// What is odd about jobs is reported.
func TestOddJobs(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		change     func(*SubmitOptions)
		code       string
		want       error
	}{
		{"scene", `{blend: shots/sh010.blend, scene: Nowhere}`, nil, "job", ErrNoneDone},
		{"missing file", `{blend: shots/sh030.blend}`, nil, "missing-file", nil},
		{"missing file, all needed", `{blend: shots/sh030.blend}`, func(o *SubmitOptions) { o.Missing = "fail" }, "lacks", ErrNoneDone},
		{"same output", "{blend: shots/sh010.blend, settings: {render_output_path: /render/x}}\n- {blend: shots/sh020.blend, settings: {render_output_path: /render/x}}", nil, "same-output", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNight(t)
			if err := os.Remove(filepath.Join(n.dir, "project", "textures", "sky.hdr")); err != nil {
				t.Fatal(err)
			}
			opt := n.options("defaults: {type: simple-blender-render, settings: {render_output_root: /render}}\njobs:\n- " + tt.text)
			if tt.change != nil {
				tt.change(&opt)
			}
			var sink codeSink
			if _, err := Submit(t.Context(), n.env(&sink), opt); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if !slices.Contains(sink.sorted(), tt.code) {
				t.Errorf("codes %v, want %s", sink.codes, tt.code)
			}
		})
	}
}

// A run that is ended from outside ends its jobs, and its journal.
func TestSubmitIsCanceled(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			n := newNight(t)
			ctx, cancel := context.WithCancel(t.Context())
			n.in(func(_ http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/shaman/checkout/create") {
					cancel()
				}
				return false
			})
			opt := n.options(shots)
			opt.Shared = shared
			if _, err := Submit(ctx, n.env(&jobSink{}), opt); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			n.want("jobs", n.statuses(), nil)
			runs, err := journal.List(opt.Journal, 0)
			if err != nil || len(runs) != 1 || runs[0].Ended.IsZero() {
				t.Errorf("runs %v, error %v", runs, err)
			}
		})
	}
}
