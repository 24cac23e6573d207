package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
)

// How often a request is repeated that failed. ask waits for a Manager that is away as long as the uploader
// does.
const (
	defaultPatience = 3 * time.Minute
	firstWait       = 100 * time.Millisecond
	longestWait     = 10 * time.Second

	// strangeAnswers is how often ask accepts an internal error, or a web page in place of an answer, before it
	// gives up. Both may last for ever: a wrong URL must show within seconds.
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

// tellWait returns a function that tells people, for a request that has failed and will have taken waited
// when it is repeated, what the run waits for. Any goroutine may call it.
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

// Greeted is what [Greet] needs of a Manager; a [*flamenco.Client] has it.
type Greeted interface {
	ConfigurationFile(context.Context) (json.RawMessage, error)
	Version(context.Context) (api.FlamencoVersion, error)
}

// Greet makes sure that a Manager answers, and returns the value of [Env.Configuration]. Errors are those of
// [flamenco.Client.Version].
func Greet(ctx context.Context, m Greeted) (configuration string, err error) {
	var config struct {
		Meta *struct{} `json:"_meta"` // every configuration has it
	}
	text, err := m.ConfigurationFile(ctx)
	if err == nil && json.Unmarshal(text, &config) == nil && config.Meta != nil {
		return fmt.Sprintf("%x", sha256.Sum256(text)), nil
	}
	if err == nil || !flamenco.IsTemporary(err) { // it is older, a proxy withholds it, or this is no Manager
		_, err = m.Version(ctx)
	}
	return "", err
}

// farmAnswers is the namespace in which the cache keeps what Managers answered.
const farmAnswers = "farm answers 1"

// askOnce asks the Manager for what follows from its configuration, or takes the answer that the same
// configuration gave before. question names what is asked for.
func askOnce[T any](ctx context.Context, env Env, question string, fetch func(context.Context) (T, error)) (answer T, err error) {
	if env.Configuration == "" {
		return ask(ctx, env, fetch)
	}
	kept := env.Cache.Facts(farmAnswers)
	key := sha256.Sum256([]byte(env.Manager.URL() + "\n" + env.Configuration + "\n" + question))
	if text, ok := kept.Get(key[:]); ok && json.Unmarshal(text, &answer) == nil {
		return answer, nil
	}
	if answer, err = ask(ctx, env, fetch); err == nil {
		if text, merr := json.Marshal(answer); merr == nil {
			kept.Put(key[:], text)
		}
	}
	return answer, err
}
