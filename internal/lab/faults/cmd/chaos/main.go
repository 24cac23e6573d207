// Command chaos runs the fault matrix and the kills at length, and writes what came of them to
// docs/reliability.md. See package faults.
//
//	go run ./internal/lab/faults/cmd/chaos              # 1,000 seeds and 200 kills; from the root of the project
//	go run ./internal/lab/faults/cmd/chaos -seed 7 -v   # one seed again
//
// It exits with 1 when a promise was broken, and prints the seed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/internal/lab/faults"
)

type options struct {
	seed, first, seeds uint64
	kills              int
	workers            int
	dir, project, doc  string
	verbose, worker    bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var o options
	flag.Uint64Var(&o.seed, "seed", 0, "run this `seed` only")
	flag.Uint64Var(&o.first, "first", 1, "begin with this `seed`")
	flag.Uint64Var(&o.seeds, "seeds", 1000, "run `N` seeds")
	flag.IntVar(&o.kills, "kills", 200, "kill the program `N` times")
	flag.IntVar(&o.workers, "workers", 4*runtime.NumCPU(), "run `N` seeds at once; they mostly wait")
	flag.StringVar(&o.dir, "dir", "", "work in this `folder`; one in memory is faster")
	flag.StringVar(&o.project, "project", "testdata/project", "sample `project`")
	flag.StringVar(&o.doc, "doc", "docs/reliability.md", "write figures to this `file`; empty: nowhere")
	flag.BoolVar(&o.verbose, "v", false, "print each seed, and the faults of one that fails")
	flag.BoolVar(&o.worker, "worker", false, "run the seeds on standard input; for the command's own use")
	flag.Parse()
	if o.seed != 0 {
		o.first, o.seeds, o.kills, o.doc, o.workers = o.seed, 1, 0, "", 1
	}
	err := o.run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context) error {
	if o.worker {
		return o.work(ctx, os.Stdin, os.Stdout)
	}
	figures := faults.NewFigures(time.Now())
	killed := make(chan error, 1)
	go func() { killed <- o.kill(ctx, figures) }()
	err := errors.Join(o.matrix(ctx, figures), <-killed)
	fmt.Print(figures.Text())
	if o.doc != "" {
		err = errors.Join(err, figures.WriteInto(o.doc))
	}
	return err
}

// work runs seeds one after the other: alone in its process each, so that what one leaves open shows.
func (o options) work(ctx context.Context, seeds io.Reader, results io.Writer) error {
	out := json.NewEncoder(results)
	lines := bufio.NewScanner(seeds)
	for lines.Scan() {
		seed, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			return err
		}
		if err := out.Encode(o.one(ctx, seed)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (o options) one(ctx context.Context, seed uint64) faults.Result {
	dir, err := os.MkdirTemp(o.dir, "chaos")
	if err != nil {
		return faults.Result{Seed: seed, Broken: []string{err.Error()}}
	}
	defer os.RemoveAll(dir)
	before := faults.Now()
	result := faults.Run(ctx, faults.Config{Seed: seed, Dir: dir, Project: o.project})
	if err := faults.Left(before); err != nil {
		result.Broken = append(result.Broken, err.Error())
	}
	return result
}

// matrix spreads the seeds over workers.
func (o options) matrix(ctx context.Context, figures *faults.Figures) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	seeds := make(chan uint64)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(seeds)
		for seed := o.first; seed < o.first+o.seeds; seed++ {
			select {
			case seeds <- seed:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range min(o.workers, int(o.seeds)) {
		group.Go(func() error { return o.feed(ctx, self, seeds, figures) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if broken := figures.Broken(); len(broken) > 0 {
		return fmt.Errorf("broken promises, by seed: %v", broken)
	}
	return nil
}

// feed gives seeds to one worker.
func (o options) feed(ctx context.Context, self string, seeds <-chan uint64, figures *faults.Figures) (err error) {
	cmd := exec.CommandContext(ctx, self, "-worker", "-dir", o.dir, "-project", o.project)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { in.Close(); err = errors.Join(err, cmd.Wait()) }()
	results := json.NewDecoder(out)
	for seed := range seeds {
		if _, err := fmt.Fprintln(in, seed); err != nil {
			return err
		}
		var r faults.Result
		if err := results.Decode(&r); err != nil {
			return fmt.Errorf("seed %d: the worker ended: %w", seed, err)
		}
		figures.Add(r)
		o.tell(r)
	}
	return nil
}

func (o options) tell(r faults.Result) {
	if o.verbose {
		fmt.Printf("seed %d: %v, %d requests, faults %v, %d runs\n", r.Seed, r.Took.Round(time.Millisecond), r.Requests, r.Faults, r.Runs)
	}
	if o.verbose && len(r.Said) > 0 {
		fmt.Printf("  ended early: %s\n", strings.Join(r.Said, "\n  "))
	}
	if len(r.Broken) == 0 {
		return
	}
	fmt.Printf("seed %d broke: %s\n%s\nrepeat it with -seed %d -v\n", r.Seed, strings.Join(r.Broken, "\n  "), r.Plan, r.Seed)
	if o.verbose {
		fmt.Println("  " + strings.Join(r.Events, "\n  "))
	}
}
