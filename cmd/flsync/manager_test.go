package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/frames"
	"github.com/flsync/flsync/internal/lab/managertest"
	"github.com/flsync/flsync/internal/lab/simworker"
	"github.com/flsync/flsync/internal/ranges"
)

// TestManager runs the scripts of testdata/manager against the embedded Manager, and against a real one when
// FLSYNC_TEST_MANAGER has the URL of one that has nothing else to do: they delete all jobs, workers and tags,
// change the configuration and put it back. Each script makes what it needs, and looks at what became of it
// with "get", which asks the Manager without flsync.
func TestManager(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the scripts use sh")
	}
	if testing.Short() {
		t.Skip("-short, for the race detector: hundreds of command lines, each of which does one thing after the other")
	}
	t.Run("embedded", func(t *testing.T) { runManagerScripts(t, embeddedManager(t)) })
	t.Run("real", func(t *testing.T) {
		address := os.Getenv("FLSYNC_TEST_MANAGER")
		if address == "" {
			t.Skip("set FLSYNC_TEST_MANAGER to the URL of a Flamenco Manager that has nothing else to do")
		}
		runManagerScripts(t, address)
	})
}

// embeddedManager runs one for a test, and returns its URL.
func embeddedManager(t *testing.T) string {
	url, _ := managertest.Embedded(t, t.TempDir())
	return url
}

// farm is the Manager that the scripts have for themselves.
type farm struct {
	client *flamenco.Client
	url    string            // the Manager
	spy    string            // the same, through what counts operations
	before json.RawMessage   // its configuration
	known  map[string]string // operations of the API

	inProcess // for scripts

	noted  sync.Mutex
	called map[string]bool // operations, such as "get /api/v3/jobs"
}

func runManagerScripts(t *testing.T, address string) {
	f := newFarm(t, address)
	testscript.RunT(oneByOne{t}, f.params(t, "testdata/manager", nil))
	t.Run("every operation", func(t *testing.T) {
		for operation := range f.known {
			if how := reachedBy[operation]; !strings.HasPrefix(how, "worker side") && !f.called[operation] {
				t.Errorf("no script made flsync call %s (%s)", operation, how)
			}
		}
	})
}

// newFarm takes over a Manager, which has to have no jobs.
func newFarm(t *testing.T, address string) *farm {
	f := &farm{url: strings.TrimSuffix(address, "/"), known: documented(t), called: map[string]bool{}}
	var err error
	if f.client, err = flamenco.New(flamenco.Config{URL: address, Version: "test"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.client.Close() })
	if jobs, err := f.client.Jobs(t.Context()); err != nil || len(jobs) > 0 {
		t.Fatalf("wanted is a Manager without jobs, because all will be deleted: %d jobs, %v", len(jobs), err)
	}
	if f.before, err = f.client.ConfigurationFile(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.watch(t, f.known)
	return f
}

// params are those of scripts in folder dir, with more commands than all have.
func (f *farm) params(t *testing.T, dir string, more map[string]func(*testscript.TestScript, bool, []string)) testscript.Params {
	project, err := filepath.Abs("../../testdata/project")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Storage string `json:"shared_storage_path"`
	}
	if err := json.Unmarshal(f.before, &config); err != nil {
		t.Fatal(err)
	}
	commands := map[string]func(*testscript.TestScript, bool, []string){
		"get": f.get, "keep": keep, "eventually": f.eventually, "worker": f.worker, "run": f.run, "status": f.status,
		"jobstatus": f.jobStatus, "action": f.action, "paint": f.paint,
	}
	maps.Copy(commands, more)
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("PROJECT", project)
			e.Setenv("STORAGE", config.Storage)
			e.Setenv("FLSYNC_MANAGER", f.spy)
			e.Values["workers"] = map[string]*simworker.Worker{}
			e.Defer(func() { f.clear(t) })
			time.Sleep(settled)
			return nil
		},
		Cmds: commands,
	}
}

// oneByOne keeps scripts from running at the same time: they have one Manager.
type oneByOne struct{ *testing.T }

func (oneByOne) Parallel()       {}
func (t oneByOne) Verbose() bool { return testing.Verbose() }
func (t oneByOne) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { f(oneByOne{t}) })
}

// watch puts a proxy before the Manager that notes which operations are called.
func (f *farm) watch(t *testing.T, known map[string]string) {
	target, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if operation := operationOf(known, r); operation != "" {
			f.noted.Lock()
			f.called[operation] = true
			f.noted.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.spy = server.URL
}

// operationOf finds the operation that a request is for: of those whose path fits, the one with the fewest
// parameters.
func operationOf(known map[string]string, r *http.Request) string {
	best, parameters := "", 0
	for operation := range known {
		method, template, _ := strings.Cut(operation, " ")
		if !strings.EqualFold(method, r.Method) || !fits(template, r.URL.Path) {
			continue
		}
		if n := strings.Count(template, "{"); best == "" || n < parameters {
			best, parameters = operation, n
		}
	}
	return best
}

func fits(template, path string) bool {
	t, p := strings.Split(template, "/"), strings.Split(path, "/")
	return len(t) == len(p) && !slices.ContainsFunc(t, func(segment string) bool {
		other := p[0]
		p = p[1:]
		return segment != other && !strings.HasPrefix(segment, "{")
	})
}

// documented are the operations of our OpenAPI document.
func documented(t *testing.T) map[string]string {
	document, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		t.Fatal(err)
	}
	return operations(document)
}

// clear removes what a script left behind, and puts the configuration back.
func (f *farm) clear(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	check := func(err error) {
		if err != nil && !flamenco.IsNotFound(err) {
			t.Errorf("clearing the Manager: %v", err)
		}
	}
	for {
		jobs, err := f.client.Jobs(ctx)
		check(err)
		if len(jobs) == 0 {
			break
		}
		for _, j := range jobs {
			if j.DeleteRequestedAt == nil {
				check(f.client.DeleteJob(ctx, j.ID))
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	workers, err := f.client.Workers(ctx)
	check(err)
	for _, w := range workers {
		check(f.client.DeleteWorker(ctx, w.ID))
	}
	tags, err := f.client.Tags(ctx)
	check(err)
	for _, tag := range tags {
		check(f.client.DeleteTag(ctx, tag.ID))
	}
	check(f.client.UpdateConfigurationFile(ctx, f.before))
}

// get PATH writes what the Manager says at a path below /api/v3 to standard output, with sorted keys. "! get"
// expects an error status.
func (f *farm) get(ts *testscript.TestScript, neg bool, args []string) {
	reply, err := http.Get(f.url + "/api/v3/" + args[0])
	ts.Check(err)
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	ts.Check(err)
	if failed := reply.StatusCode > 299; failed != neg {
		ts.Fatalf("GET %s: %s: %s", args[0], reply.Status, data)
	}
	var value any
	if json.Unmarshal(data, &value) == nil {
		data, err = json.Marshal(value)
		ts.Check(err)
	}
	fmt.Fprintf(ts.Stdout(), "%s\n", data)
}

// keep NAME makes a variable of the last standard output.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// eventually REGEXP flsync ARG… runs a command line until its standard output matches.
func (f *farm) eventually(ts *testscript.TestScript, _ bool, args []string) {
	wanted := regexp.MustCompile(args[0])
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		code, stdout, stderr := f.flsync(ts, args[1:])
		if wanted.MatchString(stdout) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("never matched %q: exit code %d\n%s%s", args[0], code, stdout, stderr)
		}
	}
}

// status CODE flsync ARG… runs a command line and wants this exit code.
func (f *farm) status(ts *testscript.TestScript, _ bool, args []string) {
	if code, _, _ := f.flsync(ts, args[1:]); strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// worker start NAME [failing] registers a simulated worker and signs it on. worker work NAME [N] lets it do N
// things that the Manager wants of it, or all. worker stop NAME signs it off.
func (f *farm) worker(ts *testscript.TestScript, _ bool, args []string) {
	workers := ts.Value("workers").(map[string]*simworker.Worker)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	name := args[1]
	switch args[0] {
	case "start":
		config := simworker.Config{Client: f.client, Name: name, CanRestart: true, Keep: true}
		if slices.Contains(args[2:], "failing") {
			config.Fail = func(api.AssignedTask) string { return "the card is on fire" }
		}
		w, err := simworker.Start(ctx, config)
		ts.Check(err)
		workers[name] = w
	case "work":
		n := 1000
		if len(args) > 2 {
			var err error
			n, err = strconv.Atoi(args[2])
			ts.Check(err)
		}
		for range n {
			worked, err := workers[name].Work(ctx)
			ts.Check(err)
			if !worked {
				break
			}
		}
	case "stop":
		ts.Check(workers[name].Stop(ctx))
	default:
		ts.Fatalf("worker %s: start, work or stop", args[0])
	}
}

// jobstatus NAME STATUS gives a job a status, which the Manager lets anybody do.
func (f *farm) jobStatus(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	jobs, err := f.client.Jobs(ctx)
	ts.Check(err)
	i := slices.IndexFunc(jobs, func(j api.Job) bool { return j.Name == args[0] })
	if i < 0 {
		ts.Fatalf("no job is called %s", args[0])
	}
	ts.Check(f.client.SetJobStatus(ctx, jobs[i].ID, api.JobStatus(args[1]), "a test"))
}

// paint NAME [FRAMES [WIDTH]] writes the frames of a job where it has them, as its workers would: all, or a
// range.
func (f *farm) paint(ts *testscript.TestScript, _ bool, args []string) {
	jobs, err := f.client.Jobs(context.Background())
	ts.Check(err)
	i := slices.IndexFunc(jobs, func(j api.Job) bool { return j.Name == args[0] })
	if i < 0 {
		ts.Fatalf("no job is called %s", args[0])
	}
	output, err := frames.FromSettings(jobs[i].Settings, jobs[i].Created)
	ts.Check(err)
	numbers := output.Frames
	if len(args) > 1 {
		numbers, err = ranges.Parse(args[1])
		ts.Check(err)
	}
	width := 64
	if len(args) > 2 {
		width, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	dir := filepath.Dir(output.Path)
	ts.Check(os.MkdirAll(dir, 0o700))
	for _, n := range numbers {
		var b bytes.Buffer
		ts.Check(png.Encode(&b, image.NewGray(image.Rect(0, 0, width, width*9/16))))
		ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.png", n)), b.Bytes(), 0o600))
	}
	if len(args) == 1 {
		const video = "\x00\x00\x00\x0cmdatdata\x00\x00\x00\x08moov"
		ts.Check(os.WriteFile(filepath.Join(dir, args[0]+"-"+ranges.Format(numbers)+".mp4"), []byte(video), 0o600))
	}
}

// action VERB FROM TO [FLAG…] runs flsync jobs VERB on a new job whose status is FROM, and wants it to be TO
// then.
func (f *farm) action(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	job, err := f.client.SubmitJob(ctx, api.SubmittedJob{
		Name: "of an action", Type: "echo-sleep-test", Priority: 50, SubmitterPlatform: "linux",
		Settings: map[string]any{"message": "hello", "sleep_duration_seconds": 1, "sleep_repeats": 1},
	})
	ts.Check(err)
	ts.Check(f.client.SetJobStatus(ctx, job.ID, api.JobStatus(args[1]), "a test"))
	code, _, stderr := f.flsync(ts, append([]string{"flsync", "jobs", args[0], job.ID}, args[3:]...))
	if code != 0 {
		ts.Fatalf("exit code %d: %s", code, stderr)
	}
	after, err := f.client.Job(ctx, job.ID)
	ts.Check(err)
	if string(after.Status) != args[2] {
		ts.Fatalf("%v: the job is %s", args, after.Status)
	}
	named := strings.Contains(stderr, "nothing to "+args[0])
	if skipped := args[1] == args[2]; named != skipped {
		ts.Fatalf("%v: said %q", args, stderr)
	}
	ts.Check(f.client.DeleteJob(ctx, job.ID))
}
