package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/report"
)

// How often a request is repeated that failed. ask waits for a Manager that is away as long as the uploader does.
const (
	defaultPatience = 3 * time.Minute
	firstWait       = 100 * time.Millisecond
	longestWait     = 10 * time.Second

	// strangeAnswers is how often ask accepts an internal error, or a web page in place of an answer, before it gives
	// up. Both may last for ever: a wrong URL must show within seconds.
	strangeAnswers = 5
)

// ask sends the Manager a request that changes nothing there, and repeats it after failures that may pass.
func ask[T any](ctx context.Context, env Env, question func(context.Context) (T, error)) (T, error) {
	began, onWait := time.Now(), tellWait(env.Sink)
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval = firstWait
	waits.MaxInterval = longestWait
	strange := 0
	return backoff.Retry(ctx, func() (T, error) {
		answer, err := question(ctx)
		if err == nil {
			return answer, nil
		}
		if isStrange(err) {
			if strange++; strange < strangeAnswers {
				return answer, err
			}
			return answer, backoff.Permanent(err)
		}
		if !flamenco.IsTemporary(err) {
			err = backoff.Permanent(err)
		}
		return answer, err
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(cmp.Or(env.Upload.Patience, defaultPatience)),
		backoff.WithNotify(func(err error, wait time.Duration) { onWait(err, time.Since(began)+wait) }))
}

// How long a request is repeated in silence, and how often people are told of one that is repeated on.
const (
	silentWait = 5 * time.Second
	tellEvery  = time.Minute
)

// tellWait returns a function that tells people, for a request that has failed and will have taken waited when it is
// repeated, what the run waits for. Any goroutine may call it.
func tellWait(sink report.Sink) func(err error, waited time.Duration) {
	var mu sync.Mutex
	var told time.Time
	return func(err error, waited time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if waited >= silentWait && (told.IsZero() || time.Since(told) >= tellEvery) {
			told = time.Now()
			sink.Emit(report.Note{Code: "unreachable", Message: fmt.Sprintf("waiting for the Manager: %v", err)})
		}
	}
}

// isStrange reports whether err is an answer that may pass, or may be all that will ever come.
func isStrange(err error) bool {
	var reply *flamenco.Error
	if !errors.As(err, &reply) {
		return false
	}
	return reply.Status == http.StatusInternalServerError || reply.Status < 400 && errors.Is(err, flamenco.ErrNotAManager)
}
