package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/config"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
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
	profile, err := s.config.Profile()
	if err != nil {
		return pipeline.Env{}, err
	}
	t.storage.Direct = pipeline.DirectMode(cmp.Or(string(t.storage.Direct), profile.Direct))
	if err := cmp.Or(t.storage.Mode.Validate(), t.storage.Direct.Validate()); err != nil {
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

// greetingTime is long enough for a Manager that is being restarted, and not too long for a wrong address.
const greetingTime = 8 * time.Second

// greet makes sure that a Manager answers before anything is read or sent. Later on a run outlives a Manager
// that is away for minutes. It returns what [pipeline.Greet] does.
func (s *session) greet(ctx context.Context, m pipeline.Greeted) (configuration string, err error) {
	o := outage{every: time.Second, patience: s.greetingTime, answered: time.Now(), message: "the Manager does not answer, trying again: "}
	err = outlast(ctx, s.sink, o, func(ctx context.Context) (bool, error) {
		configuration, err = pipeline.Greet(ctx, m)
		return err == nil, err
	})
	return configuration, err
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
	cmd := a.inSession(&cobra.Command{
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
	}, func(ctx context.Context, s *session, args []string) error {
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

// quiet is how long a tree has to be still before it is synced: longer than between two writes of a program
// that saves a large file.
const quiet = 2 * time.Second

// watchTree syncs a tree, and again after each change, until the context ends. What fails is reported, and
// tried again at the next change.
func (s *session) watchTree(ctx context.Context, env pipeline.Env, opt pipeline.SyncOptions) error {
	if len(opt.Paths) != 1 {
		return usagef("--watch follows one folder, not %d paths", len(opt.Paths))
	}
	opt.NoCheckout = true
	once := func(ctx context.Context) error {
		summary, err := pipeline.Sync(ctx, env, opt)
		s.addWatched(summary)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !errors.Is(err, pipeline.ErrPartial) && !errors.Is(err, pipeline.ErrNothing):
			s.sink.Emit(report.Error{Code: codeName(err), Message: err.Error()})
		}
		s.sink.Emit(report.Note{Message: fmt.Sprintf("%s  %d files, %d sent (%s)", time.Now().Format(time.TimeOnly),
			summary.Files.Total, summary.Store.Uploaded, report.Bytes(summary.Store.UploadedBytes))})
		return nil
	}
	return walk.Watch(ctx, opt.Paths[0], quiet, once)
}

// addWatched adds a round to the session's summary: the state of the files is the last one's, what was sent
// adds up.
func (s *session) addWatched(round report.Summary) {
	store := s.summary.Store
	store.Unique, store.AlreadyStored = round.Store.Unique, round.Store.AlreadyStored
	store.Uploaded += round.Store.Uploaded
	store.UploadedBytes += round.Store.UploadedBytes
	store.Deferred += round.Store.Deferred
	store.Direct += round.Store.Direct
	store.Retried += round.Store.Retried
	s.summary.Files, s.summary.Store = round.Files, store
}

// Runs that people wait for hold a shared lock on a file beside the hash cache while they work. Runs in the
// background, of the same user or at least with the same cache, take it for themselves for a moment before
// each upload, and wait as long as that fails.

// giveWayPoll is how long a background run waits before it looks again whether it may go on.
const giveWayPoll = 50 * time.Millisecond

func (s *session) priorityLock() *flock.Flock {
	return flock.New(filepath.Join(filepath.Dir(s.paths.Cache), "foreground.lock"))
}

// foreground has background runs pause until release is called. Without a lock, where the file system has
// none, they do not.
func (s *session) foreground(ctx context.Context) (release func()) {
	const retry = time.Millisecond
	lock := s.priorityLock()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, _ = lock.TryRLockContext(ctx, retry)
	return func() { _ = lock.Close() }
}

// giveWay returns a function that returns when no foreground run is at work. It may be called from any
// goroutine.
func (s *session) giveWay() func(context.Context) error {
	lock := s.priorityLock()
	var mu sync.Mutex // whoever else has the lock is another process
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		for {
			if free, err := lock.TryLock(); free || err != nil {
				_ = lock.Close()
				return nil
			}
			select {
			case <-ctx.Done():
				_ = lock.Close()
				return context.Cause(ctx)
			case <-time.After(giveWayPoll):
			}
		}
	}
}
