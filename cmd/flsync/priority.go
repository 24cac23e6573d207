package main

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

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
