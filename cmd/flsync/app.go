package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/internal/config"
	"github.com/flsync/flsync/internal/report"
)

// app is what all commands share: the world outside, and the flags that every command has.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	interactive    bool // standard input is a terminal: somebody can be asked
	terminal       bool // standard error is one: bars may be drawn
	getenv         func(string) string
	userConfigDir  func() (string, error)
	userCacheDir   func() (string, error)
	completionTime time.Duration // how long a shell waits for names
	greetingTime   time.Duration // how long a run that begins waits for a Manager to answer
	version        string

	out   *output           // what main makes of stdout
	lines *report.JSONLines // to stdout; nil until there is an event

	flags      config.Flags
	configFile string
	json       bool
	quiet      bool
	verbose    bool
}

// main runs one command line and returns the exit code.
func (a *app) main(ctx context.Context, args []string) int {
	a.out = &output{to: a.stdout}
	a.stdout, a.stdin = a.out, interruptible{ctx, a.stdin}
	root := a.rootCommand(args)
	root.SetArgs(args)
	root.InitDefaultCompletionCmd()
	if len(args) > 0 && strings.HasPrefix(args[0], "__complete") { // by a shell; for others it would take its time
		a.completeNames(root)
	}
	began := false
	prepare(root, &began)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !began { // Cobra's own errors: of flags and arguments
		err = a.refused(ctx, cmd, args, usageError(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())))
	}
	code := exitCode(ctx, err)
	if lost := a.lost(); lost != nil && (code == exitOK || code == exitPartial || code == exitFailed) && !errors.Is(err, errOutput) {
		err, code = lost, exitFailed
	}
	if a.tell(err) && a.json {
		a.sink().Emit(report.Summary{ExitCode: code, Checkouts: []report.Checkout{}})
	}
	return code
}

// prepare wraps RunE of cmd and its subcommands: it records that a body has started, and makes command groups
// reject unknown subcommands.
func prepare(cmd *cobra.Command, began *bool) {
	for _, c := range cmd.Commands() {
		prepare(c, began)
	}
	run := cmd.RunE
	if run == nil {
		cmd.Args = cobra.ArbitraryArgs
		run = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				hint := ""
				cmd.SuggestionsMinimumDistance = 2 // letters that differ
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					slices.Sort(near)
					hint = " (did you mean " + strings.Join(near, " or ") + "?)"
				}
				return usagef("unknown command %q for %q%s; see %s --help", args[0], cmd.CommandPath(), hint, cmd.CommandPath())
			}
			return cmd.Help()
		}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		*began = true
		return run(cmd, args)
	}
}

// tell prints an error, if there is one that was not printed yet.
func (a *app) tell(err error) bool {
	if err == nil || errors.As(err, new(*reportedError)) {
		return false
	}
	a.sink().Emit(report.Error{Code: codeName(err), Message: err.Error()})
	return true
}

// rootCommand makes the program's commands. If args begin with the name of one, only that is made: all of
// them cost more than a tenth of the start of the program.
func (a *app) rootCommand(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "flsync",
		Short: "Send a night's work to a Flamenco render farm",
		Long: `flsync finds every file that a set of Blender files needs, sends the farm only
what it lacks, and submits the jobs. It is safe to run again.

Exit codes: 0 all done, 1 failed, 2 wrong usage or configuration, 3 done in part,
4 the Manager could not be reached, 130 interrupted.`,
		Example: `  flsync submit --manager http://farm:8080 shots/*.blend
  flsync submit night.yaml --dry-run
  flsync jobs list --status active`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	f := root.PersistentFlags()
	f.StringVar(&a.flags.Manager, "manager", "", "the Manager's root `URL`, a name from the config file, or \"embedded\" (env "+config.EnvManager+")")
	f.StringArrayVar(&a.flags.Headers, "header", nil, "'Name: value' sent with every request, may be repeated (env "+config.EnvHeader+")")
	f.StringVar(&a.flags.HeaderFile, "header-file", "", "`FILE` with such headers, one a line: keeps them out of the process list")
	f.StringVar(&a.configFile, "config", "", "YAML configuration `FILE` (env "+config.EnvConfig+")")
	f.StringVar(&a.flags.Cache, "cache", "", "the hash cache's `FILE` (env "+config.EnvCache+")")
	f.BoolVar(&a.json, "json", false, "standard output carries JSON Lines only")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "only failures on standard error")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "more on standard error")
	root.MarkFlagsMutuallyExclusive("quiet", "verbose")

	commands := map[string]func() *cobra.Command{
		"sync": a.syncCommand, "submit": a.submitCommand, "check": a.checkCommand, "conform": a.conformCommand,
		"runs": a.runsCommand, "report": a.reportCommand, "frames": a.framesCommand, "deps": a.depsCommand,
		"inspect": a.inspectCommand, "hash": a.hashCommand, "cache": a.cacheCommand, "jobs": a.jobsCommand,
		"tasks": a.tasksCommand, "workers": a.workersCommand, "tags": a.tagsCommand, "farm": a.farmCommand,
		"storage": a.storageCommand, "serve": a.serveCommand, "version": a.versionCommand,
	}
	if len(args) > 0 && commands[args[0]] != nil {
		root.CompletionOptions.DisableDefaultCmd = true
		root.AddCommand(commands[args[0]]())
		return root
	}
	for _, command := range commands {
		root.AddCommand(command())
	}
	return root
}

// sink is where a command's events go.
func (a *app) sink() report.Sink {
	text := report.NewText(a.stdout, a.stderr, a.verbosity())
	if a.json {
		if a.lines == nil {
			a.lines = report.NewJSONLines(a.stdout)
		}
		return report.Tee(a.lines, report.Remarks(text))
	}
	return text
}

func (a *app) verbosity() report.Verbosity {
	switch {
	case a.quiet:
		return report.Quiet
	case a.verbose:
		return report.Verbose
	}
	return report.Normal
}

// loadPaths loads the configuration and returns it with the places of flsync's own files.
func (a *app) loadPaths() (*config.Config, config.Paths, error) {
	c, err := a.loadConfig()
	if err != nil {
		return nil, config.Paths{}, err
	}
	paths, err := c.Paths(a.userCacheDir)
	return c, paths, err
}

// loadConfig reads the configuration with the command line's flags over it.
func (a *app) loadConfig() (*config.Config, error) {
	c, err := config.Load(config.Source{File: a.configFile, Getenv: a.getenv, UserConfigDir: a.userConfigDir})
	if err != nil {
		return nil, err
	}
	return c, c.Override(a.flags)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print flsync's version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.sink().Emit(versionEvent{a.version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			return nil
		},
	}
}

type versionEvent struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (versionEvent) Type() string        { return "version" }
func (versionEvent) Level() report.Level { return report.Result }
func (v versionEvent) Text() string {
	return fmt.Sprintf("flsync %s (%s, %s)", v.Version, v.Go, v.Platform)
}
