package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/config"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// finding is one line of the doctor's: what was looked at, how it is, and what to do about it.
type finding struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, warning or failure
	Detail string `json:"detail"`
	Advice string `json:"advice,omitempty"`
}

func (finding) Type() string        { return "check" }
func (finding) Level() report.Level { return report.Result }
func (f finding) Text() string {
	s := fmt.Sprintf("%-8s %-14s %s", f.Status, f.Name, f.Detail)
	if f.Advice != "" {
		s += fmt.Sprintf("\n%24s-> %s", "", f.Advice)
	}
	return s
}

func ok(detail string, args ...any) finding {
	return finding{Status: "ok", Detail: fmt.Sprintf(detail, args...)}
}

func warning(advice, detail string, args ...any) finding {
	return finding{Status: "warning", Detail: fmt.Sprintf(detail, args...), Advice: advice}
}

func failure(advice, detail string, args ...any) finding {
	return finding{Status: "failure", Detail: fmt.Sprintf(detail, args...), Advice: advice}
}

// doctor looks at one farm.
type doctor struct {
	*app
	*link
	config  *config.Config
	release api.Release // of the Manager, if known
	known   bool
	shaman  bool // it takes uploads, as far as known
}

func (a *app) farmDoctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Tell whether an overnight batch will work from here", Args: cobra.NoArgs,
		Long: `Looks at everything that a batch needs, from the Manager's version to the hash cache, and says of
each thing whether it is fine and what to do if not. Exit code 1 when something would make a
batch fail, 4 when the Manager cannot be reached.

It sends a probe of 1 MiB, which stays in the Manager's store until that cleans up. Where the Manager's
storage is mounted here, it also tries whether --direct can be used, and removes what it made for that.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.loadConfig()
			if err != nil {
				return err
			}
			m, err := a.connect(cmd.Context(), c)
			if err != nil {
				return err
			}
			d := &doctor{app: a, link: m, config: c}
			return errors.Join(d.examine(cmd.Context()), m.Close())
		},
	}
}

// examine makes every check in turn. The first one decides whether there is a Manager to ask at all.
func (d *doctor) examine(ctx context.Context) error {
	sink := d.sink()
	failures := 0
	tell := func(name string, f finding) {
		f.Name = name
		if f.Status == "failure" {
			failures++
		}
		sink.Emit(f)
	}
	version, err := d.Version(ctx)
	if err != nil {
		tell("manager", failure("check the address, that the Manager runs, and what lies between", "%v", err))
		tell("hash cache", d.cache(ctx))
		return &reportedError{err}
	}
	d.release, d.known = api.ParseRelease(version.Version)
	tell("manager", ok("%s, Flamenco %s at %s", version.Name, version.Version, d.URL()))
	for _, check := range []struct {
		name string
		look func(context.Context) finding
	}{
		{"distance", d.distance}, {"clock", d.clock}, {"API", d.description}, {"storage", d.storage}, {"job types", d.jobTypes},
		{"workers", d.workers}, {"upload", d.upload}, {"hash cache", d.cache},
	} {
		tell(check.name, check.look(ctx))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if failures > 0 {
		return &reportedError{fmt.Errorf("%d checks failed", failures)}
	}
	return nil
}

// distance is the median of some round trips.
func (d *doctor) distance(ctx context.Context) finding {
	const tries = 7
	times := make([]time.Duration, tries)
	for i := range times {
		began := time.Now()
		if _, err := d.Version(ctx); err != nil {
			return warning("see whether the connection is stable", "request %d of %d failed: %v", i+1, tries, err)
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	median := times[tries/2].Round(10 * time.Microsecond)
	if median > 250*time.Millisecond {
		return warning("uploads of many small files will take long; run flsync nearer to the Manager", "a round trip takes %v", median)
	}
	return ok("a round trip takes %v", median)
}

// clock compares the Manager's clock with ours.
func (d *doctor) clock(ctx context.Context) finding {
	const tolerated = 30 * time.Second
	difference, err := d.ClockDifference(ctx)
	switch {
	case err != nil:
		return warning("", "not known: %v", err)
	case difference.Abs() > tolerated:
		return warning("set both clocks by NTP: ages, schedules and --older-than go by the Manager's clock", "the Manager's clock is off by %v", difference.Round(time.Second))
	}
	return ok("agrees with this machine's within a second or so")
}

// description compares the Manager's own description of its API with ours.
func (d *doctor) description(ctx context.Context) finding {
	theirs, err := d.OpenAPI(ctx)
	if err != nil {
		return warning("", "the Manager does not describe its API: %v", err)
	}
	diff, err := compareAPI(api.Document(), theirs)
	switch {
	case err != nil:
		return warning("", "the Manager's description cannot be read: %v", err)
	case d.older() != "":
		return warning("upgrade Flamenco if you want them", "%s", d.older())
	case len(diff.goneOperations) > 0:
		return failure("this Manager is older or newer than flsync knows; commands that need these will fail", "operations gone: %s", strings.Join(diff.goneOperations, ", "))
	case len(diff.goneFields)+len(diff.changedFields) > 0:
		return warning("look at flsync's release notes for this version of Flamenco", "fields gone or different: %s", strings.Join(append(diff.goneFields, diff.changedFields...), ", "))
	case len(diff.newOperations)+len(diff.newFields) > 0:
		return ok("as flsync knows it, and new: %s", strings.Join(append(diff.newOperations, diff.newFields...), ", "))
	}
	return ok("as flsync knows it")
}

// older says what an older Manager lacks, "" for one of flsync's own age or a newer one.
func (d *doctor) older() string {
	if !d.known || !d.release.Before(api.Latest()) {
		return ""
	}
	var lost []string
	for _, a := range api.Additions() {
		if d.release.Before(a.Since) && a.Loss != "" {
			lost = append(lost, a.Loss)
		}
	}
	if len(lost) == 0 {
		return ""
	}
	return fmt.Sprintf("older, Flamenco %v; these will not work: %s", d.release, strings.Join(lost, ", "))
}

func (d *doctor) storage(ctx context.Context) finding {
	c, err := d.Configuration(ctx)
	d.shaman = err != nil || c.ShamanEnabled
	switch {
	case err != nil:
		return failure("", "%v", err)
	case c.IsFirstRun:
		return failure("run its setup assistant, or flsync farm setup", "the Manager is not set up yet")
	case c.StorageLocation == "":
		return failure("set shared_storage_path in flamenco-manager.yaml", "the Manager has no shared storage")
	case !c.ShamanEnabled:
		users, err := d.SharedStorage(ctx, api.ManagerVariableAudienceUsers, runtime.GOOS)
		if err != nil {
			return failure("", "%v", err)
		}
		if info, err := os.Stat(users.Location); err == nil && info.IsDir() {
			return ok("Shaman is off; jobs use their files in place, or copies, in %s (visible from here)", users.Location)
		}
		return failure("mount the storage and name it with --storage-path, or set shaman.enabled in flamenco-manager.yaml and restart the Manager",
			"Shaman is off, and the storage %s is not visible from here", users.Location)
	}
	return ok("Shaman is on; checkouts lie in %s (%s)", c.StorageLocation, d.direct(ctx))
}

// direct reports whether files can be written straight into the Manager's store.
func (d *doctor) direct(ctx context.Context) string {
	users, err := d.SharedStorage(ctx, api.ManagerVariableAudienceUsers, runtime.GOOS)
	if err != nil {
		return err.Error()
	}
	store := uploader.NewDirect(d.Client, filepath.Dir(filepath.Clean(users.Location)), nil)
	if err := store.Look(); err != nil {
		return "not visible from here, which is fine"
	}
	if err := store.Prove(ctx); err != nil {
		return fmt.Sprintf("visible from here, but --direct cannot be used: %v", err)
	}
	return "visible from here, --direct can be used"
}

func (d *doctor) jobTypes(ctx context.Context) finding {
	types, err := d.JobTypes(ctx)
	if err != nil {
		return failure("", "%v", err)
	}
	if len(types) == 0 {
		return failure("see the Manager's log for scripts that it could not load", "the Manager has no job types")
	}
	var list []string
	for _, t := range types {
		list = append(list, t.Name)
	}
	return ok("%s", strings.Join(list, ", "))
}

// usualTaskTypes are what Flamenco's own job types make. The API does not tell; of other job types, earlier
// jobs show it.
var usualTaskTypes = map[string][]string{
	"simple-blender-render": {"blender", "ffmpeg"},
	"echo-sleep-test":       {"misc"},
}

func (d *doctor) workers(ctx context.Context) finding {
	workers, err := workerKind.fetch(ctx, d.link)
	if err != nil {
		return failure("", "%v", err)
	}
	with := func(status api.WorkerStatus) []object[api.WorkerSummary] {
		return slices.DeleteFunc(slices.Clone(workers), func(w object[api.WorkerSummary]) bool { return w.v.Status != status })
	}
	whole, err := wholeWorkers(ctx, d.link, with(api.WorkerStatusAwake))
	if err != nil {
		return failure("", "%v", err)
	}
	can := make(map[string]bool)
	for _, w := range whole {
		for _, t := range w.v.SupportedTaskTypes {
			can[t] = true
		}
	}
	awake, asleep := len(whole), len(with(api.WorkerStatusAsleep))
	switch {
	case len(workers) == 0:
		return failure("start flamenco-worker on a machine", "no worker has ever signed on")
	case awake == 0 && asleep > 0:
		return warning("flsync workers wake --all, or see their schedules", "no worker is awake, %d asleep", asleep)
	case awake == 0:
		return failure("start flamenco-worker on a machine", "none of %d workers is awake or asleep", len(workers))
	}
	lacking, err := d.lackingTaskTypes(ctx, can)
	if err != nil {
		return failure("", "%v", err)
	}
	if len(lacking) > 0 {
		return warning("enable these task types on a worker", "%d of %d awake, but none does: %s", awake, len(workers), strings.Join(lacking, ", "))
	}
	return ok("%d of %d awake; task types: %s", awake, len(workers), strings.Join(sortedKeys(can), ", "))
}

// lackingTaskTypes are those that job types need and no awake worker does, as "type (of job type)".
func (d *doctor) lackingTaskTypes(ctx context.Context, can map[string]bool) ([]string, error) {
	jobs, err := d.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	types, err := d.JobTypes(ctx)
	if err != nil {
		return nil, err
	}
	var lacking []string
	for _, t := range types {
		needed := slices.Clone(usualTaskTypes[t.Name])
		if i := slices.IndexFunc(jobs, func(j api.Job) bool { return j.Type == t.Name }); i >= 0 && len(needed) == 0 {
			tasks, err := d.JobTasks(ctx, jobs[i].ID)
			if err != nil {
				return nil, err
			}
			for _, task := range tasks {
				needed = append(needed, task.TaskType)
			}
		}
		slices.Sort(needed)
		for _, n := range slices.Compact(needed) {
			if !can[n] {
				lacking = append(lacking, fmt.Sprintf("%s (of %s)", n, t.Name))
			}
		}
	}
	return lacking, nil
}

// probeSize is more than any proxy's default limit for bodies lets through: nginx's is 1 MiB.
const probeSize = 1<<20 + 1

// upload sends a probe the whole way. The second time, the Manager knows it and says so at once. A proxy that
// takes all of it first passes that on too late, or reports that the Manager hung up.
func (d *doctor) upload(ctx context.Context) finding {
	if !d.shaman {
		return ok("not needed: Shaman is off")
	}
	content := bytes.Repeat([]byte("flsync upload probe "+rand.Text()+"\n"), probeSize/20)[:probeSize]
	digest := sha256.Sum256(content)
	var body *slowBody
	var wait time.Duration
	probe := flamenco.Upload{
		SHA256: hex.EncodeToString(digest[:]), Size: probeSize, Name: "flsync upload probe", Expect: true,
		Body: func() (io.ReadCloser, error) {
			body = &slowBody{content: bytes.NewReader(content), wait: wait, closed: make(chan struct{})}
			return body, nil
		},
	}
	const tooLarge = "a proxy between flsync and the Manager limits the size of what is sent (nginx: client_max_body_size 0; in the Manager's location)"
	began := time.Now()
	if _, err := d.ShamanUpload(ctx, probe); err != nil {
		if reply, ok := errors.AsType[*flamenco.Error](err); ok && reply.Status == http.StatusRequestEntityTooLarge {
			return failure(tooLarge, "a probe of 1 MiB was refused with status 413")
		}
		return failure("see what lies between flsync and the Manager, and the Manager's log", "a probe of 1 MiB failed: %v", err)
	}
	took := time.Since(began)
	wait = 2 * time.Second
	_, err := d.ShamanUpload(ctx, probe)
	switch {
	case body.whole.Load():
		return warning("switch request buffering off (nginx: proxy_request_buffering off; proxy_http_version 1.1;): files are sent whole before the Manager can say that it has them, and then the proxy may report an error",
			"a proxy between flsync and the Manager buffers uploads")
	case err != nil:
		return failure("see what lies between flsync and the Manager, and the Manager's log", "the probe could be sent once, but not again: %v", err)
	}
	return ok("a probe of 1 MiB took %v", took.Round(time.Millisecond))
}

// slowBody is the body of a probe: after its first KiB it waits for some time, unless it is closed because an
// answer is there. No more than that may be on its way by then: a proxy that cannot get rid of it reports an
// error instead of the answer.
type slowBody struct {
	content *bytes.Reader
	wait    time.Duration
	whole   atomic.Bool // all of it was taken
	closed  chan struct{}
}

func (h *slowBody) Read(p []byte) (int, error) {
	if h.wait > 0 && h.content.Len() < probeSize {
		timer := time.NewTimer(h.wait)
		defer timer.Stop()
		select {
		case <-h.closed:
			return 0, io.ErrClosedPipe
		case <-timer.C:
			h.wait = 0
		}
	}
	n, err := h.content.Read(p[:min(len(p), 1<<10)])
	h.whole.Store(h.content.Len() == 0)
	return n, err
}

// Close is called once.
func (h *slowBody) Close() error {
	close(h.closed)
	return nil
}

func (d *doctor) cache(ctx context.Context) finding {
	paths, err := d.config.Paths(d.userCacheDir)
	if err != nil {
		return failure("", "%v", err)
	}
	var warned []string
	cache, err := hashcache.Open(paths.Cache, hashcache.Config{Warn: func(w hashcache.Warning) { warned = append(warned, w.Message) }})
	if err != nil {
		return warning("flsync works without it, but reads every file each time", "%v", err)
	}
	stats, err := cache.Stats(ctx)
	if err = errors.Join(err, cache.Close()); err != nil {
		warned = append(warned, err.Error())
	}
	if len(warned) > 0 {
		return warning("flsync works without it, but reads every file each time", "%s", strings.Join(warned, "; "))
	}
	return ok("%d files in %s (%s)", stats.Files, paths.Cache, report.Bytes(stats.FileBytes))
}
