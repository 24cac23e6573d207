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

// isStrange reports whether err is an answer that may pass, or may be all that will ever come.
func isStrange(err error) bool {
	var reply *flamenco.Error
	if !errors.As(err, &reply) {
		return false
	}
	return reply.Status == http.StatusInternalServerError || reply.Status < 400 && errors.Is(err, flamenco.ErrNotAManager)
}
