package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"

	"github.com/flsync/flsync/internal/pattern"
)

// Paths are the places where flsync keeps what outlives a run. What can be made again lies beside the hash
// cache; the rest lies in the state folder, which programs that clean caches leave alone.
type Paths struct {
	Cache    string // the hash cache's file
	Embedded string // folder: the embedded Manager's storage
	Journal  string // folder: what was submitted
	Runs     string // folder: one event log a run
	Rewrites string // folder: blend files with rewritten paths
}

// Paths derives them from the configuration, else from the user's cache folder and the system's place for
// state. What earlier versions kept beside the cache moves into the state folder.
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
	beside := filepath.Dir(cache)
	state := cmp.Or(expandHome(c.State), beside) // without a home folder no other place is known
	if state, err = filepath.Abs(state); err != nil {
		return Paths{}, fmt.Errorf("%w: state: %w", ErrUsage, err)
	}
	p := Paths{
		Cache:    cache,
		Embedded: filepath.Join(beside, "embedded-manager"),
		Journal:  filepath.Join(state, "journal"),
		Runs:     filepath.Join(state, "runs"),
		Rewrites: filepath.Join(state, "rewrites"),
	}
	if state == beside {
		return p, nil
	}
	for to, ours := range map[string]func() *regexp.Regexp{p.Journal: journals, p.Runs: logs, p.Rewrites: rewrites} {
		if err := adopt(filepath.Join(beside, filepath.Base(to)), to, ours()); err != nil {
			return Paths{}, fmt.Errorf("moving what an earlier version kept in %s: %w", beside, err)
		}
	}
	return p, nil
}

// Names that flsync gives: to files of runs, and to the folders of rewritten files.
var (
	journals = pattern.Lazy(`^\d{8}-\d{6}-[0-9a-f]+\.journal$`)
	logs     = pattern.Lazy(`^\d{8}-\d{6}-[0-9a-f]+\.jsonl$`)
	rewrites = pattern.Lazy(`^[0-9a-f]{2}$`)
)

// adopt moves the entries of a folder that have names of ours into another folder, where it replaces nothing.
// Two programs may do so at once.
func adopt(from, to string, ours *regexp.Regexp) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil // it is not there, or not ours
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		_, err := os.Lstat(filepath.Join(to, e.Name()))
		return err == nil || !ours.MatchString(e.Name())
	})
	if len(entries) == 0 {
		return nil
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		old, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		err := os.Rename(old, target)
		if err == nil || errors.Is(err, fs.ErrNotExist) || e.IsDir() { // a folder of rewritten files can be made again
			continue
		}
		if err := copyFile(old, target); err != nil { // it lies on another file system
			return err
		}
	}
	_ = os.Remove(from) // if it is empty now
	return nil
}

// copyFile moves a small file by its contents.
func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return os.Remove(from)
}

// userStateDir returns the system's place for state of this user, "" where none is known: $XDG_STATE_HOME or
// ~/.local/state (XDG Base Directory Specification 0.8), ~/Library/Application Support, or %LocalAppData%.
func userStateDir(getenv func(string) string, system string) string {
	variable, below := "HOME", ".local/state"
	switch xdg := getenv("XDG_STATE_HOME"); {
	case system == "windows":
		variable, below = "LocalAppData", ""
	case system == "darwin" || system == "ios":
		below = "Library/Application Support"
	case filepath.IsAbs(xdg): // a relative path is to be ignored
		variable, below = "XDG_STATE_HOME", ""
	}
	if dir := getenv(variable); dir != "" {
		return filepath.Join(dir, filepath.FromSlash(below), "flsync")
	}
	return ""
}

func (c *Config) findState(getenv func(string) string) {
	override(&c.State, getenv(EnvState))
	c.State = cmp.Or(c.State, userStateDir(getenv, runtime.GOOS))
}
