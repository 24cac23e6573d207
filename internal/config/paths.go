package config

import (
	"fmt"
	"path/filepath"
)

// Paths are the places where flsync keeps what outlives a run. All lie beside the hash cache, so that
// moving the cache moves everything.
type Paths struct {
	Cache    string // the hash cache's file
	Journal  string // what was submitted
	Runs     string // folder: one event log a run
	Rewrites string // folder: blend files with rewritten paths
	Embedded string // folder: the embedded Manager's storage
}

// Paths derives them from the configured cache file, or from the user's cache folder.
func (c *Config) Paths(userCacheDir func() (string, error)) (Paths, error) {
	cache := expandHome(c.Cache)
	if cache == "" {
		dir, err := userCacheDir()
		if err != nil {
			return Paths{}, fmt.Errorf("%w: no cache folder: %w; give --cache FILE or set %s", ErrUsage, err, EnvCache)
		}
		cache = filepath.Join(dir, "flsync", "hashes.db")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return Paths{}, fmt.Errorf("%w: cache: %w", ErrUsage, err)
	}
	dir := filepath.Dir(cache)
	return Paths{
		Cache:    cache,
		Journal:  filepath.Join(dir, "journal"),
		Runs:     filepath.Join(dir, "runs"),
		Rewrites: filepath.Join(dir, "rewrites"),
		Embedded: filepath.Join(dir, "embedded-manager"),
	}, nil
}
