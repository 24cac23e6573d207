package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/config"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
)

// transfer are the flags of commands that send files.
type transfer struct {
	dryRun  bool
	workers int
	limit   string
	verify  bool
	storage pipeline.Storage
}

func (t *transfer) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&t.dryRun, "dry-run", false, "say what would be done, and write nothing anywhere")
	f.IntVar(&t.workers, "workers", 0, "read and hash `N` files at once (default: as many as fill the cores)")
	f.StringVar(&t.limit, "limit-upload", "", "send at most this `RATE`: bytes a second, such as 20MiB or 500k")
	f.StringVar((*string)(&t.storage.Mode), "storage", "", "how files get to the workers: `MODE` is auto, shaman, copy (to the farm's storage, mounted here) or in-place")
	f.StringVar(&t.storage.Path, "storage-path", "", "`DIR` where this machine sees the farm's storage (default: where the Manager says)")
	f.StringVar((*string)(&t.storage.Direct), "direct", "", "write files straight into the Manager's store where that is mounted here: `WHETHER` is true, false or auto (the same, and no warning where it cannot be done)")
	f.Lookup("direct").NoOptDefVal = string(pipeline.DirectOn)
	f.BoolVar(&t.verify, "verify", false, "trust no time stamp: compare the contents of every file")
}

// environment opens what a run works with: Manager, hash cache, and the choices of the command line. The
// session closes it.
func (s *session) environment(ctx context.Context, t transfer) (pipeline.Env, error) {
	limit, err := config.ParseRate(cmp.Or(t.limit, s.config.LimitUpload))
	if err != nil {
		return pipeline.Env{}, usageError(err)
	}
	if t.workers < 0 {
		return pipeline.Env{}, usagef("--workers %d: a number of files at once is wanted", t.workers)
	}
	t.storage.Mode = pipeline.StorageMode(cmp.Or(string(t.storage.Mode), s.config.Storage))
	if err := t.storage.Mode.Validate(); err != nil {
		return pipeline.Env{}, usageError(err)
	}
	profile, err := s.config.Profile()
	if err != nil {
		return pipeline.Env{}, err
	}
	t.storage.Direct = pipeline.DirectMode(cmp.Or(string(t.storage.Direct), profile.Direct))
	if err := t.storage.Direct.Validate(); err != nil {
		return pipeline.Env{}, usageError(err)
	}
	m, err := s.connect(ctx, s.config)
	if err != nil {
		return pipeline.Env{}, err
	}
	s.closers = append(s.closers, m.Close)
	s.manager = m
	s.start(m.URL(), t.dryRun)
	configuration, err := s.greet(ctx, m)
	if err != nil {
		return pipeline.Env{}, err
	}

	if s.getenv("GOGC") == "" {
		s.sink = report.Tee(s.sink, new(gcSink))
	}
	cache, err := s.openCache(hashcache.Config{Verify: t.verify}, t.dryRun)
	if err != nil {
		return pipeline.Env{}, err
	}
	env := pipeline.Env{
		Manager: m.Client, Configuration: configuration, Cache: cache, Sink: s.sink, HashWorkers: t.workers, DryRun: t.dryRun,
		Folder: m.checkoutFolder, Storage: t.storage,
	}
	env.Upload.LimitUpload = limit
	return env, nil
}

// greet makes sure that a Manager answers before anything is read or sent. Later on a run outlives a Manager
// that is away for minutes; a wrong address at its begin should not take minutes to be told, but one that is
// just being restarted gets its few seconds. It returns what [pipeline.Greet] does.
func (s *session) greet(ctx context.Context, m pipeline.Greeted) (configuration string, err error) {
	const (
		patience = 8 * time.Second
		wait     = time.Second
	)
	for began, attempt := time.Now(), 1; ; attempt++ {
		configuration, err = pipeline.Greet(ctx, m)
		if err == nil || time.Since(began) >= patience || !flamenco.IsTemporary(err) {
			return configuration, err
		}
		if attempt == 1 {
			s.sink.Emit(report.Warning{Code: "unreachable", Message: fmt.Sprintf("the Manager does not answer, trying again: %v", err)})
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// openCache opens the hash cache, whose warnings become the run's.
func (s *session) openCache(c hashcache.Config, readOnly bool) (*hashcache.Cache, error) {
	c.Warn = func(w hashcache.Warning) { s.sink.Emit(report.Warning{Code: w.Code, Message: w.Message}) }
	c.ReadOnly = readOnly
	cache, err := hashcache.Open(s.paths.Cache, c)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, cache.Close)
	return cache, nil
}

func (a *app) syncCommand() *cobra.Command {
	var t transfer
	var opt pipeline.SyncOptions
	var watch bool
	cmd := &cobra.Command{
		Use:   "sync PATH…",
		Short: "Send folders and files to the Manager's store and make one checkout of them",
		Long: `Walks the paths, hashes what has changed, sends what the Manager lacks, and has it make one
checkout. Of a single folder, what is in it keeps its path below the folder; of several paths,
each keeps its path below the folder that they have in common.

Left out are version control, Blender's backups (*.blend1), litter of operating systems, what
--exclude names, and what a .flsyncignore file names. The patterns of both have the rules of
.gitignore; those of --exclude may have {a,b}, and are relative to the folder that paths in the
checkout are relative to.`,
		Example: `  flsync sync ~/projects/sprite --manager http://farm:8080
  flsync sync . --exclude 'renders/**' --no-checkout
  flsync sync shots lib --dry-run
  flsync sync ~/projects/sprite --watch`,
		Args: cobra.ArbitraryArgs,
	}
	cmd.RunE = a.inSession("sync", func(ctx context.Context, s *session, args []string) error {
		if len(args) == 0 {
			return usagef("name a folder or files to sync; see flsync sync --help")
		}
		env, err := s.environment(ctx, t)
		if err != nil {
			return err
		}
		opt.Paths = args
		if watch {
			env.Upload.GiveWay = s.giveWay()
			return s.watchTree(ctx, env, opt)
		}
		if !t.dryRun {
			defer s.foreground(ctx)()
		}
		s.summary, err = pipeline.Sync(ctx, env, opt)
		s.summary.DryRun = t.dryRun
		if errors.Is(err, pipeline.ErrNothing) || errors.Is(err, pipeline.ErrPattern) {
			return usageError(err)
		}
		return err
	})
	t.flags(cmd)
	cmd.Flags().StringVar(&opt.Checkout, "checkout", "", "`NAME` of the checkout; a suffix that makes it unique is added")
	cmd.Flags().BoolVar(&opt.NoCheckout, "no-checkout", false, "only fill the store")
	cmd.Flags().StringArrayVar(&opt.Exclude, "exclude", nil, "leave out what matches this `GLOB`; may be repeated")
	cmd.Flags().BoolVar(&watch, "watch", false, "follow a folder and keep the store warm, without checkouts, until interrupted")
	cmd.MarkFlagsMutuallyExclusive("checkout", "no-checkout")
	cmd.MarkFlagsMutuallyExclusive("watch", "checkout")
	cmd.MarkFlagsMutuallyExclusive("watch", "dry-run")
	return cmd
}
