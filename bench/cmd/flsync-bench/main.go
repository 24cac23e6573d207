// Command flsync-bench measures flsync side by side with an upper bound and with other tools, and writes the
// report of it. See flsync-bench help.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/bench"
	"github.com/flsync/flsync/bench/baseline"
	"github.com/flsync/flsync/internal/lab/netsim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "flsync-bench:", err)
		os.Exit(1)
	}
}

// resultsFile is where run writes and report reads, below the module's folder.
const resultsFile = "bench/results.json"

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "flsync-bench",
		Short: "Measure flsync side by side with what it could be at best",
		Example: `  flsync-bench run --flsync bin/flsync
  flsync-bench run --only 'first-|warm-' --manager-program ./flamenco-manager
  flsync-bench smoke --flsync bin/flsync
  flsync-bench compare before.json bench/results.json`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		runCommand("run", "Measure; without a Manager's URL or program, against the embedded one", resultsFile, bench.Full, 35*time.Minute),
		runCommand("smoke", "Run everything once and small, to see that it works; its figures mean nothing", "", bench.Smoke, 20*time.Minute),
		listCommand(), reportCommand(), compareCommand(), lineCommand(), measureCommand(), baselineCommand(),
	)
	return root
}

// options are the flags of run and smoke.
type options struct {
	lab       bench.Lab
	only, out string
	timeLimit time.Duration
}

// runCommand returns run for the full scale, and smoke for the small one.
func runCommand(use, short, out string, size string, timeLimit time.Duration) *cobra.Command {
	var o options
	o.lab.Quick = use == "smoke"
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs}
	f := cmd.Flags()
	f.StringVar(&o.lab.Flsync, "flsync", "", "the `PROGRAM` to measure; without it, it is built from this module")
	f.StringVar(&o.lab.Dir, "dir", "", "`FOLDER` for trees and stores (default: /dev/shm where it exists, which takes 8 GB of memory; a disk takes 40 GB)")
	f.StringVar(&o.lab.Manager.URL, "manager", os.Getenv("FLSYNC_TEST_MANAGER"), "`URL` of a Manager that runs already (env FLSYNC_TEST_MANAGER); what is sent stays there")
	f.StringVar(&o.lab.Manager.Program, "manager-program", "", "flamenco-manager `PROGRAM` to start for each scenario")
	f.StringVar(&o.lab.Addon, "addon", os.Getenv("FLSYNC_BENCH_ADDON"), "`FOLDER` that holds flamenco, the source of Flamenco's add-on (env FLSYNC_BENCH_ADDON); it is measured in the blender of the PATH, whose Python needs requests, urllib3 and dateutil")
	f.StringVar(&o.only, "only", "", "`REGEXP` of the scenarios to run; list shows their names")
	f.StringVar(&o.out, "out", out, "`FILE` for the results, written after each scenario with RESULTS.md and charts beside it")
	f.IntVar(&o.lab.Reps, "reps", 3, "`SAMPLES` of each contender, where the time allows")
	f.DurationVar(&o.timeLimit, "time-limit", timeLimit, "`TIME` for the whole: each scenario gets one sample, the first ones as many more as fit in")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		scenarios, err := bench.Scenarios(size)
		if err != nil {
			return err
		}
		if o.lab.Quick {
			o.lab.Reps = 1
		}
		return o.run(cmd.Context(), cmd.ErrOrStderr(), scenarios)
	}
	return cmd
}

// errMemory: a budget is broken.
var errMemory = errors.New("flsync needed more memory than it may")

// errNotMeasured: the results are saved, but without those of a scenario.
var errNotMeasured = errors.New("not measured")

func (o *options) run(ctx context.Context, log io.Writer, scenarios []bench.Scenario) error {
	const grace = 2 * time.Minute // for scenarios that take longer than they should
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeLimit+grace, fmt.Errorf("the time limit of %v is over", o.timeLimit))
	defer cancel()
	lab := o.lab
	if !lab.Quick {
		lab.Until = time.Now().Add(o.timeLimit)
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o777); err != nil { // before anything is measured
		return err
	}
	lab.Log = func(format string, args ...any) { fmt.Fprintf(log, format+"\n", args...) }
	lab.Save = func(r *bench.Results) error {
		if o.out == "" {
			return nil
		}
		return errors.Join(r.Save(o.out), r.Report(filepath.Join(filepath.Dir(o.out), "RESULTS.md")))
	}
	const shm = "/dev/shm"
	if _, err := os.Stat(shm); err == nil && lab.Dir == "" {
		lab.Dir = shm
	}
	lab.InMemory = strings.HasPrefix(lab.Dir, shm)
	var err error
	if lab.Dir, err = os.MkdirTemp(lab.Dir, "flsync-bench-"); err != nil { // everything of this run is made below it
		return err
	}
	defer func() { lab.Log("removing %s", lab.Dir); os.RemoveAll(lab.Dir) }()
	if lab.Disk, err = os.MkdirTemp("", "flsync-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(lab.Disk)
	if lab.Self, err = os.Executable(); err != nil {
		return err
	}
	if lab.Only, err = regexp.Compile(o.only); err != nil {
		return err
	}
	if lab.Flsync == "" {
		if lab.Flsync, lab.Revision, err = build(ctx, lab.Dir); err != nil {
			return err
		}
	}
	for _, program := range []*string{&lab.Flsync, &lab.Manager.Program} { // they are started in other folders
		if *program != "" {
			if *program, err = filepath.Abs(*program); err != nil {
				return err
			}
		}
	}
	results, err := lab.Run(ctx, scenarios)
	if err != nil {
		return err
	}
	for _, s := range results.Scenarios {
		if s.Error != "" {
			err = errors.Join(err, fmt.Errorf("%s: %w: %s", s.Name, errNotMeasured, s.Error))
		}
		for _, g := range s.Goals {
			lab.Log("%s", g)
			if g.Unit == "MB" && g.Measured && !g.Met {
				err = errors.Join(err, errMemory)
			}
		}
	}
	return err
}

// build builds flsync as it is released, and returns its revision, too, where git tells it.
func build(ctx context.Context, dir string) (out, revision string, err error) {
	out = filepath.Join(dir, "flsync.exe") // only Windows minds the ending
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=bench", "-o", out, "github.com/flsync/flsync/cmd/flsync")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("building flsync: %w\n%s", err, said)
	}
	said, _ := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty=, with changes", "--exclude=*", "--abbrev=12").Output()
	return out, strings.TrimSpace(string(said)), nil
}

func listCommand() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Name the scenarios and what one sample of each costs, with its setup", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		scenarios, err := bench.Scenarios(bench.Full)
		var all time.Duration
		for _, s := range scenarios {
			fmt.Fprintf(cmd.OutOrStdout(), "%-24s %4.0f s  %s\n", s.Name, s.Cost.Seconds(), s.Title)
			all += s.Cost
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%-24s %4.0f s\n", "all", all.Seconds())
		return err
	}}
}

func reportCommand() *cobra.Command {
	var in, out string
	cmd := &cobra.Command{Use: "report", Short: "Write the results as tables and charts", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&in, "in", resultsFile, "`FILE` that run wrote")
	cmd.Flags().StringVar(&out, "out", filepath.Join("bench", "RESULTS.md"), "`FILE` to write; charts go to charts/ beside it")
	cmd.RunE = func(*cobra.Command, []string) error {
		results, err := bench.Load(in)
		if err != nil {
			return err
		}
		return results.Report(out)
	}
	return cmd
}

func compareCommand() *cobra.Command {
	return &cobra.Command{
		Use: "compare BEFORE.json AFTER.json", Short: "Show what became slower by more than noise", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := bench.Load(args[0])
			if err != nil {
				return err
			}
			after, err := bench.Load(args[1])
			if err != nil {
				return err
			}
			if n := bench.Compare(cmd.OutOrStdout(), before, after); n > 0 {
				return fmt.Errorf("%d became slower", n)
			}
			return nil
		},
	}
}

// lineCommand is the simulated line on its own, for the lab and for trying things by hand.
func lineCommand() *cobra.Command {
	var target string
	var link netsim.Link
	cmd := &cobra.Command{Use: "line", Short: "Put a simulated line before a server and print where it begins", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&target, "target", "", "`HOST:PORT` at the far end")
	cmd.Flags().DurationVar(&link.RTT, "rtt", 40*time.Millisecond, "round trip `TIME`")
	cmd.Flags().Float64Var(&link.BitsPerSecond, "rate", 0, "`BITS` per second in each direction; 0: no limit")
	cmd.Flags().Float64Var(&link.BitsPerConnection, "connection-rate", 0, "`BITS` per second in each direction of each connection; 0: no limit")
	cmd.Flags().Float64Var(&link.Loss, "loss", 0, "`SHARE` of packets that are lost, such as 0.01")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		line, err := netsim.Listen(cmd.Context(), target, link)
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), line.Addr())
		<-cmd.Context().Done()
		return line.Close()
	}
	return cmd
}

// measureCommand runs one program and writes down what it took. The lab runs everything by way of it.
func measureCommand() *cobra.Command {
	return &cobra.Command{Use: "measure RESULT -- PROGRAM ARGS…", Short: "Run a program and write down what it took", Args: cobra.MinimumNArgs(2), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return bench.Measure(cmd.Context(), args[0], args[1], args[2:]...)
		}}
}

// baselineCommand is what the lab runs beside flsync, each in its own process.
func baselineCommand() *cobra.Command {
	return &cobra.Command{Use: "baseline WORK", Short: "Run one of the baselines once", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			var work baseline.Work
			if err := json.Unmarshal([]byte(args[0]), &work); err != nil {
				return err
			}
			outcome, err := work.Run(cmd.Context())
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(outcome)
		}}
}
