package once

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/submit/journal"
)

// Names under which a job's identity stands in its metadata.
const (
	MetaKey         = "flsync.key"         // who the job is, the same in every run
	MetaFingerprint = "flsync.fingerprint" // what it is made of
	MetaRun         = "flsync.run"         // which run sent it
)

// Manager is what a Poster needs of one; a *flamenco.Client has it.
type Manager interface {
	Jobs(context.Context) ([]api.Job, error)
	Job(ctx context.Context, id string) (api.Job, error)
	SubmitJob(context.Context, api.SubmittedJob) (api.Job, error)
	SetJobStatus(ctx context.Context, id string, status api.JobStatus, reason string) error
}

// Journal takes the steps of jobs; a *journal.Run has it.
type Journal interface {
	Record(context.Context, journal.Entry) error
}

// Config says how a Poster works. The zero value of a field means its default.
type Config struct {
	Run string // the run's name, for the jobs' metadata; required

	// Patience is how long a Manager that fails or stays away is tried again, for each job. Default 3
	// minutes: one that is restarted is back within 2.
	Patience time.Duration

	// FirstWait is the wait after the first failure; it grows from there to ten seconds. Default 200 ms.
	FirstWait time.Duration
}

// Poster submits the jobs of one run. It can be used from any goroutine.
type Poster struct {
	manager Manager
	journal Journal
	config  Config

	mu    sync.Mutex
	known map[string][]api.Job // the Manager's jobs by key, newest first; nil until asked
	held  []api.Job            // submitted paused, to be released
}

// New returns a Poster. Nothing is sent yet.
func New(m Manager, j Journal, c Config) *Poster {
	if c.Patience == 0 {
		c.Patience = 3 * time.Minute
	}
	if c.FirstWait == 0 {
		c.FirstWait = 200 * time.Millisecond
	}
	return &Poster{manager: m, journal: j, config: c}
}

// Find returns the newest job of this key that is alive or done: anything but canceled, failed, or about
// to be deleted. The Manager is asked once for a run.
func (p *Poster) Find(ctx context.Context, key string) (api.Job, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		known, err := p.ask(ctx)
		if err != nil {
			return api.Job{}, false, fmt.Errorf("looking for jobs of earlier runs: %w", err)
		}
		p.known = known
	}
	for _, j := range p.known[key] {
		if Counts(j) {
			return j, true, nil
		}
	}
	return api.Job{}, false, nil
}

// Counts tells whether a job stands for its key: it runs, waits, or is done. Statuses that are not
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
		if key := j.Metadata[MetaKey]; key != "" {
			known[key] = append(known[key], j)
		}
	}
	for _, list := range known {
		newestFirst(list)
	}
	return known, nil
}

// Request is a job to submit. Its metadata gets key, fingerprint and run.
type Request struct {
	Job              api.SubmittedJob
	Key, Fingerprint string
	Checkout         string // for the journal
	Hold             bool   // enters paused, until Release
	Replaces         string // id of a job that is canceled when this one is in
}

// internalErrors is how often a 500 is taken for passing. The Manager also sends it for what is wrong with a
// job, such as a worker tag that does not exist.
const internalErrors = 4

// RefusedError is the Manager's no to a job. Another try would get the same answer.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return "the Manager refused the job: " + e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

// Post submits a job and returns it as the Manager has it. It records what it does before and after, and
// does not return before it knows whether the job is there. Errors: a [*RefusedError]; a Manager that
// stayed away; a journal that cannot be written; that of ctx. A stale type etag is a *RefusedError with
// status 412.
func (p *Poster) Post(ctx context.Context, r Request) (api.Job, error) {
	r.Job.Metadata = maps.Clone(r.Job.Metadata)
	if r.Job.Metadata == nil {
		r.Job.Metadata = make(api.JobMetadata)
	}
	r.Job.Metadata[MetaKey] = r.Key
	r.Job.Metadata[MetaFingerprint] = r.Fingerprint
	r.Job.Metadata[MetaRun] = p.config.Run
	status := r.Job.InitialStatus
	if r.Hold {
		r.Job.InitialStatus = api.JobStatusPaused
	}
	entry := journal.Entry{Step: journal.Posting, Key: r.Key, Name: r.Job.Name, Fingerprint: r.Fingerprint, Checkout: r.Checkout}
	if err := p.journal.Record(ctx, entry); err != nil {
		return api.Job{}, err
	}
	job, err := p.post(ctx, r)
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		entry.Step, entry.Error = journal.Refused, err.Error()
		return job, errors.Join(err, p.journal.Record(ctx, entry))
	case err != nil:
		return job, err
	}
	entry.Step, entry.Job = journal.Posted, job.ID
	if err := p.journal.Record(ctx, entry); err != nil {
		return job, err
	}
	if r.Hold && status != api.JobStatusPaused { // one that is to stay paused is not released
		p.mu.Lock()
		p.held = append(p.held, job)
		p.mu.Unlock()
	}
	return job, p.replace(ctx, r, job)
}

// post sends the job, again if need be, and makes sure of the answer.
func (p *Poster) post(ctx context.Context, r Request) (api.Job, error) {
	unclear := false // an attempt may have taken effect
	errored := 0     // times that the Manager answered with an internal error
	return retry(ctx, p.config, func() (api.Job, error) {
		if unclear {
			switch job, found, err := p.arrived(ctx, r.Key); {
			case err != nil:
				return api.Job{}, err
			case found:
				return job, nil
			}
		}
		job, err := p.manager.SubmitJob(ctx, r.Job)
		if err == nil {
			return job, nil
		}
		if flamenco.HasStatus(err, http.StatusInternalServerError) {
			errored++
		}
		if ctx.Err() == nil && (!flamenco.IsTemporary(err) || errored == internalErrors) {
			return api.Job{}, &RefusedError{err}
		}
		unclear = unclear || mayHaveActed(err)
		return api.Job{}, err
	})
}

// arrived asks the Manager whether a job of this run and key is there.
func (p *Poster) arrived(ctx context.Context, key string) (api.Job, bool, error) {
	jobs, err := p.manager.Jobs(ctx)
	if err != nil {
		return api.Job{}, false, err
	}
	for _, j := range jobs {
		if j.Metadata[MetaKey] == key && j.Metadata[MetaRun] == p.config.Run {
			return j, true, nil
		}
	}
	return api.Job{}, false, nil
}

// mayHaveActed tells whether a request that failed can have taken effect all the same.
func mayHaveActed(err error) bool {
	var away *flamenco.UnreachableError
	if errors.As(err, &away) {
		return away.Sent
	}
	return !flamenco.HasStatus(err, http.StatusTooManyRequests)
}

// replace cancels the job that a new one stands for.
func (p *Poster) replace(ctx context.Context, r Request, by api.Job) error {
	if r.Replaces == "" {
		return nil
	}
	_, err := retry(ctx, p.config, func() (struct{}, error) {
		err := p.manager.SetJobStatus(ctx, r.Replaces, api.JobStatusCancelRequested, "replaced by job "+by.ID)
		if flamenco.IsNotFound(err) {
			err = nil // somebody deleted it
		}
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("job %s is in, but the one that it replaces (%s) could not be canceled: %w", by.ID, r.Replaces, err)
	}
	return p.journal.Record(ctx, journal.Entry{Step: journal.Canceled, Key: r.Key + " (replaced)", Name: r.Job.Name, Job: r.Replaces})
}

// Held is how many jobs wait for Release.
func (p *Poster) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held)
}

// Release lets the held jobs run, in the order in which they came in. The error says which of them still
// wait.
func (p *Poster) Release(ctx context.Context) error {
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	for i, job := range held {
		if err := p.release(ctx, job); err != nil {
			var names []string
			for _, j := range held[i:] {
				names = append(names, j.Name+" ("+j.ID+")")
			}
			return fmt.Errorf("%d of %d held jobs were released; still paused: %v: %w", i, len(held), names, err)
		}
	}
	return nil
}

func (p *Poster) release(ctx context.Context, job api.Job) error {
	entry := journal.Entry{Step: journal.Releasing, Key: job.Metadata[MetaKey], Name: job.Name, Job: job.ID}
	if err := p.journal.Record(ctx, entry); err != nil {
		return err
	}
	_, err := retry(ctx, p.config, func() (struct{}, error) {
		err := p.manager.SetJobStatus(ctx, job.ID, api.JobStatusQueued, "all jobs of the batch are in")
		if err != nil && !flamenco.IsTemporary(err) { // a request before it may have taken effect, unheard
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
