package bench

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flsync/flsync/bench/baseline"
	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/lab/cleanenv"
	"github.com/flsync/flsync/internal/report"
)

// cache is the scenario's hash cache; list has the tree's files and digests for baselines.
func (s *Site) cache() string { return s.Path("hashes.db") }
func (s *Site) list() string  { return s.Path("list.json") }

// flsync runs a command that ends with a summary, and checks with expect that it did what is measured. A run that did
// less would look fast.
func (s *Site) flsync(ctx context.Context, expect func(report.Summary) error, args ...string) (Sample, error) {
	var out bytes.Buffer
	args = append([]string{args[0], "--json", "--quiet", "--cache", s.cache(), "--manager", s.URL}, args[1:]...)
	sample, err := s.measure(ctx, command{path: s.Flsync, args: args, env: cleanenv.Environ(s.Dir), stdout: &out})
	if err != nil {
		return sample, err
	}
	lines := bytes.TrimSpace(out.Bytes())
	last := lines[bytes.LastIndexByte(lines, '\n')+1:]
	var end struct {
		Type string `json:"type"`
		report.Summary
	}
	if err := json.Unmarshal(last, &end); err != nil || end.Type != "summary" || !end.OK {
		return sample, fmt.Errorf("flsync %s ended with %q", strings.Join(args, " "), last)
	}
	if err := expect(end.Summary); err != nil {
		return sample, fmt.Errorf("flsync %s: %w", strings.Join(args, " "), err)
	}
	return sample, nil
}

// syncs is a sync that has to send all files of the tree, or none.
func syncs(name string, all bool, prepare []step, flags ...string) []Contender {
	return []Contender{{Name: name, Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		files, _ := s.Scenario.Tree.Totals()
		want := 0
		if all {
			want = files
		}
		return s.flsync(ctx, func(r report.Summary) error {
			if r.Files.Total != int64(files) || r.Store.Uploaded != int64(want) {
				return fmt.Errorf("it sent %d of %d files, instead of %d of %d", r.Store.Uploaded, r.Files.Total, want, files)
			}
			if slices.Contains(flags, "--direct") && r.Store.Direct != int64(want) {
				return fmt.Errorf("it wrote %d files into the store, instead of %d", r.Store.Direct, want)
			}
			return nil
		}, slices.Concat([]string{"sync"}, flags, []string{s.Tree})...)
	}}}
}

// flsyncFirst syncs a tree of which nothing is known; flsyncWarm one of which nothing has changed.
func flsyncFirst() []Contender {
	return syncs("flsync", true, []step{freshTree}, "--checkout", "bench/first")
}
func flsyncWarm(name string, flags ...string) []Contender { return syncs(name, false, nil, flags...) }

// flsyncHash hashes the folder of that name at the site; its output goes nowhere, as that of the tools beside it.
func flsyncHash(name, folder string, prepare []step, env ...string) []Contender {
	return []Contender{{Name: name, Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.measure(ctx, command{path: s.Flsync, args: []string{"hash", "--quiet", "--cache", s.cache(), s.Path(folder)},
			env: append(cleanenv.Environ(s.Dir), env...)})
	}}}
}

// submit submits the batch's manifest, which has to send as many files; -1: any number.
func (s *Site) submit(ctx context.Context, jobs, uploads int64) (Sample, error) {
	return s.flsync(ctx, func(r report.Summary) error {
		if r.Files.Total != jobs+workload.BatchTextures || int64(r.Jobs.Submitted) != jobs || uploads >= 0 && r.Store.Uploaded != uploads {
			return fmt.Errorf("it submitted %d of %d jobs, with %d files, and uploaded %d", r.Jobs.Submitted, jobs, r.Files.Total, r.Store.Uploaded)
		}
		return nil
	}, "submit", filepath.Join(s.Tree, workload.BatchManifest))
}

// submitted submits the shots under new names, see [Site.submit] for uploads.
func submitted(name string, batch workload.Batch, uploads int64) []Contender {
	rename := func(_ context.Context, s *Site) error { return batch.WriteManifest(s.Tree, s.Seed()) }
	return []Contender{{Name: name, Prepare: []step{rename}, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.submit(ctx, int64(batch.Shots), uploads)
	}}}
}

//go:embed addon.py
var addonScript []byte

// addon sends the batch's first shot as Flamenco's add-on does, in Blender. The wall time is that without Blender's start.
func addon(name string, prepare ...step) []Contender {
	return []Contender{{Name: name, Needs: "blender", Addon: true, Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		script := s.Path("addon.py")
		if err := os.WriteFile(script, addonScript, 0o600); err != nil {
			return Sample{}, err
		}
		var out bytes.Buffer
		sample, err := s.measure(ctx, command{path: "blender", stdout: &out, args: []string{"--background", "--factory-startup",
			"--python-exit-code", "1", filepath.Join(s.Tree, "shots", "sh0001.blend"), "--python", script, "--", s.Addon, s.URL, "bench/addon"}})
		if err != nil {
			return sample, err
		}
		lines := strings.Fields(out.String())
		sample.Wall, err = strconv.ParseFloat(lines[len(lines)-1], 64)
		return sample, err
	}}}
}

// unchanged submits the batch's one shot again, which the Manager has.
func unchanged() []Contender {
	return []Contender{{Name: "flsync, unchanged", Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.flsync(ctx, func(r report.Summary) error {
			if r.Jobs.Skipped != 1 {
				return fmt.Errorf("it skipped %d jobs instead of 1", r.Jobs.Skipped)
			}
			return nil
		}, "submit", filepath.Join(s.Tree, workload.BatchManifest))
	}}}
}

// runBaseline runs a baseline in a process of its own. The wall time is that which it measures itself.
func (s *Site) runBaseline(ctx context.Context, env []string, w baseline.Work) (Sample, error) {
	w.URL, w.Root, w.List = s.URL, s.Tree, s.list()
	w.Name = fmt.Sprintf("bench/baseline-%d", s.Seed())
	data, err := json.Marshal(w)
	if err != nil {
		return Sample{}, err
	}
	var out bytes.Buffer
	sample, err := s.measure(ctx, command{path: s.Self, args: []string{"baseline", string(data)}, env: append(os.Environ(), env...), stdout: &out})
	if err != nil {
		return sample, err
	}
	var o baseline.Outcome
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		return sample, fmt.Errorf("baseline %s said %q: %w", data, out.Bytes(), err)
	}
	sample.Wall = o.Seconds
	return sample, nil
}

const (
	upperBound   = "upper bound"
	managerAlone = "the Manager alone"
)

// counted are forms of a baseline with one to many connections; the best counts.
func counted(group string, w baseline.Work, prepare []step, connections ...int) (all []Contender) {
	for _, n := range connections {
		w.Connections = n
		name := fmt.Sprintf("%s, %d connections", group, n)
		if n == 1 {
			name = group + ", 1 connection"
		}
		all = append(all, one(name, group, prepare, w)...)
	}
	return all
}

func one(name, group string, prepare []step, w baseline.Work, env ...string) []Contender {
	return []Contender{{Name: name, Group: group, Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.runBaseline(ctx, env, w)
	}}}
}

func upperFirst(connections ...int) []Contender {
	return counted(upperBound, baseline.Work{Kind: "upper", Part: baseline.Whole}, []step{freshTree, listed}, connections...)
}

// upperWarm is the upper bound for a tree of which everything is stored.
func upperWarm(name string, part baseline.Part) []Contender {
	return one(name, "", nil, baseline.Work{Kind: "upper", Part: part, Connections: 1})
}

// serialFirst works as Flamenco's add-on does, and too slowly to be sampled more than once.
func serialFirst() []Contender {
	all := one("serial client", "", []step{freshTree, listed}, baseline.Work{Kind: "serial"})
	all[0].Once = true
	return all
}

// hashPass goes over the tree's files with digests and nothing else.
func hashPass(name, group string, pass baseline.HashPass, env ...string) []Contender {
	return one(name, group, nil, baseline.Work{Kind: "hash", Pass: pass}, env...)
}

// tool is a command line of plain tools, in which $1 is the tree and $2 a folder beside it.
func tool(name, needs, line string, prepare ...step) []Contender {
	return []Contender{{Name: name, Needs: needs, Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.measure(ctx, command{path: "sh", args: []string{"-c", line, "sh", s.Tree, s.Path("rsync")}})
	}}}
}

// find reads what flsync needs to know of each file: names, sizes, both times, inode and device.
func find() []Contender {
	return tool("find -printf", "find", `exec find "$1" -printf '%p %s %T@ %C@ %i %D\n'`)
}

// rsync copies the tree to a folder that has nothing; rsyncWarm to one that has everything.
const rsync = `exec rsync -a "$1/" "$2/"`

func rsyncFirst() []Contender {
	return tool("rsync -a", "rsync", rsync, func(_ context.Context, s *Site) error { return os.RemoveAll(s.Path("rsync")) })
}

// cpFirst is like rsyncFirst.
func cpFirst() []Contender {
	return tool("cp -a", "cp", `exec cp -a "$1/." "$2/"`, func(_ context.Context, s *Site) error {
		return errors.Join(os.RemoveAll(s.Path("rsync")), os.Mkdir(s.Path("rsync"), 0o777))
	})
}

// submitAll submits a job that has the whole tree.
func submitAll() []Contender {
	return []Contender{{Name: "flsync submit --all", Prepare: []step{freshTree}, Run: func(ctx context.Context, s *Site) (Sample, error) {
		manifest := fmt.Sprintf("version: 1\nproject: %q\njobs: [{name: all, type: echo-sleep-test, settings: {message: all}}]\n", s.Tree)
		if err := os.WriteFile(s.Path("all.yaml"), []byte(manifest), 0o600); err != nil {
			return Sample{}, err
		}
		files, _ := s.Scenario.Tree.Totals()
		return s.flsync(ctx, func(r report.Summary) error {
			if r.Store.Uploaded != int64(files) || r.Jobs.Submitted != 1 {
				return fmt.Errorf("it sent %d files and submitted %d jobs, instead of %d and 1", r.Store.Uploaded, r.Jobs.Submitted, files)
			}
			return nil
		}, "submit", "--all", s.Path("all.yaml"))
	}}}
}

func rsyncWarm() []Contender {
	all := tool("rsync -a", "rsync", rsync)
	first := all[0].Run
	all[0].Prepare = []step{func(ctx context.Context, s *Site) error { _, err := first(ctx, s); return err }}
	return all
}

// Steps of preparation.

// forget removes the hash cache: the next run is a first run.
func forget(_ context.Context, s *Site) error { return os.RemoveAll(s.cache()) }

func empty(ctx context.Context, s *Site) error { return s.emptyManager(ctx) }

// freshTree gives the tree contents that no Manager and no cache has seen.
func freshTree(ctx context.Context, s *Site) error {
	return errors.Join(forget(ctx, s), s.emptyManager(ctx), s.Scenario.Tree.Freshen(ctx, s.Tree, s.Seed()))
}

// listed writes the list for baselines.
func listed(ctx context.Context, s *Site) error {
	specs, err := s.Scenario.Tree.Manifest(ctx, s.Tree)
	return errors.Join(err, writeJSON(s.list(), specs))
}

// aged waits longer than any file system's clock takes for a tick. The next run reads a file that is as new as its time
// stamp's tick again, as it should, but trees outside of a benchmark are seldom that new.
func aged(ctx context.Context, _ *Site) error {
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// primed syncs the tree, so that the Manager has it and the cache knows it.
func primed(ctx context.Context, s *Site) error {
	_, err := s.flsync(ctx, func(report.Summary) error { return nil }, "sync", "--checkout", "bench/primed", s.Tree)
	return err
}

// hashed fills the cache from the tree.
func hashed(ctx context.Context, s *Site) error {
	_, err := flsyncHash("", "tree", nil)[0].Run(ctx, s)
	return err
}

// touched gives all files another time.
func touched(ctx context.Context, s *Site) error {
	return workload.Touch(ctx, s.Tree, time.Unix(1_500_000_000+int64(s.Seed()%100_000_000), 0))
}

// copied makes a copy of the tree, and keeps the cache as it is; onlyOriginal gives the cache as it was then.
func copied(_ context.Context, s *Site) error {
	return errors.Join(copyFile(s.cache(), s.Path("known.db")), os.CopyFS(s.Path("copy"), os.DirFS(s.Tree)))
}
func onlyOriginal(_ context.Context, s *Site) error { return copyFile(s.Path("known.db"), s.cache()) }

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// batchReady makes the batch, submits it once, so that everything is stored and known, and writes the list.
func batchReady(batch workload.Batch) step {
	return func(ctx context.Context, s *Site) error {
		create := func(ctx context.Context, s *Site) error { return batch.Create(ctx, s.Tree, s.Seed()) }
		submit := func(ctx context.Context, s *Site) error { _, err := s.submit(ctx, int64(batch.Shots), -1); return err }
		if err := s.take(ctx, []step{create, aged, submit}); err != nil {
			return err
		}
		shots, err := batch.Specs(ctx, s.Tree)
		return errors.Join(err, writeJSON(s.list(), shots))
	}
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o666)
}
