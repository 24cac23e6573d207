package pipeline

import (
	"context"
	"sync"
)

// hashPool reads a bounded number of files at once, to hash or trace them. Its queue is bounded too: whoever finds files waits
// for the pool, so that memory does not grow with what waits to be hashed.
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
