package pipeline

import (
	"context"
	"encoding/hex"
	"os"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/hashcache"
)

// factsNamespace is where the cache keeps what blend files refer to.
const factsNamespace = "deps"

// NewTracer joins the tracer to the hash cache, which remembers what a blend file refers to under its
// digest. With hash set, a blend file whose digest is not known is hashed for it: right for a run that
// sends the file anyway, and a waste of time for one that only looks.
func NewTracer(cache *hashcache.Cache, hash bool, warn func(error)) (*deps.Tracer, error) {
	return deps.New(deps.Config{
		Facts: cache.Facts(factsNamespace),
		Digest: func(ctx context.Context, path string) (string, error) {
			info, err := os.Stat(path)
			if err != nil {
				return "", err
			}
			sum, known := cache.Lookup(path, info)
			if !known {
				if !hash {
					return "", nil
				}
				if sum, err = cache.Sum(ctx, path, info); err != nil {
					return "", err
				}
			}
			return hex.EncodeToString(sum.SHA256[:]), nil
		},
		Warn: warn,
	})
}
