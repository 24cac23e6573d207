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

// run runs a contender once.
func (c Contender) run(ctx context.Context, s *Site) (Sample, error) {
	switch {
	case c.Run != nil:
		return c.Run(ctx, s)
	case c.Beside != nil:
		return c.runBeside(ctx, s)
	case c.Base != nil:
		return c.runBase(ctx, s)
	case c.Flsync != nil:
		return c.runFlsync(ctx, s)
	}
	return c.runTool(ctx, s)
}

// did is what a run of flsync has done.
type did struct{ Uploaded, Direct, Submitted, Skipped int64 }

// wanted returns what a run has to have done: one that did less would look fast. unknown stands for any
// number.
func (s *Site) wanted(what string) (did, error) {
	all, shots := int64(s.files), int64(s.Scenario.Shots)
	wanted, known := map[string]did{
		"none sent":      {},
		"all sent":       {Uploaded: all},
		"all written":    {Uploaded: all, Direct: all},
		"tree submitted": {Uploaded: all, Submitted: 1},
		"submitted":      {Uploaded: unknown, Submitted: shots},
		"all submitted":  {Submitted: shots},
		"all skipped":    {Skipped: shots},
	}[what]
	if !known {
		return wanted, fmt.Errorf("no such thing is wanted: %q", what)
	}
	return wanted, nil
}

const unknown = -1

// arguments are a command line of flsync with what all have in common.
func (s *Site) arguments(args []string) []string {
	return s.fill(append([]string{args[0], "--json", "--quiet", "--cache", "{cache}", "--manager", "{manager}"}, args[1:]...)...)
}

func (c Contender) runFlsync(ctx context.Context, s *Site) (Sample, error) {
	var out bytes.Buffer
	line := s.arguments(c.Flsync)
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
	wanted, err := s.wanted(c.Want)
	got := did{end.Store.Uploaded, end.Store.Direct, int64(end.Jobs.Submitted), int64(end.Jobs.Skipped)}
	if wanted.Uploaded == unknown {
		wanted.Uploaded = got.Uploaded
	}
	if err == nil && got != wanted {
		err = fmt.Errorf("flsync %s did %+v instead of %+v", strings.Join(line, " "), got, wanted)
	}
	return sample, err
}

func (c Contender) runTool(ctx context.Context, s *Site) (sample Sample, err error) {
	var out bytes.Buffer
	run := command{path: "sh", args: append([]string{"-c"}, s.fill(c.Tool)...)}
	if strings.Contains(c.Tool, "{flsync}") {
		run.env = cleanenv.Environ(s.Dir)
	}
	if c.Timed {
		run.stdout = &out
	}
	if sample, err = s.measure(ctx, run); err == nil && c.Timed {
		words := strings.Fields(out.String())
		sample.Wall, err = strconv.ParseFloat(words[len(words)-1], 64)
	}
	return sample, err
}

func (c Contender) runBase(ctx context.Context, s *Site) (Sample, error) {
	w := *c.Base
	w.URL, w.Root, w.List, w.Name = s.URL, s.Tree, s.list(), fmt.Sprintf("bench/baseline-%d", s.Seed())
	data, err := json.Marshal(w)
	if err != nil {
		return Sample{}, err
	}
	var out bytes.Buffer
	sample, err := s.measure(ctx, command{path: s.Self, args: []string{"baseline", string(data)}, env: append(os.Environ(), c.Env), stdout: &out})
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

// runBeside runs a contender while another flsync of the same user uploads.
func (c Contender) runBeside(ctx context.Context, s *Site) (Sample, error) {
	const head = 2 * time.Second // until it uploads
	background := exec.CommandContext(ctx, s.Flsync, s.arguments(c.Beside)...)
	background.Env = cleanenv.Environ(s.Dir)
	if err := background.Start(); err != nil {
		return Sample{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- background.Wait() }()
	defer background.Process.Kill()
	early := errors.New("the upload in the background ended first")
	select {
	case err := <-ended:
		return Sample{}, errors.Join(early, err)
	case <-time.After(head):
	}
	c.Beside = nil
	sample, err := c.run(ctx, s)
	if len(ended) > 0 {
		err = errors.Join(err, early)
	}
	return sample, err
}

var (
	//go:embed addon.py
	addonScript []byte
	//go:embed linked.py
	linkedScript []byte
)

// take takes steps of preparation in order. Some have a number behind their name.
func (s *Site) take(ctx context.Context, steps []string) error {
	for _, step := range steps {
		name, number, _ := strings.Cut(step, " ")
		n, _ := strconv.Atoi(number)
		if err := s.step(ctx, name, n); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	return nil
}

func (s *Site) step(ctx context.Context, name string, n int) error {
	once := func(c Contender) error { _, err := c.run(ctx, s); return err }
	switch name {
	case "forget": // the next run is a first run
		return os.RemoveAll(s.cache())
	case "manager":
		return s.newManager(ctx)
	case "fresh": // contents that no Manager and no cache has seen
		return errors.Join(s.take(ctx, []string{"forget", "manager"}), s.Scenario.Tree.spec().Freshen(ctx, s.Tree, s.Seed()))
	case "renamed": // jobs of new names, under which they are submitted again
		return s.batch().WriteManifest(s.Tree, s.Seed())
	case "out":
		return s.newPlace(&s.out, "out")
	case "listed": // for baselines
		specs, err := s.Scenario.Tree.spec().Manifest(ctx, s.Tree)
		return errors.Join(err, writeJSON(s.list(), specs))
	case "aged":
		// Longer than any file system's clock takes for a tick. The next run reads a file that is as new as its
		// time stamp's tick again, as it should, but trees outside of a benchmark are seldom that new.
		time.Sleep(100 * time.Millisecond)
		return ctx.Err()
	case "primed": // the Manager has the tree, and the cache knows it
		return once(Contender{Flsync: []string{"sync", "--checkout", "bench/primed", "{tree}"}, Want: "all sent"})
	case "hashed": // the cache knows the tree
		return once(Contender{Tool: "{flsync} hash --quiet --cache {cache} {tree}"})
	case "copied":
		return once(Contender{Tool: "cp -a {tree}/. {out}/"})
	case "touched": // new times
		return workload.Touch(ctx, s.Tree, time.Unix(1_500_000_000+int64(s.Seed()%100_000_000), 0))
	case "submitted": // everything of the shots is stored and known, and listed
		err := errors.Join(s.take(ctx, []string{"aged"}), once(Contender{Flsync: []string{"submit", "{tree}/night.yaml"}, Want: "submitted"}))
		shots, errSpecs := s.batch().Specs(ctx, s.Tree)
		return errors.Join(err, errSpecs, writeJSON(s.list(), shots))
	case "jobs": // at the Manager
		return once(Contender{Base: &baseline.Work{Kind: "jobs", Connections: n}})
	case "bulk": // new files of 250 KB, n for each of the tree
		return workload.Caches(n*s.files, 250e3).Create(ctx, s.Path("bulk"), s.Seed())
	case "linked": // n shots that link 50 libraries
		return s.linked(ctx, n)
	}
	return errors.New("no such step")
}

// linked has Blender make 50 libraries with 20 textures each and a shot that links them all, of which it
// makes n.
func (s *Site) linked(ctx context.Context, n int) error {
	if s.missing("blender") != "" {
		return nil
	}
	out := s.Path("linked")
	if err := os.Mkdir(out, 0o777); err != nil {
		return err
	}
	said, err := exec.CommandContext(ctx, "blender", "--background", "--factory-startup", "--python-exit-code", "1", "--python", s.Path("linked.py"), "--", out).CombinedOutput()
	if err != nil {
		return fmt.Errorf("blender: %w\n%s", err, tail(said))
	}
	shot, err := os.ReadFile(out + "/shot.blend")
	for i := range n { // Blender, and what reads its files, reads no further than its end mark
		err = errors.Join(err, os.WriteFile(fmt.Sprintf("%s/shot%04d.blend", out, i), strconv.AppendInt(shot[:len(shot):len(shot)], int64(i), 10), 0o666))
	}
	return err
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o666)
}
