package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/bench"
)

// options are what run and smoke have in common.
type options struct {
	flsync    string
	dir       string
	manager   bench.ManagerSource
	reps      int
	budget    float64
	only      string
	timeLimit time.Duration
	out       string
	quick     bool
}

func (o *options) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.flsync, "flsync", "", "the `PROGRAM` to measure; without it, it is built from this module")
	f.StringVar(&o.dir, "dir", os.TempDir(), "`FOLDER` for trees and stores; about 15 GB for all scenarios")
	f.StringVar(&o.manager.URL, "manager", os.Getenv("FLSYNC_TEST_MANAGER"), "`URL` of a Manager that runs already (env FLSYNC_TEST_MANAGER); what is sent stays there")
	f.StringVar(&o.manager.Command, "manager-command", "", "`PROGRAM` that starts a Manager in the folder it is given, and prints \"url=… pid=…\"")
	f.Float64Var(&o.budget, "memory-budget", 300, "`MEGABYTES` that flsync may use in any scenario")
	f.StringVar(&o.only, "only", "", "`REGEXP` of the scenarios to run; list shows their names")
	f.StringVar(&o.out, "out", "", "`FILE` for the results")
}

func runCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{Use: "run", Short: "Measure; without a Manager's URL or command, against the embedded one", Args: cobra.NoArgs}
	o.flags(cmd)
	cmd.Flags().IntVar(&o.reps, "reps", 3, "`SAMPLES` of each contender")
	cmd.Flags().DurationVar(&o.timeLimit, "time-limit", time.Hour, "end after this `TIME` with the results so far")
	_ = cmd.Flags().Set("out", filepath.Join("bench", "results.json"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return o.run(cmd.Context(), cmd.ErrOrStderr(), bench.Scenarios(bench.Full()))
	}
	return cmd
}

func smokeCommand() *cobra.Command {
	o := options{reps: 1, quick: true}
	cmd := &cobra.Command{Use: "smoke", Short: "Run everything once and small, to see that it works; goals are not judged", Args: cobra.NoArgs}
	o.flags(cmd)
	cmd.Flags().DurationVar(&o.timeLimit, "time-limit", 2*time.Minute, "fail after this `TIME`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		scenarios := bench.Scenarios(bench.Smoke())
		for i := range scenarios {
			scenarios[i].Goals = nil
		}
		return o.run(cmd.Context(), cmd.ErrOrStderr(), scenarios)
	}
	return cmd
}

// errIncomplete: the results are saved, but not all of what was asked for.
var errIncomplete = errors.New("not every scenario was measured")

func (o *options) run(ctx context.Context, log io.Writer, scenarios []bench.Scenario) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeLimit, fmt.Errorf("the time limit of %v is over", o.timeLimit))
	defer cancel()
	// Below it everything of this run is made, so that nothing outlives it.
	dir, err := os.MkdirTemp(o.dir, "flsync-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	lab := &bench.Lab{Flsync: o.flsync, Dir: dir, Manager: o.manager, Reps: o.reps, Budget: o.budget, Quick: o.quick}
	lab.Log = func(format string, args ...any) { fmt.Fprintf(log, format+"\n", args...) }
	if lab.Self, err = os.Executable(); err != nil {
		return err
	}
	if lab.Only, err = regexp.Compile(o.only); err != nil {
		return err
	}
	if lab.Flsync == "" {
		if lab.Flsync, err = build(ctx, dir); err != nil {
			return err
		}
	}
	if lab.Flsync, err = filepath.Abs(lab.Flsync); err != nil {
		return err
	}

	results, err := lab.Run(ctx, scenarios)
	if results != nil && o.out != "" {
		err = errors.Join(err, results.Save(o.out))
	}
	if err != nil {
		return err
	}
	for _, s := range results.Scenarios {
		if s.Error != "" {
			err = errIncomplete
		}
		for _, g := range s.Goals {
			lab.Log("%s", g)
		}
	}
	return err
}

// build builds flsync as it is released.
func build(ctx context.Context, dir string) (string, error) {
	out := filepath.Join(dir, "flsync")
	if runtime.GOOS == "windows" {
		out += ".exe"
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "github.com/flsync/flsync/cmd/flsync")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building flsync: %w\n%s", err, said)
	}
	return out, nil
}

func listCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Name the scenarios", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		for _, s := range bench.Scenarios(bench.Full()) {
			fmt.Fprintf(cmd.OutOrStdout(), "%-24s %s\n", s.Name, s.Title)
		}
		return nil
	}}
}
