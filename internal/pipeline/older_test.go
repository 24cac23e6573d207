package pipeline

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/lab/managertest"
	"github.com/flsync/flsync/internal/manager"
	"github.com/flsync/flsync/internal/report"
)

// withoutShaman puts a Manager whose Shaman is off in the place of the night's.
func (n *night) withoutShaman() {
	n.t.Helper()
	m, err := manager.New(n.t.Context(), manager.Config{Dir: filepath.Join(n.dir, "no shaman"), NoShaman: true})
	if err != nil {
		n.t.Fatal(err)
	}
	server := httptest.NewServer(m)
	n.t.Cleanup(func() {
		server.Close()
		if err := m.Close(); err != nil {
			n.t.Error(err)
		}
	})
	n.manager = m
	if n.client, err = flamenco.New(flamenco.Config{URL: server.URL}); err != nil {
		n.t.Fatal(err)
	}
}

// TestOlder submits jobs twice to Managers of older releases, and refuses to hold them where they would start
// at once.
func TestOlder(t *testing.T) {
	for _, release := range []api.Release{{Major: 3, Minor: 3}, {Major: 3, Minor: 5}, {Major: 3, Minor: 6}, {Major: 3, Minor: 8}} {
		t.Run(release.String(), func(t *testing.T) {
			n := newNight(t)
			server := httptest.NewServer(managertest.Older(n.manager, release))
			defer server.Close()
			var err error
			if n.client, err = flamenco.New(flamenco.Config{URL: server.URL}); err != nil {
				t.Fatal(err)
			}
			opt := n.options(twoTests)
			opt.Hold = true
			_, err = Submit(t.Context(), n.env(&jobSink{}), opt)
			if refused, want := errors.Is(err, ErrUnsupported), release.Before(api.Since("SubmittedJob.initial_status")); refused != want {
				t.Errorf("hold: error %v, want a refusal: %v", err, want)
			}
			for run, skipped := range []bool{opt.Hold && err == nil, true} {
				summary, err := Submit(t.Context(), n.env(&jobSink{}), n.options(twoTests))
				if err != nil || (summary.Jobs.Skipped == 2) != skipped {
					t.Errorf("run %d: %+v, error %v", run, summary.Jobs, err)
				}
			}
		})
	}
}

// TestShamanOff: a Manager that takes no files is an error at once, with what to do. Jobs without files need
// none.
func TestShamanOff(t *testing.T) {
	n := newNight(t)
	n.withoutShaman()
	for name, dryRun := range map[string]bool{"run": false, "dry run": true} {
		env := n.env(&jobSink{})
		env.DryRun = dryRun
		env.Storage.Path = filepath.Join(n.dir, "not mounted")
		_, err := Sync(t.Context(), env, SyncOptions{Paths: []string{t.TempDir()}})
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "Shaman is off at this Manager") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := Submit(t.Context(), n.env(&jobSink{}), n.options(twoTests)); err != nil {
		t.Errorf("jobs without files: %v", err)
	}
}

// TestCopyAndInPlace submits shots to a farm without Shaman: by copy, then in place; each is skipped when it
// is there.
func TestCopyAndInPlace(t *testing.T) {
	n := newNight(t)
	n.withoutShaman()
	const shot = "version: 1\ndefaults: {type: simple-blender-render, settings: {render_output_root: /r}}\njobs: [{blend: shots/sh020.blend}]\n"
	storage := n.manager.StorageDir()
	sink := &jobSink{}
	for run, skipped := range []int{0, 1} {
		summary, err := Submit(t.Context(), n.env(sink), n.options(shot))
		if err != nil || summary.Jobs.Skipped != skipped {
			t.Fatalf("copy, run %d: %+v, error %v", run, summary.Jobs, err)
		}
	}
	jobs, err := n.client.Jobs(t.Context())
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%d jobs, error %v", len(jobs), err)
	}
	blendfile, _ := jobs[0].Settings["blendfile"].(string)
	copied := strings.Replace(blendfile, "{jobs}", storage, 1)
	got, err := os.ReadFile(copied)
	want, werr := os.ReadFile(filepath.Join(n.dir, "project", "shots", "sh020.blend"))
	if err != nil || werr != nil || !bytes.Equal(got, want) {
		t.Errorf("the copy at %s differs, errors %v, %v", blendfile, err, werr)
	}
	if folder := jobs[0].Metadata[MetaCheckout]; !strings.HasPrefix(blendfile, "{jobs}/"+folder+"/") {
		t.Errorf("the folder %q is not that of %q", folder, blendfile)
	}

	if err := os.Rename(filepath.Join(n.dir, "project"), filepath.Join(storage, "project")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(storage, "project"), filepath.Join(n.dir, "project")); err != nil {
		t.Skip(err)
	}
	opt := n.options(shot)
	for _, j := range opt.Jobs {
		j.Blend, j.Project = filepath.Join(storage, "project", "shots", "sh020.blend"), filepath.Join(storage, "project")
		j.Key = "in place"
	}
	if summary, err := Submit(t.Context(), n.env(sink), opt); err != nil || summary.Jobs.Submitted != 1 || summary.Store.Unique != 0 {
		t.Fatalf("in place: %+v, error %v", summary, err)
	}
	if jobs, err = n.client.Jobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if j.Metadata["flsync.key"] == "in place" && j.Settings["blendfile"] != "{jobs}/project/shots/sh020.blend" {
			t.Errorf("in place: blendfile %v", j.Settings["blendfile"])
		}
	}
}

// TestPrune removes the folder of a job that is gone with the contents that only it had, and what a killed
// run left; it leaves alone what is young, what jobs and synced folders need, and what flsync did not make.
func TestPrune(t *testing.T) {
	n := newNight(t)
	n.withoutShaman()
	for name, content := range map[string]string{"a.bin": "a", "b.bin": "b", "both.bin": "both", "synced/s.bin": "synced"} {
		n.write(name, content)
	}
	if _, err := Submit(t.Context(), n.env(&jobSink{}), n.options(withFiles("[a.bin, both.bin]", "[b.bin, both.bin]"))); err != nil {
		t.Fatal(err)
	}
	if _, err := Sync(t.Context(), n.env(&jobSink{}), SyncOptions{Paths: []string{filepath.Join(n.dir, "project", "synced")}}); err != nil {
		t.Fatal(err)
	}
	storage := n.manager.StorageDir()
	for _, other := range []string{
		"jobs/theirs/file", "jobs/.flsync-killed/file", "jobs/bare.flsync", "jobs/lost.flsync", "jobs/other.flsync", "jobs/other/file", "jobs/.flsync-filling/deep/file", "pool/aa/.flsync-killed", "pool/aa/theirs", "pool/theirs",
		"pool/aa/bb" + strings.Repeat("0", 62) + "-1",
	} {
		path := filepath.Join(storage, "flsync", filepath.FromSlash(other))
		content := ""
		if strings.HasSuffix(other, "lost.flsync") {
			content = listHead(n.client.URL())
		} else if strings.HasSuffix(other, "other.flsync") {
			content = listHead("http://another-manager")
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (all []string) {
		t.Helper()
		err := filepath.WalkDir(filepath.Join(storage, "flsync"), func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				all = append(all, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	var syncs time.Duration
	prune := func(dryRun bool) Pruned {
		t.Helper()
		env := n.env(&jobSink{})
		env.DryRun = dryRun
		done, err := PruneStorage(t.Context(), env, syncs)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	jobs, err := n.client.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var folder string
	for _, j := range jobs {
		if j.Name == "a" {
			folder = j.Metadata[MetaCheckout]
			if err := n.client.DeleteJob(t.Context(), j.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := left()
	if done := prune(false); done != (Pruned{}) || len(left()) != len(before) {
		t.Errorf("within the hour: %+v, %d of %d files are left", done, len(left()), len(before))
	}
	old := time.Now().Add(-2 * pruneGrace)
	err = filepath.WalkDir(filepath.Join(storage, "flsync"), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, old, old))
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now() // a run fills a folder
	if err := os.Chtimes(filepath.Join(storage, "flsync", "jobs", ".flsync-filling", "deep"), now, now); err != nil {
		t.Fatal(err)
	}
	want := Pruned{Folders: 1, Files: 3, Bytes: 1, DryRun: true}
	if done := prune(true); done != want || len(left()) != len(before) {
		t.Errorf("dry run: %+v, want %+v; %d of %d files are left", done, want, len(left()), len(before))
	}
	want.DryRun = false
	if done := prune(false); done != want {
		t.Errorf("%+v, want %+v", done, want)
	}
	gone := make(map[string]bool)
	for _, f := range before {
		gone[f] = !slices.Contains(left(), f)
	}
	for _, f := range before {
		below := strings.TrimPrefix(f, filepath.ToSlash(storage)+"/")
		a := below == "flsync/pool/ca/ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb-1"
		if wanted := strings.HasPrefix(below, folder) || strings.Contains(below, "killed") || strings.Contains(below, "lost") || a; gone[f] != wanted {
			t.Errorf("%s is gone: %v, want %v", below, gone[f], wanted)
		}
	}
	if done := prune(false); done != (Pruned{}) {
		t.Errorf("again: %+v", done)
	}
	syncs = 3 * pruneGrace
	if done := prune(false); done != (Pruned{}) {
		t.Errorf("young syncs: %+v", done)
	}
	syncs = pruneGrace
	synced, err := os.ReadDir(filepath.Join(storage, "flsync", "synced"))
	if err != nil {
		t.Fatal(err)
	}
	user, err := n.client.SubmitJob(t.Context(), api.SubmittedJob{
		Name: "by hand", Type: "echo-sleep-test", Priority: 50, SubmitterPlatform: "linux",
		Settings: api.JobSettings{"message": "{jobs}/flsync/synced/" + strings.TrimSuffix(synced[0].Name(), listSuffix) + "/s.bin", "sleep_duration_seconds": 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if done := prune(false); done != (Pruned{}) {
		t.Errorf("an old sync that the settings of a job name: %+v", done)
	}
	if err := n.client.DeleteJob(t.Context(), user.ID); err != nil {
		t.Fatal(err)
	}
	if done, want := prune(false), (Pruned{Folders: 1, Files: 1, Bytes: 6}); done != want {
		t.Errorf("old syncs: %+v, want %+v", done, want)
	}
}

// TestPrunedBeforePost: the folder of a job that is about to be submitted is young again, and made again if
// it is gone.
func TestPrunedBeforePost(t *testing.T) {
	n := newNight(t)
	n.withoutShaman()
	n.write("a.bin", "a")
	at := func(folder string) string { return filepath.Join(n.manager.StorageDir(), filepath.FromSlash(folder)) }
	for name, prune := range map[string]bool{"stays": false, "is pruned": true} {
		done := false
		sink := sinkFunc(func(e report.Event) {
			c, made := e.(report.Checkout)
			if !made || done {
				return
			}
			done = true
			old := time.Now().Add(-2 * pruneGrace)
			err := os.Chtimes(at(c.Path)+listSuffix, old, old)
			if prune {
				err = errors.Join(err, os.RemoveAll(at(c.Path)), os.Remove(at(c.Path)+listSuffix))
			}
			if err != nil {
				t.Error(err)
			}
		})
		opt := n.options(withFiles("[a.bin]", "[a.bin]"))
		opt.Jobs, opt.Force = opt.Jobs[:1], true
		if summary, err := Submit(t.Context(), n.env(sink), opt); err != nil || summary.Jobs.Submitted != 1 || !done {
			t.Fatalf("%s: %+v, error %v", name, summary.Jobs, err)
		}
		all, err := n.client.Jobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range all {
			folder := at(j.Metadata[MetaCheckout])
			list, err := os.Lstat(folder + listSuffix)
			if _, ferr := os.Lstat(filepath.Join(folder, "a.bin")); err != nil || ferr != nil || time.Since(list.ModTime()) > pruneGrace/2 {
				t.Errorf("%s: %s is not young, errors %v, %v", name, folder, err, ferr)
			}
		}
	}
}

type sinkFunc func(report.Event)

func (f sinkFunc) Emit(e report.Event) { f(e) }

// TestNotOnStorage: a file that workers do not see is a lack of the job, which --missing fail does not let
// pass.
func TestNotOnStorage(t *testing.T) {
	n := newNight(t)
	n.withoutShaman()
	n.write("a.bin", "a")
	n.write("b.bin", "b")
	for missing, submitted := range map[string]int{"warn": 2, "fail": 0} {
		opt := n.options(withFiles("a.bin", "b.bin"))
		opt.Missing, opt.Force = missing, true
		sink := new(storageSink)
		env := n.env(sink)
		env.Storage.Mode = StorageInPlace
		summary, err := Submit(t.Context(), env, opt)
		want := map[string]error{"warn": ErrPartial, "fail": ErrNoneDone}[missing]
		if summary.Jobs.Submitted != submitted || !errors.Is(err, want) {
			t.Errorf("missing %s: %+v, error %v", missing, summary.Jobs, err)
		}
		if len(sink.codes) != 2 || sink.codes[0] != check.NotOnStorage || len(sink.storage) != submitted || submitted > 0 && sink.storage[0] != "in-place" {
			t.Errorf("missing %s: lacks %v, storage %v", missing, sink.codes, sink.storage)
		}
	}
}

// storageSink keeps the codes of lacks, and how jobs' files get to the workers.
type storageSink struct {
	mu             sync.Mutex
	codes, storage []string
}

func (s *storageSink) Emit(e report.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case report.Lack:
		s.codes = append(s.codes, e.Code)
	case report.Job:
		s.storage = append(s.storage, e.Storage)
	}
}
