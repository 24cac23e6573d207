package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/internal/config"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/journal"
)

// A session is one run of a command that works on files or jobs. It opens with a Start event and closes with
// a Summary, whatever happens between, and a log of it stays for `flsync report`.
type session struct {
	*app
	id      string
	command string
	began   time.Time
	config  *config.Config
	manager *link // nil until the run has one
	paths   config.Paths
	sink    report.Sink

	summary report.Summary // what the body counted; the session fills in the rest
	keeps   bool           // a log of it stays, also when it fails before it has a Manager
	started bool
	listing bool                         // the results are lines for other programs: people get no summary behind them
	log     *report.Log                  // nil until started
	closers []func() error               // of all but the log
	jobs    report.Collected[report.Job] // of the run's events
	notify  string                       // command that gets the summary
	gc      gcPace
	stop    context.CancelCauseFunc // ends the body
}

// inSession makes cmd a command whose run is a session. A body that sends something calls environment, one
// whose results are lines calls list.
func (a *app) inSession(cmd *cobra.Command, run func(ctx context.Context, s *session, args []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		s := a.newSession(cmd.Name())
		s.keeps = keepsLog(cmd)
		var bars *report.Bars
		if a.terminal && !a.json && !a.quiet {
			bars = report.NewBars(a.stderr, s.sink)
			s.sink = bars
		}
		err := s.open()
		if err == nil {
			body, stop := context.WithCancelCause(ctx)
			s.stop = stop
			err = run(body, s, args)
			if cause := context.Cause(body); errors.Is(cause, errOutput) {
				err = cause
			}
			stop(nil)
		}
		if bars != nil {
			bars.Close()
		}
		return s.close(ctx, err)
	}
	return cmd
}

func (a *app) newSession(command string) *session {
	now := time.Now()
	s := &session{app: a, id: newRunID(now), command: command, began: now, sink: a.sink()}
	if s.gc.percent.Store(100); s.getenv("GOGC") == "" {
		s.gc.begin()
	}
	s.summary.Checkouts = []report.Checkout{}
	return s
}

// keepsLog reports whether `flsync report` finds runs of a command: those of commands that send something.
func keepsLog(cmd *cobra.Command) bool {
	dryRun := cmd.Flags().Lookup("dry-run")
	return (cmd.Name() == "submit" || cmd.Name() == "sync") && dryRun != nil && dryRun.Value.String() == "false"
}

// refused makes a run of a command line that Cobra refused, so that a night whose cron line is wrong does not
// show the report of the night before. What the line says about where runs are kept counts, wherever in it
// the mistake is.
func (a *app) refused(ctx context.Context, cmd *cobra.Command, args []string, err error) error {
	lenient := &cobra.Command{FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}}
	lenient.Flags().AddFlagSet(cmd.Root().PersistentFlags())
	for _, name := range []string{"dry-run", "notify"} {
		if f := cmd.Flags().Lookup(name); f != nil {
			lenient.Flags().AddFlag(f)
		}
	}
	_ = lenient.ParseFlags(args) // as far as it can be understood
	if !keepsLog(cmd) {
		return err
	}
	mute := *a
	if !a.json { // the message on standard error is enough for people
		mute.stdout = io.Discard
	}
	s := mute.newSession(cmd.Name())
	s.keeps = true
	if s.open() == nil {
		if f := cmd.Flags().Lookup("notify"); f != nil {
			s.notify = cmp.Or(f.Value.String(), s.config.Notify)
		}
	}
	return s.close(ctx, err)
}

func (s *session) open() (err error) {
	s.config, s.paths, err = s.loadPaths()
	return err
}

// start emits the first event of the run and keeps a log from here on, unless a dry run is to write nothing.
func (s *session) start(manager string, dryRun bool) {
	if !dryRun {
		log, err := report.CreateLog(s.paths.Runs, s.id)
		if err != nil {
			s.sink.Emit(report.Warning{Code: "run-log", Message: err.Error()})
		} else {
			s.log, s.sink = log, report.Tee(s.sink, log)
		}
	}
	s.started, s.summary.DryRun = true, dryRun
	s.sink = report.Tee(s.sink, &s.jobs)
	s.sink.Emit(s.startEvent(manager))
}

func (s *session) startEvent(manager string) report.Start {
	return report.Start{Run: s.id, Command: s.command, Version: s.version, Manager: manager, Time: s.began}
}

// list begins a run whose results are a list, and which leaves no log.
func (s *session) list() {
	s.listing = true
	s.out.onFail = s.stop // nobody gets what would still be found
	s.sink.Emit(s.startEvent(""))
}

// close closes what the run opened, and emits how it ended. The summary is the last event: what warns at the
// end, such as a cache that could not be written, comes before it.
func (s *session) close(ctx context.Context, err error) error {
	if err != nil && s.keeps && !s.started && s.paths.Runs != "" {
		s.start("", false)
	}
	if err != nil && !errors.As(err, new(*reportedError)) {
		for _, e := range report.Split(err) {
			s.sink.Emit(report.Error{Code: codeName(e), Message: e.Error()})
		}
	}
	for _, closer := range slices.Backward(s.closers) {
		if cerr := closer(); cerr != nil {
			s.sink.Emit(report.Warning{Code: "close", Message: cerr.Error()})
		}
	}
	if lost := s.lost(); lost != nil && !errors.Is(err, errOutput) {
		s.sink.Emit(report.Error{Code: codeName(lost), Message: lost.Error()})
		err = errors.Join(err, lost)
	}
	if err != nil {
		err = &reportedError{err}
	}
	s.summary.OK = err == nil
	s.summary.ExitCode = exitCode(ctx, err)
	s.summary.Run = s.id
	s.summary.Duration = time.Since(s.began).Seconds()
	if nerr := s.tellNotify(ctx); nerr != nil {
		s.sink.Emit(report.Warning{Code: "notify", Message: nerr.Error()})
	}
	if s.json || !s.listing {
		s.sink.Emit(s.summary)
	}
	if s.log != nil {
		if cerr := s.log.Close(); cerr != nil {
			report.NewText(s.stdout, s.stderr, s.verbosity()).Emit(report.Warning{Code: "run-log", Message: cerr.Error()})
		}
	}
	return err
}

// newRunID names a run so that names sort by time, also those of one second.
func newRunID(now time.Time) string {
	var random [2]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	fraction := now.Nanosecond() / int(time.Second/4096)
	return fmt.Sprintf("%s-%03x%x", now.UTC().Format(journal.NameTime), min(fraction, 0xfff), random)
}

// prepareHeap has garbage collected half as often, where blend files of shots are read: a batch of 200 takes a
// tenth less of the processor and 20 MB more memory, one large file a tenth less time. GOGC overrules it. It
// also asks for large pages, see [largePages].
func (s *session) prepareHeap(shots int) {
	if s.getenv("GOGC") == "" {
		s.gc.percent.Store(200)
		debug.SetGCPercent(200)
	}
	largePages(shots)
}

// gcPace lowers the memory of runs that keep much: the more of heapRoom is in use after a collection, the less
// garbage comes on top of it before the next one.
type gcPace struct{ percent atomic.Int64 } // GOGC while little is in use

const (
	heapRoom     = 88 << 20 // bytes
	leastPercent = 25       // below it the collector takes more of the processor than it is worth
)

// begin sets the pace after each collection from now on.
func (p *gcPace) begin() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var afterNext func(*gcPace)
	afterNext = func(p *gcPace) {
		metrics.Read(live)
		used := max(1, int64(live[0].Value.Uint64()))
		debug.SetGCPercent(int(min(p.percent.Load(), max(leastPercent, (heapRoom-used)*100/used))))
		runtime.AddCleanup(&struct{ *gcPace }{p}, afterNext, p) // which nothing refers to
	}
	runtime.AddCleanup(&struct{ *gcPace }{p}, afterNext, p)
}

// notifyTime is how long a notification may take: mail and chat answer within seconds.
const notifyTime = time.Minute

// tellNotify runs the notification command with the summary on its standard input.
func (s *session) tellNotify(ctx context.Context) error {
	if s.notify == "" {
		return nil
	}
	line, err := report.JSON(s.summary)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notifyTime) // also of an interrupted run
	defer cancel()
	cmd := shell(ctx, s.notify)
	cmd.Stdin = bytes.NewReader(append(line, '\n'))
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the notification command failed: %w: %s", err, bytes.TrimSpace(out[:min(len(out), 500)]))
	}
	return nil
}

// windowsShell is the command line by which Windows' cmd runs a command as it was written. With /s cmd takes
// away the outer quotes and reads the rest itself; the quoting of arguments that other programs undo is
// foreign to it. /d leaves out what the registry has every cmd run first.
func windowsShell(command string) string {
	return `cmd /d /s /c "` + command + `"`
}
