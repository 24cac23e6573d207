package pipeline

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// InOrder calls do for whatever feed passes on, for up to workers values at once, and each for the results, in the order
// of feed. ahead bounds how many results wait for their turn. InOrder calls idle before it waits for a result. Its error
// is that of feed, or the cause of the end of ctx; each has seen the results of all that feed passed on, also then.
func InOrder[In, Out any](ctx context.Context, workers, ahead int, feed func(ctx context.Context, pass func(In) error) error,
	do func(context.Context, In) Out, idle func(), each func(Out),
) error {
	group, ctx := errgroup.WithContext(ctx)
	results := make(chan chan Out, ahead)
	group.Go(func() error {
		defer close(results)
		pool := newHashPool(workers)
		defer pool.close()
		return feed(ctx, func(in In) error {
			result := make(chan Out, 1)
			if err := pool.add(ctx, func() { result <- do(ctx, in) }); err != nil {
				return err
			}
			results <- result // which are received until the end
			return nil
		})
	})
	for result := range results {
		select {
		case out := <-result:
			each(out)
		default:
			idle()
			each(<-result)
		}
	}
	return group.Wait()
}
