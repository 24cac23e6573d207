package pipeline

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// hashPool reads a bounded number of files at once, to hash or trace them. Its queue is bounded too: whoever
// finds files waits for the pool, so that memory does not grow with what waits to be hashed.
type hashPool struct {
	tasks   chan func()
	workers sync.WaitGroup
}

// queuePerWorker is long enough that no worker waits while a walk lists the next folder.
const queuePerWorker = 4

func newHashPool(workers int) *hashPool {
	p := &hashPool{tasks: make(chan func(), queuePerWorker*workers)}
	for range workers {
		p.workers.Go(func() {
			for task := range p.tasks {
				task()
			}
		})
	}
	return p
}

// add queues a task and waits while the queue is full. The error is the cause of ctx's end.
func (p *hashPool) add(ctx context.Context, task func()) error {
	select {
	case p.tasks <- task:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close waits until all queued tasks have ended. There must be no add beside it or after it.
func (p *hashPool) close() {
	close(p.tasks)
	p.workers.Wait()
}

// InOrder calls do for whatever feed passes on, for up to workers values at once, and each for the results,
// in the order of feed. ahead bounds how many results wait for their turn. InOrder calls idle before it waits
// for a result. Its error is that of feed, or the cause of the end of ctx; each has seen the results of all
// that feed passed on, also then.
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
