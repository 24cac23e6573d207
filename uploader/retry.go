package uploader

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/flsync/flsync/flamenco"
)

// verdict is what a failed request means for the next attempt.
type verdict int

const (
	// refused: the same request can never succeed.
	refused verdict = iota
	// again: the Manager answered, with an error that passes. Config.Attempts bounds these.
	again
	// away: no Manager answered, so that this says nothing about the request. Config.Patience bounds these,
	// and Config.Attempts those during which other requests succeeded.
	away
	// changed: the content is not what was announced.
	changed
	// local: the source could not be read.
	local
)

// judge reads the error of a request.
func judge(err error) verdict {
	var (
		reply       *flamenco.Error
		unreachable *flamenco.UnreachableError
		source      *flamenco.BodyError
	)
	switch {
	case errors.Is(err, ErrChanged):
		return changed
	case errors.As(err, &source):
		if errors.Is(source.Err, io.ErrUnexpectedEOF) {
			return changed // it is shorter than it was
		}
		return local
	case errors.As(err, &unreachable):
		return away
	case errors.As(err, &reply):
		switch reply.Status {
		case http.StatusExpectationFailed:
			return changed
		case http.StatusRequestTimeout, http.StatusTooManyRequests,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return away
		}
		if reply.Status < 400 && errors.Is(err, flamenco.ErrNotAManager) {
			return away // a proxy's page of apology
		}
	}
	if flamenco.IsTemporary(err) {
		return again
	}
	return refused
}

// overloaded reports whether err is an answer that asks for fewer requests.
func overloaded(err error) bool {
	var reply *flamenco.Error
	return errors.As(err, &reply) &&
		(reply.Status == http.StatusTooManyRequests || reply.Status == http.StatusServiceUnavailable)
}

// newWaits returns growing, jittered waits: half to one and a half of 100 ms, 200 ms, 400 ms, … 5 s. Jitter
// keeps many requests that failed together from coming back together. 5 s is how late a Manager's return may
// be noticed.
func newWaits() backoff.ExponentialBackOff {
	return backoff.ExponentialBackOff{
		InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 5 * time.Second,
	}
}

// newDeferWaits returns the waits of an upload that was put off: as long as somebody else may need to send
// it. For a small file that is 100 ms, 200 ms, … 1.6 s, 3 seconds in all; for a large one ten times that.
func newDeferWaits(large bool) backoff.ExponentialBackOff {
	waits := newWaits()
	if large {
		waits.InitialInterval, waits.MaxInterval = time.Second, 30*time.Second
	}
	return waits
}

// nth returns the wait after so many failures, 1 for the first.
func nth(waits backoff.ExponentialBackOff, failures int) time.Duration {
	waits.Reset()
	for range min(failures, 16) - 1 {
		waits.NextBackOff()
	}
	return waits.NextBackOff()
}

// refusals is how many requests in a row may be refused for good before the run is given up: a password that
// expired refuses all of them, and there is no use in asking a million times.
const refusals = 32

// gate holds all requests of one kind back while the Manager is away or in trouble. While it fails, one
// request at a time goes through, with growing waits between them; the first success opens the gate again.
//
// All methods are called under the uploader's lock.
type gate struct {
	waits    backoff.ExponentialBackOff
	until    time.Time // nothing starts before
	heldAt   time.Time // when until was last set
	failures int       // since the last success
	failing  time.Time // when they closed the gate; zero: it is open
	probing  bool      // the one request is on its way
	reported bool      // the observer knows that the Manager is waited for
	refusals int       // in a row
}

func newGate() gate { return gate{waits: newWaits()} }

// open reports whether a request may start.
func (g *gate) open(now time.Time) bool {
	return !now.Before(g.until) && (g.failing.IsZero() || !g.probing)
}

// begin marks the start of a request, and reports whether it is the one that passes while the gate is closed.
func (g *gate) begin() (probe bool) {
	probe = !g.failing.IsZero()
	g.probing = g.probing || probe
	return probe
}

// succeeded ends a request that the Manager was able to answer.
func (g *gate) succeeded() {
	g.failures, g.failing, g.refusals, g.reported = 0, time.Time{}, 0, false
	g.waits.Reset()
}

// failed ends a request, begun then, that found the Manager away or in trouble. It closes the gate, and
// reports that, when the request is one of several in a row (more if many others are on their way), or when
// there are no others. A wait that the other side asked for is kept in any case.
func (g *gate) failed(err error, others int, began, now time.Time) (closed bool) {
	if asked := now.Add(min(flamenco.RetryAfter(err), time.Minute)); asked.After(g.until) && asked.After(now) {
		g.until = asked
	}
	g.failures++
	if g.failures < max(inARow, others/4) && others > 0 && g.failing.IsZero() {
		return false
	}
	if g.failing.IsZero() {
		g.failing = now
	}
	if !began.Before(g.heldAt) { // once for all that were on their way together
		g.heldAt = now
		if until := now.Add(g.waits.NextBackOff()); until.After(g.until) {
			g.until = until
		}
	}
	return true
}

// waitingAfter is how long something is tried again before the observer hears of it.
const waitingAfter = 5 * time.Second

// inARow is how many failures, without a success in between, mean that it is the Manager and not the single
// request; more when more than four times as many are on their way.
const inARow = 3

// troubled reports a failed request to the gate, and gives the run up when failures have gone on for too
// long. It is called under the lock.
func (u *Uploader) troubled(g *gate, err error, others int, began, now time.Time) (closed bool) {
	closed = g.failed(err, others, began, now)
	if since := g.failing; !g.reported && (closed && now.Sub(since) >= waitingAfter || g.until.Sub(now) >= waitingAfter) {
		if since.IsZero() {
			since = began
		}
		g.reported = true
		u.report(Event{Kind: Waiting, Since: since, Err: err})
	}
	if closed && now.Sub(g.failing) >= u.config.Patience {
		u.giveUp(u.gaveUpError(err, now.Sub(g.failing)))
	}
	return closed
}

// refusedOnce reports to the gate a request that was refused for good, and gives the run up when all of them
// are, or a proxy wants people to sign in. It is called under the lock.
func (u *Uploader) refusedOnce(g *gate, err error) {
	g.refusals++
	if errors.Is(err, flamenco.ErrSignIn) {
		u.giveUp(u.gaveUpError(err, 0))
	} else if g.refusals >= refusals {
		u.giveUp(u.gaveUpError(fmt.Errorf("it refused %d requests in a row: %w", g.refusals, err), 0))
	}
}

func (u *Uploader) gaveUpError(err error, failing time.Duration) error {
	s := u.stats
	return &GaveUpError{
		Done: s.Stored + s.Uploaded, DoneBytes: s.StoredBytes + s.UploadedBytes,
		Left: int64(u.unfinished), LeftBytes: s.LeftBytes, Failing: failing, Err: err,
	}
}
