package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
)

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
