package once

import (
	"context"
	"errors"
	"fmt"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/submit/journal"
)

// held is a job that waits for its batch, and the jobs that it replaces. These may go on until it can.
type held struct {
	api.Job
	replaces []api.Job
}

// Adopt has a job of an earlier run released together with those of this one, and what it replaces canceled
// then, when that run held it and ended before it could. It leaves others alone, and says so.
func (p *Poster) Adopt(j api.Job, replaces []api.Job) bool {
	if j.Status != api.JobStatusPaused || j.Metadata[MetaHold] == "" || p.config.Released[j.ID] {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = append(p.held, held{j, replaces})
	return true
}

// Held is how many jobs wait for Release.
func (p *Poster) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held)
}

// Release lets the held jobs run, in the order in which they came in, and cancels what they replace. The
// error says which of them still wait.
func (p *Poster) Release(ctx context.Context) error {
	p.mu.Lock()
	waiting := p.held
	p.held = nil
	p.mu.Unlock()
	for i, h := range waiting {
		if err := p.release(ctx, h.Job); err != nil {
			var names []string
			for _, j := range waiting[i:] {
				names = append(names, j.Name+" ("+j.ID+")")
			}
			return fmt.Errorf("%d of %d held jobs were released; still paused: %v: %w", i, len(waiting), names, err)
		}
	}
	var errs []error
	for _, h := range waiting {
		errs = append(errs, p.Replace(ctx, h.Job, h.replaces))
	}
	return errors.Join(errs...)
}

func (p *Poster) release(ctx context.Context, job api.Job) error {
	entry := journal.Entry{Step: journal.Releasing, Key: job.Metadata[MetaKey], Name: job.Name, Job: job.ID}
	if err := p.journal.Record(ctx, entry); err != nil {
		return err
	}
	_, err := retry(ctx, p.config, func() (struct{}, error) {
		err := p.manager.SetJobStatus(ctx, job.ID, api.JobStatusQueued, "all jobs of the batch are in")
		if err != nil && !passes(err) { // a request before it may have taken effect, unheard
			if now, look := p.manager.Job(ctx, job.ID); look == nil && now.Status != api.JobStatusPaused {
				err = nil
			}
		}
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	entry.Step = journal.Released
	return p.journal.Record(ctx, entry)
}
