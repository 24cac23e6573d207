package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flsync/flsync/internal/report"
)

// isolated keeps a run of flsync from the configuration, the caches and the
// journals of whoever measures, and of other scenarios.
func isolated(dir string) []string {
	home := filepath.Join(dir, "home")
	return []string{
		"HOME=" + home,
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"),
		"XDG_CACHE_HOME=" + filepath.Join(home, "cache"),
		"XDG_STATE_HOME=" + filepath.Join(home, "state"),
		"AppData=" + home, "LocalAppData=" + home, // Windows
		"FLSYNC_MANAGER=", "FLSYNC_HEADER=", "FLSYNC_CONFIG=", "FLSYNC_CACHE=", "FLSYNC_STATE=",
	}
}

// cache is the scenario's hash cache.
func (s *Site) cache() string { return s.Path("hashes.db") }

// forget removes the hash cache: the next run is a first run.
func (s *Site) forget() error {
	if err := os.Remove(s.cache()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// flsync runs a command that ends with a summary, and checks with expect that
// it did what is measured. A run that did less would be called fast.
func (s *Site) flsync(ctx context.Context, expect func(report.Summary) error, args ...string) (Sample, error) {
	var last lastLine
	args = append([]string{args[0], "--json", "--quiet", "--cache", s.cache(), "--manager", s.URL}, args[1:]...)
	sample, err := s.measure(ctx, command{path: s.Flsync, args: args, env: isolated(s.Dir), stdout: &last})
	if err != nil {
		return sample, err
	}
	var end struct {
		Type string `json:"type"`
		report.Summary
	}
	if err := json.Unmarshal(last.line, &end); err != nil || end.Type != "summary" || !end.OK {
		return sample, fmt.Errorf("flsync %s ended with %q", strings.Join(args, " "), last.line)
	}
	sample.Extra = map[string]float64{
		"files": float64(end.Files.Total), "hashed": float64(end.Files.Hashed),
		"uploaded": float64(end.Store.Uploaded), "retried": float64(end.Store.Retried),
	}
	if err := expect(end.Summary); err != nil {
		return sample, fmt.Errorf("flsync %s: %w", strings.Join(args, " "), err)
	}
	return sample, nil
}

// want is what a run has to have done, for flsync's expect.
func want(files, uploaded int64) func(report.Summary) error {
	return func(r report.Summary) error {
		if r.Files.Total != files || r.Store.Uploaded != uploaded {
			return fmt.Errorf("it sent %d of %d files, instead of %d of %d", r.Store.Uploaded, r.Files.Total, uploaded, files)
		}
		return nil
	}
}

func (s *Site) files() int64 { n, _ := s.Scenario.Tree.Totals(); return int64(n) }

// freshTree gives the tree contents that no Manager and no cache has seen.
func freshTree(ctx context.Context, s *Site) error {
	return errors.Join(s.forget(), s.emptyManager(ctx), s.Scenario.Tree.Freshen(ctx, s.Tree, s.Seed()))
}

// flsyncFirst syncs a tree of which nothing is known.
func flsyncFirst() []Contender {
	return []Contender{{Name: "flsync", Prepare: freshTree, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.flsync(ctx, want(s.files(), s.files()), "sync", "--checkout", "bench/first", s.Tree)
	}}}
}

// settleTime is longer than any clock for time stamps takes for a tick. A file
// as new as its stamp's tick is read again on the next run, as it should be,
// but trees outside a benchmark are seldom that new.
const settleTime = 100 * time.Millisecond

func settle(ctx context.Context) {
	select {
	case <-time.After(settleTime):
	case <-ctx.Done():
	}
}

// primed syncs the tree once, so that the Manager has it and the cache knows it.
func primed(ctx context.Context, s *Site) error {
	settle(ctx)
	_, err := s.flsync(ctx, func(report.Summary) error { return nil }, "sync", "--checkout", "bench/primed", s.Tree)
	return err
}

// flsyncWarm syncs a tree of which nothing has changed.
func flsyncWarm(name string, flags ...string) []Contender {
	return []Contender{{Name: name, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.flsync(ctx, want(s.files(), 0), append(append([]string{"sync"}, flags...), s.Tree)...)
	}}}
}

// hash runs flsync hash over a tree; its output goes nowhere, as that of the
// tools beside it does.
func (s *Site) hash(ctx context.Context, tree string, env ...string) (Sample, error) {
	return s.measure(ctx, command{
		path: s.Flsync,
		args: []string{"hash", "--quiet", "--cache", s.cache(), tree},
		env:  append(isolated(s.Dir), env...),
	})
}

// hashed fills the cache from the tree.
func hashed(ctx context.Context, s *Site) error {
	settle(ctx)
	_, err := s.hash(ctx, s.Tree)
	return err
}

// flsyncHash hashes the tree after prepare.
func flsyncHash(name string, prepare func(context.Context, *Site) error, env ...string) []Contender {
	return []Contender{{Name: name, Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.hash(ctx, s.Tree, env...)
	}}}
}

// copied makes a copy of a known tree, and keeps the cache as it is then.
func copied(ctx context.Context, s *Site) error {
	if err := hashed(ctx, s); err != nil {
		return err
	}
	if err := copyFile(s.cache(), s.Path("known.db")); err != nil {
		return err
	}
	return s.Scenario.Tree.Copy(ctx, s.Tree, s.Path("copy"))
}

// flsyncCopied hashes the copy with a cache that knows only the original.
func flsyncCopied() []Contender {
	return []Contender{{Name: "flsync hash", Prepare: func(_ context.Context, s *Site) error {
		return copyFile(s.Path("known.db"), s.cache())
	}, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.hash(ctx, s.Path("copy"))
	}}}
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
