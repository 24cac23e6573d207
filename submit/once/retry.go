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
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval = c.FirstWait
	waits.MaxInterval = longestWait
	return backoff.Retry(ctx, func() (T, error) {
		v, err := do()
		var (
			refused   *RefusedError
			unsettled *unsettledError
		)
		if err != nil && (errors.As(err, &refused) || !errors.As(err, &unsettled) && !flamenco.IsTemporary(err)) {
			err = backoff.Permanent(err)
		}
		return v, err
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(c.Patience))
}

func newestFirst(jobs []api.Job) {
	slices.SortStableFunc(jobs, func(a, b api.Job) int { return b.Created.Compare(a.Created) })
}
