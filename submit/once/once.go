package once

import (
	"cmp"
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
	MetaHold        = "flsync.hold"        // there when it entered paused only to be released with its batch
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

	// OnWait, when not nil, is called before each repetition with the failure and how long the request will then
	// have taken. Several goroutines may call it at once.
	OnWait func(err error, waited time.Duration)

	// FirstWait is the wait after the first failure; it grows from there to ten seconds. Default 200 ms.
	FirstWait time.Duration

	// Settle is how long a Manager may still be at work on a request whose answer was lost. Only after that
	// "it is not there" is believed, and the job sent again. Default 10 seconds: a job of 10,000 tasks takes a
	// busy Manager a few.
	Settle time.Duration

	// Fresh is how long the list of the Manager's jobs is believed, at least: an upload can take hours, in which
	// another computer submits the same jobs. A list that took the Manager seconds, as one of 20,000 jobs does,
	// is believed a hundred times as long. Default 30 seconds.
	Fresh time.Duration

	// Renamed are the keys that jobs have now, by those that earlier versions gave them.
	Renamed map[string]string

	// Earlier are the jobs that runs on this computer know of, by key.
	Earlier map[string]journal.Job

	// Unsettled are the earlier runs that sent a job without hearing an answer, by its key. They have ended.
	Unsettled map[string]string

	// Released are ids of held jobs that earlier runs have released: who pauses one of them now means it.
	Released map[string]bool
}

// Poster submits the jobs of one run. It can be used from any goroutine.
type Poster struct {
	manager Manager
	journal Journal
	config  Config
	began   time.Time

	mu    sync.Mutex
	known map[string][]api.Job // the Manager's jobs by key, newest first; nil until asked
	asked time.Time            // when it was
	took  time.Duration        // how long the Manager worked on the list
	held  []held               // submitted paused, to be released
}

// New returns a Poster. Nothing is sent yet.
func New(m Manager, j Journal, c Config) *Poster {
	c.Patience = cmp.Or(c.Patience, 3*time.Minute)
	c.FirstWait = cmp.Or(c.FirstWait, 200*time.Millisecond)
	c.Fresh = cmp.Or(c.Fresh, 30*time.Second)
	c.Settle = cmp.Or(c.Settle, 10*time.Second)
	for old, key := range c.Renamed {
		if job, known := c.Earlier[old]; known && c.Earlier[key].ID == "" {
			c.Earlier[key] = job
		}
		if run, unsettled := c.Unsettled[old]; unsettled && c.Unsettled[key] == "" {
			c.Unsettled[key] = run
		}
	}
	return &Poster{manager: m, journal: j, config: c, began: time.Now()}
}

// Request is a job to submit. Its metadata gets key, fingerprint and run.
type Request struct {
	Job              api.SubmittedJob
	Key, Fingerprint string
	Checkout         string    // for the journal
	Hold             bool      // enters paused, until Release
	Replaces         []api.Job // they are canceled when this one is in, or when it is released
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
	hold := r.Hold && status != api.JobStatusPaused // one that is to stay paused is not released
	if hold {
		r.Job.InitialStatus = api.JobStatusPaused
		r.Job.Metadata[MetaHold] = "yes"
	}
	entry := journal.Entry{Step: journal.Posting, Key: r.Key, Name: r.Job.Name, Fingerprint: r.Fingerprint, Checkout: r.Checkout}
	job, err := p.post(ctx, r, entry)
	switch {
	case errors.As(err, new(*RefusedError)):
		entry.Step, entry.Error = journal.Refused, err.Error()
		return job, errors.Join(err, p.journal.Record(ctx, entry))
	case err != nil:
		return job, err
	}
	entry.Step, entry.Job = journal.Posted, job.ID
	if err := p.journal.Record(ctx, entry); err != nil {
		return job, err
	}
	if hold {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.held = append(p.held, held{job, r.Replaces})
		return job, nil
	}
	return job, p.Replace(ctx, job, r.Replaces)
}

// Replace cancels jobs in whose place another one is there now.
func (p *Poster) Replace(ctx context.Context, job api.Job, replaces []api.Job) error {
	return p.Cancel(ctx, replaces, "replaced by job "+job.ID)
}

// post sends the job, again if need be, and makes sure of the answer. Each time is recorded: if this run
// dies, the next has to know since when it may trust what the Manager says.
func (p *Poster) post(ctx context.Context, r Request, entry journal.Entry) (api.Job, error) {
	var (
		unclear  bool      // an attempt may have taken effect
		settled  time.Time // when it must have, if it has
		errored  int       // times that the Manager answered with an internal error
		lastWord error     // of the last attempt, when there is to be no other
		lastErr  error
	)
	return retry(ctx, p.config, func() (api.Job, error) {
		if unclear {
			asked := time.Now()
			switch job, found, err := p.arrived(ctx, r.Key); {
			case err != nil:
				return api.Job{}, err
			case found:
				return job, nil
			case asked.Before(settled):
				return api.Job{}, &unsettledError{lastErr}
			case lastWord != nil:
				return api.Job{}, &RefusedError{lastWord}
			}
		}
		if err := p.journal.Record(ctx, entry); err != nil {
			return api.Job{}, err
		}
		job, err := p.manager.SubmitJob(ctx, r.Job)
		if err == nil || ctx.Err() != nil {
			return job, err
		}
		lastErr = err
		if flamenco.HasStatus(err, http.StatusInternalServerError) {
			errored++
		}
		switch mayHaveActed, mayBeActing := aftermath(err); {
		case mayBeActing:
			unclear, settled = true, time.Now().Add(p.config.Settle)
		case mayHaveActed:
			unclear = true
		}
		if passes(err) && errored < internalErrors {
			return api.Job{}, err
		}
		if !unclear {
			return api.Job{}, &RefusedError{err}
		}
		lastWord = err
		return api.Job{}, &unsettledError{err}
	})
}

// unsettledError has the Manager asked once more.
type unsettledError struct{ err error }

func (e *unsettledError) Error() string {
	return "it is not known whether the Manager took the job: " + e.err.Error()
}
func (e *unsettledError) Unwrap() error   { return e.err }
func (e *unsettledError) Temporary() bool { return true }

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

// aftermath reports whether a request that failed can have taken effect all the same, and whether the Manager
// may still be working on it. After an answer of its own it is not.
func aftermath(err error) (mayHaveActed, mayBeActing bool) {
	if away, ok := errors.AsType[*flamenco.UnreachableError](err); ok {
		return away.Sent, away.Sent
	}
	reply, ok := errors.AsType[*flamenco.Error](err)
	if !ok {
		return true, true
	}
	if errors.Is(err, flamenco.ErrBadReply) {
		return true, false // it has been answered, if badly
	}
	acted := reply.Status >= 500 || reply.Status < 300 || reply.Status == http.StatusRequestTimeout
	return acted, acted && !reply.FromManager
}

// Cancel asks the Manager to cancel jobs. Those that have ended or are gone are fine.
func (p *Poster) Cancel(ctx context.Context, jobs []api.Job, reason string) error {
	for _, j := range jobs {
		_, err := retry(ctx, p.config, func() (struct{}, error) {
			err := p.manager.SetJobStatus(ctx, j.ID, api.JobStatusCancelRequested, reason)
			if err != nil && !passes(err) {
				now, look := p.manager.Job(ctx, j.ID)
				if flamenco.IsNotFound(look) || look == nil && (!Counts(now) || now.Status == api.JobStatusCompleted) {
					err = nil
				}
			}
			return struct{}{}, err
		})
		if err != nil {
			return fmt.Errorf("job %s (%s) could not be canceled (%s): %w", j.Name, j.ID, reason, err)
		}
		key := j.Metadata[MetaKey] + " (job " + j.ID + ")" // a line of its own among the run's jobs
		if err := p.journal.Record(ctx, journal.Entry{Step: journal.Canceled, Key: key, Name: j.Name, Job: j.ID}); err != nil {
			return err
		}
	}
	return nil
}
