package once

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// longestWait between two attempts: a Manager that comes back is noticed soon.
const longestWait = 10 * time.Second

// retry calls do until it succeeds, fails for good, or patience ends.
func retry[T any](ctx context.Context, c Config, do func() (T, error)) (T, error) {
	began := time.Now()
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval = c.FirstWait
	waits.MaxInterval = longestWait
	return backoff.Retry(ctx, func() (T, error) {
		v, err := do()
		var (
			refused   *RefusedError
			unsettled *unsettledError
		)
		if err != nil && (errors.As(err, &refused) || !errors.As(err, &unsettled) && !passes(err)) {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(c.Patience), backoff.WithNotify(func(err error, wait time.Duration) {
		if c.OnWait != nil {
			c.OnWait(err, time.Since(began)+wait)
		}
	}))
}

// passes reports whether the same request may get another answer later. A web page in place of an answer
// comes from a proxy: the Manager was there when the run began.
func passes(err error) bool {
	var reply *flamenco.Error
	apology := errors.As(err, &reply) && reply.Status < 400 && errors.Is(err, flamenco.ErrNotAManager)
	return apology || flamenco.IsTemporary(err)
}

func newestFirst(jobs []api.Job) {
	slices.SortStableFunc(jobs, func(a, b api.Job) int { return b.Created.Compare(a.Created) })
}
