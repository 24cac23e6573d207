package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

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

// askOnce asks the Manager for what follows from its configuration, or takes the answer that the same configuration
// gave before. question names what is asked for.
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
