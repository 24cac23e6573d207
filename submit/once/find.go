package once

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// keyOf returns the key of a Manager's job, "" for one that somebody else has submitted.
func (p *Poster) keyOf(j api.Job) string {
	key, frames, _ := strings.Cut(j.Metadata[MetaKey], " ") // a job for some frames has them behind its key
	if renamed, ok := p.config.Renamed[key]; ok {
		return strings.TrimSuffix(renamed+" "+frames, " ")
	}
	return j.Metadata[MetaKey]
}

// Knows reports whether runs on this computer know of a job of this key, or sent one without hearing an
// answer.
func (p *Poster) Knows(key string) bool {
	return p.config.Earlier[key].ID != "" || p.config.Unsettled[key] != ""
}

// Earlier returns the job of this key that runs on this computer know of, and when they saw it, if it still
// stands for its key. It asks the Manager for this one job only: another computer may have submitted a newer
// one. Once the list of jobs is there, it finds none.
func (p *Poster) Earlier(ctx context.Context, key string) (job api.Job, seen time.Time, found bool, err error) {
	p.mu.Lock()
	listed := p.known != nil
	p.mu.Unlock()
	before, known := p.config.Earlier[key]
	if !known || listed {
		return job, seen, false, nil
	}
	job, err = retry(ctx, p.config, func() (api.Job, error) { return p.manager.Job(ctx, before.ID) })
	if flamenco.IsNotFound(err) {
		return job, seen, false, nil
	}
	return job, before.Time, err == nil && p.keyOf(job) == key && Counts(job), err
}

// Look asks for the Manager's jobs ahead of the first Find, which then need not wait.
func (p *Poster) Look(ctx context.Context) error {
	_, _, err := p.knownJobs(ctx, "")
	return err
}

// Find returns the newest job of this key that is alive or done: anything but canceled, failed, or about to
// be deleted. The Manager is asked when its last answer is no longer fresh, and again for keys that are
// unsettled.
func (p *Poster) Find(ctx context.Context, key string) (api.Job, bool, error) {
	jobs, asked, err := p.knownJobs(ctx, key)
	if err != nil {
		return api.Job{}, false, err
	}
	if run, unsettled := p.config.Unsettled[key]; unsettled {
		if jobs, err = p.awaitKey(ctx, key, jobs, asked, run); err != nil {
			return api.Job{}, false, err
		}
	}
	for _, j := range jobs {
		if Counts(j) {
			return j, true, nil
		}
	}
	return api.Job{}, false, nil
}

// AliveWith returns the jobs that run or wait whose key begins with prefix, as Find has seen them.
func (p *Poster) AliveWith(prefix string) (alive []api.Job) {
	p.mu.Lock()
	keys := slices.Collect(maps.Keys(p.known))
	p.mu.Unlock()
	for _, key := range keys {
		if strings.HasPrefix(key, prefix) {
			alive = append(alive, p.Alive(key)...)
		}
	}
	return alive
}

// Newest returns the newest job of this key that is not about to be deleted, whatever its status is.
func (p *Poster) Newest(ctx context.Context, key string) (api.Job, bool, error) {
	jobs, _, err := p.knownJobs(ctx, key)
	for _, j := range jobs {
		if j.DeleteRequestedAt == nil {
			return j, true, err
		}
	}
	return api.Job{}, false, err
}

// Alive returns the jobs of this key that run or wait, as Find has seen them.
func (p *Poster) Alive(key string) (alive []api.Job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.known[key] {
		if Counts(j) && j.Status != api.JobStatusCompleted {
			alive = append(alive, j)
		}
	}
	return alive
}

// LookError reports that the Manager did not list its jobs, which is about the run as a whole.
type LookError struct{ Err error }

func (e *LookError) Error() string { return "looking for jobs of earlier runs: " + e.Err.Error() }
func (e *LookError) Unwrap() error { return e.Err }

// knownJobs are the Manager's jobs of a key, newest first, and when it was asked.
func (p *Poster) knownJobs(ctx context.Context, key string) ([]api.Job, time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := p.config.Fresh
	if p.took > time.Second {
		fresh = max(fresh, 100*p.took)
	}
	if p.known == nil || time.Since(p.asked) > fresh {
		asked := time.Now()
		known, err := p.ask(ctx)
		if err != nil {
			return nil, asked, &LookError{err}
		}
		p.known, p.asked, p.took = known, asked, time.Since(asked)
	}
	return p.known[key], p.asked, nil
}

// awaitKey asks for the jobs of a key until one that an earlier run sent has come in, or cannot any more.
// That run had ended when this one began; when it sent the job by the clock says nothing, for clocks are set.
func (p *Poster) awaitKey(ctx context.Context, key string, jobs []api.Job, asked time.Time, run string) ([]api.Job, error) {
	settled := p.began.Add(p.config.Settle)
	came := func(j api.Job) bool { return j.Metadata[MetaRun] == run }
	wait := p.config.FirstWait
	for asked.Before(settled) && !slices.ContainsFunc(jobs, came) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		wait = min(2*wait, longestWait)
		asked = time.Now()
		known, err := p.ask(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking for a job that an earlier run sent: %w", err)
		}
		jobs = known[key]
		p.mu.Lock()
		p.known[key] = jobs
		p.mu.Unlock()
	}
	return jobs, nil
}

// Counts reports whether a job stands for its key: it runs, waits, or is done. Statuses that are not
// known count.
func Counts(j api.Job) bool {
	switch j.Status {
	case api.JobStatusCanceled, api.JobStatusCancelRequested, api.JobStatusFailed:
		return false
	}
	return j.DeleteRequestedAt == nil
}

// ask fetches the Manager's jobs by key, newest first.
func (p *Poster) ask(ctx context.Context) (map[string][]api.Job, error) {
	jobs, err := retry(ctx, p.config, func() ([]api.Job, error) { return p.manager.Jobs(ctx) })
	if err != nil {
		return nil, err
	}
	known := make(map[string][]api.Job)
	for _, j := range jobs {
		if key := p.keyOf(j); key != "" {
			known[key] = append(known[key], j)
		}
	}
	for _, list := range known {
		newestFirst(list)
	}
	return known, nil
}
