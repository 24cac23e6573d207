package bench

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/flsync/flsync/bench/baseline"
	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/lab/cleanenv"
	"github.com/flsync/flsync/internal/report"
)

// did is what a run of flsync has to have done: one that did less would look fast.
type did struct{ Uploaded, Direct, Submitted, Skipped int64 }

// unknown stands for any number of uploads.
const unknown = -1

// all are the files of the site's tree.
func (s *Site) all() int64 { files, _ := s.Scenario.Tree.Totals(); return int64(files) }

// flsync is a command of flsync that ends with a summary, which has to agree with want.
func flsync(name string, want func(*Site) did, prepare []step, args ...string) Contender {
	return Contender{Name: name, Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		var out bytes.Buffer
		line := s.fill(append([]string{args[0], "--json", "--quiet", "--cache", "{cache}", "--manager", "{manager}"}, args[1:]...))
		sample, err := s.measure(ctx, command{path: s.Flsync, args: line, env: cleanenv.Environ(s.Dir), stdout: &out})
		if err != nil {
			return sample, err
		}
		said := bytes.TrimSpace(out.Bytes())
		said = said[bytes.LastIndexByte(said, '\n')+1:]
		var end struct {
			Type string `json:"type"`
			report.Summary
		}
		if err := json.Unmarshal(said, &end); err != nil || end.Type != "summary" || !end.OK {
			return sample, fmt.Errorf("flsync %s ended with %q", strings.Join(line, " "), said)
		}
		got, wanted := did{end.Store.Uploaded, end.Store.Direct, int64(end.Jobs.Submitted), int64(end.Jobs.Skipped)}, want(s)
		if wanted.Uploaded == unknown {
			wanted.Uploaded = got.Uploaded
		}
		if got != wanted {
			return sample, fmt.Errorf("flsync %s did %+v instead of %+v", strings.Join(line, " "), got, wanted)
		}
		return sample, nil
	}}
}

// What syncs and submissions have to do.
func sendsAll(s *Site) did     { return did{Uploaded: s.all()} }
func sendsNone(*Site) did      { return did{} }
func writesAll(s *Site) did    { return did{Uploaded: s.all(), Direct: s.all()} }
func submitsTree(s *Site) did  { return did{Uploaded: s.all(), Submitted: 1} }
func submitsNew(s *Site) did   { return did{Uploaded: unknown, Submitted: int64(s.Scenario.Batch.Shots)} }
func submitsKnown(s *Site) did { return did{Submitted: int64(s.Scenario.Batch.Shots)} }
func submitsNone(s *Site) did  { return did{Skipped: int64(s.Scenario.Batch.Shots)} }

// firstSync syncs a tree of which nothing is known; warmSync one of which nothing has changed.
func firstSync() Contender {
	return flsync("flsync", sendsAll, []step{freshTree}, "sync", "--checkout", "bench/first", "{tree}")
}
func warmSync(name string, flags ...string) Contender {
	return flsync(name, sendsNone, nil, append(append([]string{"sync"}, flags...), "{tree}")...)
}

// submission submits the batch's shots; with renamed as its preparation under new names.
func submission(name string, want func(*Site) did, prepare ...step) Contender {
	return flsync(name, want, prepare, "submit", "{tree}/"+workload.BatchManifest)
}

// tool is a shell's command line, with places as fill knows them.
func tool(name, needs, line string, prepare ...step) Contender {
	return Contender{Name: name, Needs: needs, Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		c := command{path: "sh", args: append([]string{"-c"}, s.fill([]string{line})...)}
		if strings.Contains(line, "{flsync}") {
			c.env = cleanenv.Environ(s.Dir)
		}
		return s.measure(ctx, c)
	}}
}

// hash hashes a folder. Its output goes nowhere, as that of the tools beside it.
func hash(name, folder, env string, prepare ...step) Contender {
	return tool(name, "", "exec env "+env+" {flsync} hash --quiet --cache {cache} "+folder, prepare...)
}

// find reads what flsync needs to know of each file: names, sizes, both times, inode and device.
func find() Contender {
	return tool("find -printf", "find", `exec find {tree} -printf '%p %s %T@ %C@ %i %D\n'`)
}

// rsync copies the tree to a folder that has nothing; rsyncAgain to the same, which has everything.
func rsync() Contender { return tool("rsync -a", "rsync", "exec rsync -a {tree}/ {out}/", freshOut) }
func rsyncAgain(prepare ...step) Contender {
	return tool("rsync -a, again", "rsync", "exec rsync -a {tree}/ {out}/", prepare...)
}

//go:embed addon.py
var addonScript []byte

// addon sends the batch's first shot as Flamenco's add-on does, in Blender. The wall time is that without Blender's start.
func addon(name string, prepare ...step) Contender {
	return Contender{Name: name, Needs: "blender add-on", Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		script := s.Path("addon.py")
		if err := os.WriteFile(script, addonScript, 0o600); err != nil {
			return Sample{}, err
		}
		var out bytes.Buffer
		sample, err := s.measure(ctx, command{path: "blender", stdout: &out, args: s.fill([]string{"--background", "--factory-startup",
			"--python-exit-code", "1", "{tree}/shots/sh0001.blend", "--python", script, "--", s.Addon, "{manager}", "bench/addon"})})
		if err != nil {
			return sample, err
		}
		lines := strings.Fields(out.String())
		sample.Wall, err = strconv.ParseFloat(lines[len(lines)-1], 64)
		return sample, err
	}}
}

// beside runs a contender while another flsync of the same user uploads, which it does for longer.
func beside(name string, c Contender, args ...string) Contender {
	run := c.Run
	c.Name = name
	c.Run = func(ctx context.Context, s *Site) (Sample, error) {
		const head = 2 * time.Second // until it uploads
		line := s.fill(append([]string{args[0], "--quiet", "--cache", "{cache}", "--manager", "{manager}"}, args[1:]...))
		background := exec.CommandContext(ctx, s.Flsync, line...)
		background.Env = cleanenv.Environ(s.Dir)
		if err := background.Start(); err != nil {
			return Sample{}, err
		}
		ended := make(chan error, 1)
		go func() { ended <- background.Wait() }()
		select {
		case err := <-ended:
			return Sample{}, fmt.Errorf("flsync %s ended early: %w", strings.Join(line, " "), err)
		case <-time.After(head):
		}
		sample, err := run(ctx, s)
		if len(ended) > 0 {
			return sample, errors.Join(err, errors.New("the upload in the background ended first"))
		}
		_ = background.Process.Kill()
		<-ended
		return sample, err
	}
	return c
}

const (
	upperBound   = "upper bound"
	managerAlone = "the Manager alone"
)

// base is a baseline, which runs in a process of its own. The wall time is that which it measures itself.
func base(name string, prepare []step, w baseline.Work, env ...string) Contender {
	return Contender{Name: name, Prepare: prepare, Run: func(ctx context.Context, s *Site) (Sample, error) {
		w := w
		w.URL, w.Root, w.List, w.Name = s.URL, s.Tree, s.list(), fmt.Sprintf("bench/baseline-%d", s.Seed())
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
	}}
}

// counted are forms of a baseline with one to many connections; the best counts.
func counted(group string, prepare []step, w baseline.Work, connections ...int) (all []Contender) {
	for _, n := range connections {
		w.Connections = n
		c := base(fmt.Sprintf("%s, %d connections", group, n), prepare, w)
		c.Group = group
		all = append(all, c)
	}
	return all
}

func upperFirst(connections ...int) []Contender {
	return counted(upperBound, []step{freshTree, listed}, baseline.Work{Kind: "upper", Part: baseline.Whole}, connections...)
}

// upperWarm is a part of the upper bound for a tree of which everything is stored.
func upperWarm(name string, part baseline.Part) Contender {
	return base(name, nil, baseline.Work{Kind: "upper", Part: part, Connections: 1})
}

// serialFirst works as Flamenco's add-on does, and too slowly to be sampled more than once. Of more than one share it
// sends one: each file takes as long as the others.
func serialFirst(shares int) Contender {
	c := base("serial client", []step{freshTree, listed}, baseline.Work{Kind: "serial", Shares: shares})
	if shares > 1 {
		c.Name = fmt.Sprintf("serial client, %d × the time of one file in %d", shares, shares)
	}
	c.Group, c.Once, c.Times = "serial client", true, 1/float64(shares)
	return c
}

// hashPass takes SHA-256 of the tree's files on all cores and does nothing else.
func hashPass(env ...string) Contender {
	return base("SHA-256 alone, all cores", nil, baseline.Work{Kind: "hash"}, env...)
}

// Steps of preparation.

// forget removes the hash cache: the next run is a first run.
func forget(_ context.Context, s *Site) error { return os.RemoveAll(s.cache()) }

// freshTree gives the tree contents that no Manager and no cache has seen, and the Manager a new folder.
func freshTree(ctx context.Context, s *Site) error {
	return errors.Join(forget(ctx, s), newManager(ctx, s), s.Scenario.Tree.Freshen(ctx, s.Tree, s.Seed()))
}

// renamed gives the batch's jobs new names, under which they are submitted again.
func renamed(_ context.Context, s *Site) error {
	return s.Scenario.Batch.WriteManifest(s.Tree, s.Seed())
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

// once runs a contender for what it leaves behind.
func once(c Contender) step {
	return func(ctx context.Context, s *Site) error {
		if err := s.take(ctx, c.Prepare); err != nil {
			return err
		}
		_, err := c.Run(ctx, s)
		return err
	}
}

// primed syncs the tree, so that the Manager has it and the cache knows it; hashed only fills the cache.
func primed(ctx context.Context, s *Site) error {
	return once(flsync("", sendsAll, nil, "sync", "--checkout", "bench/primed", "{tree}"))(ctx, s)
}
func hashed(ctx context.Context, s *Site) error { return once(hash("", "{tree}", ""))(ctx, s) }

// touched gives all files another time.
func touched(ctx context.Context, s *Site) error {
	return workload.Touch(ctx, s.Tree, time.Unix(1_500_000_000+int64(s.Seed()%100_000_000), 0))
}

// submitted submits the batch, so that everything is stored and known, and writes the list.
func submitted(ctx context.Context, s *Site) error {
	if err := s.take(ctx, []step{aged, once(submission("", submitsNew))}); err != nil {
		return err
	}
	shots, err := s.Scenario.Batch.Specs(ctx, s.Tree)
	return errors.Join(err, writeJSON(s.list(), shots))
}

//go:embed linked.py
var linkedScript []byte

// linked has Blender make 50 libraries with 20 textures each and a shot that links them all, of which it makes n.
func linked(n int) step {
	return func(ctx context.Context, s *Site) error {
		if s.missing("blender") != "" {
			return nil
		}
		script, out := s.Path("linked.py"), s.Path("linked")
		if err := errors.Join(os.WriteFile(script, linkedScript, 0o600), os.Mkdir(out, 0o777)); err != nil {
			return err
		}
		said, err := exec.CommandContext(ctx, "blender", "--background", "--factory-startup", "--python-exit-code", "1", "--python", script, "--", out).CombinedOutput()
		if err != nil {
			return fmt.Errorf("blender: %w\n%s", err, tail(said))
		}
		shot, err := os.ReadFile(out + "/shot.blend")
		for i := range n { // Blender, and what reads its files, reads no further than its end mark
			err = errors.Join(err, os.WriteFile(fmt.Sprintf("%s/shot%04d.blend", out, i), strconv.AppendInt(shot[:len(shot):len(shot)], int64(i), 10), 0o666))
		}
		return errors.Join(err, os.Remove(out+"/shot.blend"))
	}
}

// bulk makes a folder of files of that size, new ones in each sample.
func bulk(files int, bytes int64) step {
	return func(ctx context.Context, s *Site) error {
		return workload.Caches(files, bytes).Create(ctx, s.Path("bulk"), s.Seed())
	}
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o666)
}
