package pipeline

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/flsync/flsync/flamenco"
)

// How often a question is asked again to which the answer was no answer. A Manager that is away is waited
// for as long as the uploader would.
const (
	defaultPatience = 3 * time.Minute
	firstWait       = 100 * time.Millisecond
	longestWait     = 10 * time.Second

	// strangeAnswers is how often an internal error, or a web page where the API should be, is taken for
	// passing. Both may be for ever: a wrong URL shows within seconds.
	strangeAnswers = 5
)

// ask puts a question to the Manager that changes nothing there, and so may be put again.
func ask[T any](ctx context.Context, env Env, question func(context.Context) (T, error)) (T, error) {
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
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(cmp.Or(env.Upload.Patience, defaultPatience)))
}

// isStrange tells of an answer that may pass, or may be all that will ever come.
func isStrange(err error) bool {
	var reply *flamenco.Error
	if !errors.As(err, &reply) {
		return false
	}
	return reply.Status == http.StatusInternalServerError || reply.Status < 400 && errors.Is(err, flamenco.ErrNotAManager)
}
