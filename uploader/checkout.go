package uploader

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

const (
	// checkoutAttempts is how often a checkout is asked for, each time under a new path, when the Manager
	// answers with an error that may pass, or may have made the checkout without our getting to know. A fault
	// that hits one request in three is survived but in one of 6,000 cases.
	checkoutAttempts = 8

	// resendRounds is how often files that turn out to be missing are sent again before a checkout.
	resendRounds = 3
)

// errNotStored is the end of an upload that only asks.
var errNotStored = errors.New("the Manager does not have it")

// Checkout makes a folder of the files at the Manager and returns its path, below the Manager's folder of
// checkouts. It waits for those of the files that are on their way; all should have been given to Ensure.
// requested is the beginning of the path, see [CheckoutName]; what is added to it makes the path one that
// cannot exist yet.
//
// The Manager is asked for a checkout only after it said of each of the files that it has it, in a
// requirements reply or in answer to an upload, no longer ago than Config.CheckedFor, or to an earlier run,
// see Config.Seen. If the checkout fails, it is asked about all of them. Files that it lost are sent again,
// see Config.Reopen.
//
// The error is, or wraps, a [*PathError] when nothing was asked because a path is unusable, a [*MissingError]
// when files are not there, or a [*GaveUpError].
func (u *Uploader) Checkout(ctx context.Context, requested string, files []api.ShamanFileSpec) (string, error) {
	return u.RecordedCheckout(ctx, requested, files, func(string) error { return nil })
}

// RecordedCheckout is Checkout for those who keep a record of what may be left at the Manager: before each
// request record gets the path that is asked for. Its error ends the attempt, and comes back as it is.
func (u *Uploader) RecordedCheckout(ctx context.Context, requested string, files []api.ShamanFileSpec, record func(path string) error) (string, error) {
	if u.config.CheckOnly {
		return "", ErrCheckOnly
	}
	if err := checkCheckoutPath(requested); err != nil {
		return "", fmt.Errorf("checkout: %w", err)
	}
	keys, err := checkFiles(files)
	if err != nil {
		return "", fmt.Errorf("checkout %s: %w", requested, err)
	}
	ctx, cancel := context.WithCancelCause(ctx) // ends with the run, too
	defer cancel(nil)
	defer context.AfterFunc(u.ctx, func() { cancel(context.Cause(u.ctx)) })()

	gate := newGate()
	for attempt := 1; ; {
		if err := u.ensureStored(ctx, files, keys); err != nil {
			return "", fmt.Errorf("checkout %s: %w", requested, err)
		}
		asked := uniquePath(requested, time.Now())
		if err := record(asked); err != nil {
			return "", err
		}
		path, err := u.askCheckout(ctx, &gate, asked, files)
		if err == nil {
			return path, nil
		}
		what := judge(err)
		if what == again || mayBeDone(err) {
			attempt++
		}
		if what != again && what != away || attempt > checkoutAttempts || ctx.Err() != nil {
			return "", fmt.Errorf("checkout %s: %w", requested, err)
		}
		// The Manager's way of saying "unknown files" is a status that can mean anything. So whatever it was,
		// ask for all of them again.
		u.invalidate(keys)
		if err := sleep(ctx, time.Until(gate.until)); err != nil {
			return "", err
		}
	}
}

// askCheckout makes one request for a checkout, under a path that was never asked for before: a lost answer
// may leave a folder behind, and asking for the same path again could end with the Manager removing it.
func (u *Uploader) askCheckout(ctx context.Context, g *gate, asked string, files []api.ShamanFileSpec) (string, error) {
	select {
	case u.checkouts <- struct{}{}:
		defer func() { <-u.checkouts }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	began := time.Now()
	path, err := u.shaman.ShamanCheckout(ctx, api.ShamanCheckout{CheckoutPath: asked, Files: files})
	if err == nil {
		err = checkCheckoutPath(path) // uploads will be told to read from there
	}
	now := time.Now()

	u.mu.Lock()
	defer u.unlock()
	if err == nil {
		g.succeeded()
		u.stats.Checkouts++
		return path, nil
	}
	if mayBeDone(err) || ctx.Err() != nil {
		u.stats.Abandoned++
	}
	if what := judge(err); ctx.Err() == nil && (what == again || what == away) {
		u.troubled(g, err, 0, began, now)
		u.stats.Retried++
		u.report(Event{Kind: Retried, Name: asked, Err: err})
	}
	return "", err
}

// mayBeDone reports whether a request that failed may have taken effect.
func mayBeDone(err error) bool {
	var (
		unreachable *flamenco.UnreachableError
		reply       *flamenco.Error
	)
	switch {
	case errors.As(err, &unreachable):
		return unreachable.Sent
	case errors.As(err, &reply):
		return reply.Status < 400 || reply.Status == http.StatusGatewayTimeout
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ensureStored returns when the Manager has said of each of the files that it has it. What it lost is sent
// again.
func (u *Uploader) ensureStored(ctx context.Context, files []api.ShamanFileSpec, keys []key) error {
	var failed error
	for round := 0; ; round++ {
		if err := u.await(ctx, keys); err != nil {
			if ctx.Err() != nil {
				return err
			}
			failed = err // it will be found missing
		}
		missing, err := u.recheck(ctx, files, keys)
		if err != nil || len(missing) == 0 {
			return err
		}
		if u.config.Reopen == nil || failed != nil || round == resendRounds {
			return &MissingError{Files: missing, Err: failed}
		}
		for _, f := range missing {
			b, err := u.config.Reopen(f)
			if err != nil {
				return &MissingError{Files: missing, Err: err}
			}
			u.Ensure(ctx, b)
		}
	}
}

// await waits for those blobs that are on their way, and returns the first failure.
func (u *Uploader) await(ctx context.Context, keys []key) error {
	var pending []*Pending
	u.mu.Lock()
	for _, k := range keys {
		if up := u.underWay[k]; up != nil {
			pending = append(pending, up.pending)
		}
	}
	u.mu.Unlock()
	var failed error
	for _, p := range pending {
		if err := p.Wait(ctx); err != nil && failed == nil {
			failed = err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return failed
}

// recheck asks the Manager about those files of which it did not say lately that it has them, and returns
// those that it lacks.
func (u *Uploader) recheck(ctx context.Context, files []api.ShamanFileSpec, keys []key) (missing []api.ShamanFileSpec, err error) {
	now := u.seconds(time.Now())
	asked := make(map[key]struct{})
	var doubtful []int // indices of files
	var answers []*Pending
	u.mu.Lock()
	for i, k := range keys {
		if r := u.known[k]; r.assumed || r.seen != 0 && now-r.seen <= uint32(u.config.CheckedFor/time.Second) {
			continue
		}
		if _, ok := asked[k]; !ok {
			asked[k] = struct{}{}
			doubtful = append(doubtful, i)
		}
	}
	u.mu.Unlock()
	for _, i := range doubtful {
		answers = append(answers, u.ask(ctx, files[i], keys[i]))
	}
	u.hurry()
	for n, answer := range answers {
		switch err := answer.Wait(ctx); {
		case errors.Is(err, errNotStored):
			missing = append(missing, files[doubtful[n]])
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// ask puts an upload into the next requirements request that ends with the answer: nil, or errNotStored.
func (u *Uploader) ask(ctx context.Context, f api.ShamanFileSpec, k key) *Pending {
	up := &upload{blob: Blob{SHA256: f.Sha, Size: f.Size, Name: f.Path}, key: k, asks: true, pending: &Pending{u: u}}
	if err := u.admit(ctx); err != nil {
		return &Pending{err: err}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ctx.Err() != nil {
		<-u.backlog
		return &Pending{err: context.Cause(u.ctx)}
	}
	u.enqueue(up)
	return up.pending
}

// invalidate forgets what the Manager said about blobs.
func (u *Uploader) invalidate(keys []key) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.doubted = true
	u.assumeNothing()
	for _, k := range keys {
		if r, ok := u.known[k]; ok {
			u.known[k] = record{stored: r.stored}
		}
	}
}
