package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/netsim"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/once"
)

// A judge looks at a farm and says which promises were broken.
type judge struct {
	project   string                       // on this machine
	url       func() string                // of the Manager, without anything between
	checkouts func() string                // where they lie on disk
	kept      map[string]map[string]string // checkouts so far, and what is in them
	found     []string
}

func (s *judge) broken(format string, args ...any) {
	s.found = append(s.found, fmt.Sprintf(format, args...))
}

// client goes to the Manager without a detour.
func (s *judge) client() (*flamenco.Client, error) {
	return flamenco.New(flamenco.Config{URL: s.url(), Version: "judge"})
}

// checkFarm looks at what must hold after every run, whether it got to its end or not.
func (s *judge) checkFarm(ctx context.Context, step string) {
	if err := s.checkKept(); err != nil {
		s.broken("%s: %v", step, err)
	}
	if _, err := s.jobs(ctx); err != nil {
		s.broken("%s: %v", step, err)
	}
}

// checkKept compares every checkout that was there before with what it was, and remembers the new ones. One
// may still have been in the making when it was looked at, its request given up for lost: it may grow.
func (s *judge) checkKept() error {
	now, err := checkoutsIn(s.checkouts())
	if err != nil {
		return err
	}
	var errs []error
	for path, files := range s.kept {
		for name, was := range files {
			if is := now[path][name]; is != was {
				errs = append(errs, fmt.Errorf("checkout %s was harmed: %s was %s and is %q", path, name, was, is))
			}
		}
		if copied := strings.HasPrefix(path, "flsync/"); copied && len(now[path]) != len(files) {
			errs = append(errs, fmt.Errorf("folder %s was half made: it had %d files and has %d", path, len(files), len(now[path])))
		}
	}
	s.kept = now
	return errors.Join(errs...)
}

// checkoutsIn lists checkouts, and for each the links in it and where they lead. A checkout is two folders
// deep at most here, and all that is below its folder belongs to it.
func checkoutsIn(root string) (map[string]map[string]string, error) {
	found := make(map[string]map[string]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".flsync-") {
			return fs.SkipDir // a folder of copies in the making
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		parts := strings.Split(filepath.ToSlash(rel), "/")
		depth := 1
		switch parts[0] {
		case "film":
			depth = 2
		case "flsync":
			depth = 3
			if parts[1] == "pool" {
				return nil
			}
		}
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("a checkout is not whole: %w", err)
		}
		name := strings.Join(parts[:min(depth, len(parts))], "/")
		if found[name] == nil {
			found[name] = make(map[string]string)
		}
		var target string
		if d.Type()&fs.ModeSymlink != 0 {
			target, err = os.Readlink(path)
		}
		found[name][rel] = target + " " + strconv.FormatInt(info.Size(), 10)
		return err
	})
	return found, err
}

// jobs fetches the Manager's jobs, and makes sure that each is there once: one for each key and
// fingerprint, whatever happened on the way.
func (s *judge) jobs(ctx context.Context) ([]api.Job, error) {
	client, err := s.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]string)
	for _, j := range jobs {
		id := j.Metadata[once.MetaKey] + " " + j.Metadata[once.MetaFingerprint]
		if other, twice := seen[id]; twice {
			err = errors.Join(err, fmt.Errorf("job %q is there twice: %s and %s", j.Name, other, j.ID))
		}
		seen[id] = j.ID
	}
	return jobs, err
}

// checkJobs looks at what must hold after a submission that says that all is well.
func (s *judge) checkJobs(ctx context.Context, step string) (alive map[string]api.Job) {
	jobs, err := s.jobs(ctx)
	if err != nil {
		return nil // told by checkFarm
	}
	alive = make(map[string]api.Job)
	for _, j := range jobs {
		if !once.Counts(j) {
			continue
		}
		if _, twice := alive[j.Name]; twice {
			s.broken("%s: two jobs %q are to be worked on", step, j.Name)
		}
		if j.Status == api.JobStatusPaused {
			s.broken("%s: job %q was not released", step, j.Name)
		}
		alive[j.Name] = j
	}
	for i := range night + 2 {
		name := fmt.Sprintf("night %d", i)
		if i >= night {
			name = fmt.Sprintf("echo %d", i-night)
		}
		j, ok := alive[name]
		if !ok {
			s.broken("%s: job %q is not there", step, name)
			continue
		}
		if err := s.checkJob(j, i); err != nil {
			s.broken("%s: job %q: %v", step, name, err)
		}
	}
	return alive
}

// checkJob compares what a job finds on the farm with what is on disk.
func (s *judge) checkJob(j api.Job, number int) error {
	files, err := needs(s.project, number)
	if err != nil || len(files) == 0 {
		return err
	}
	blend, _ := j.Settings["blendfile"].(string)
	checkout, ok := strings.CutSuffix(strings.TrimPrefix(blend, "{jobs}/"), "/"+files[0])
	if !ok {
		return fmt.Errorf("blend file %q is not %s in a checkout", blend, files[0])
	}
	return compare(s.project, filepath.Join(s.checkouts(), filepath.FromSlash(checkout)), files)
}

func compare(project, checkout string, files []string) error {
	var errs []error
	for _, name := range files {
		want, err := os.ReadFile(filepath.Join(project, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(checkout, filepath.FromSlash(name)))
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%s has %d bytes that are not the %d on disk", name, len(got), len(want))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checkSync compares the whole tree with the checkout that the summary names.
func (s *judge) checkSync(step string, summary report.Summary) {
	if len(summary.Checkouts) != 1 {
		s.broken("%s: the summary names %d checkouts", step, len(summary.Checkouts))
		return
	}
	var files []string
	err := filepath.WalkDir(s.project, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(s.project, path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	checkout := summary.Checkouts[0].Path
	err = errors.Join(err, compare(s.project, filepath.Join(s.checkouts(), filepath.FromSlash(checkout)), files))
	if err != nil {
		s.broken("%s: checkout %s: %v", step, checkout, err)
	}
	if n := int(summary.Files.Total); n != len(files) || len(s.kept[checkout]) != n {
		s.broken("%s: %d files on disk, %d in the summary, %d in the checkout", step, len(files), n, len(s.kept[checkout]))
	}
}

// checkSummary compares a summary that says that all is well with what else is known.
func (s *scenario) checkSummary(step string, summary report.Summary, sink *events) {
	store, files, jobs := summary.Store, summary.Files, summary.Jobs
	if store.AlreadyStored+store.Uploaded != store.Unique {
		s.broken("%s: of %d blobs %d were stored and %d sent", step, store.Unique, store.AlreadyStored, store.Uploaded)
	}
	if files.Failed+files.Missing+files.HeldBack > 0 {
		s.broken("%s: %d files failed, %d are missing, %d were held back", step, files.Failed, files.Missing, files.HeldBack)
	}
	if failures := sink.failures(); len(failures) > 0 {
		s.broken("%s: a run that did all has told of errors: %v", step, failures)
	}
	if step == "warm sync" || step == "the same again" {
		if store.Uploaded > 0 {
			s.broken("%s: sent %d files that were there", step, store.Uploaded)
		}
		if jobs.Submitted > 0 {
			s.broken("%s: submitted %d jobs again", step, jobs.Submitted)
		}
	}
	if strings.Contains(step, "sync") {
		return
	}
	if jobs.Total != night+2 || jobs.Submitted+jobs.Skipped != jobs.Total || jobs.Failed > 0 {
		s.broken("%s: the summary counts %+v", step, jobs)
	}
	submitted, skipped := sink.jobs()
	if submitted != jobs.Submitted || skipped != jobs.Skipped {
		s.broken("%s: events tell of %d submitted and %d skipped jobs, the summary of %+v", step, submitted, skipped, jobs)
	}
}

// checkUploads compares how often each digest was sent with how often the faults forced it.
func (s *scenario) checkUploads() {
	s.farm.mu.Lock()
	defer s.farm.mu.Unlock()
	forced := make(map[string]int)
	shared := 0 // faults that hit other requests, too
	for _, e := range s.proxy.Events() {
		switch e.Fault.Kind {
		case netsim.Restart, netsim.FillDisk, netsim.CloseIdle: // the last may meet the next request on its connection
			shared++
		case netsim.Delay:
		default:
			for digest := range s.farm.uploads {
				if strings.Contains(e.Identity, digest) {
					forced[digest]++
				}
			}
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(s.farm.uploads)) {
		if n := s.farm.stored[digest]; n > 1 {
			s.broken("%s was stored %d times", digest, n)
		}
		const race = 1 // the Manager's, between uploads of one shard
		if n, most := s.farm.uploads[digest], 1+race+forced[digest]+shared; n > most {
			s.broken("%s was sent %d times, and faults forced %d", digest, n, most)
		}
	}
}

// events collects what a run tells.
type events struct {
	mu   sync.Mutex
	list []report.Event
}

// Emit implements report.Sink.
func (s *events) Emit(e report.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, e)
}

func (s *events) failures() (texts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.list {
		if e, ok := e.(report.Error); ok {
			texts = append(texts, e.Text())
		}
	}
	return texts
}

func (s *events) jobs() (submitted, skipped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.list {
		switch j, ok := e.(report.Job); {
		case ok && j.Skipped:
			skipped++
		case ok:
			submitted++
		}
	}
	return submitted, skipped
}
