package pack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/flsync/flsync/internal/openfile"
)

// A Store keeps rewritten blend files under what went into them, so that the
// same shot tomorrow costs nothing. Goroutines and programs may share one.
type Store struct {
	config StoreConfig
	flight singleflight.Group
	now    func() time.Time
}

// StoreConfig says where rewritten files are kept, and how many.
type StoreConfig struct {
	// Dir is made when it is not there, for its owner alone: blend files of
	// everybody's projects end up in it.
	Dir string
	// MaxBytes is how much Prune leaves. 0 means 20 GiB: a night's shots with
	// their libraries, and not more than a workstation's disk can spare.
	MaxBytes int64
	// KeepFor is for how long after its last use Prune touches nothing, however
	// much there is: another run may be sending it. 0 means 24 hours.
	KeepFor time.Duration
}

// Validate reports values that make no sense.
func (c StoreConfig) Validate() error {
	switch {
	case c.Dir == "":
		return errors.New("pack: no folder for rewritten files")
	case c.MaxBytes < 0 || c.KeepFor < 0:
		return errors.New("pack: negative limits for rewritten files")
	}
	return nil
}

// OpenStore prepares a store; it makes no folder yet.
func OpenStore(config StoreConfig) (*Store, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config.MaxBytes = cmp.Or(config.MaxBytes, 20<<30)
	config.KeepFor = cmp.Or(config.KeepFor, 24*time.Hour)
	return &Store{config: config, now: time.Now}, nil
}

// writerVersion changes whenever the same edits of the same file would give other bytes, or another key.
const writerVersion = "flsync rewritten blend file 2"

// key is a digest of all that decides what a rewritten file holds.
func key(digest string, edits []Edit) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n", writerVersion, digest)
	for _, e := range edits {
		fmt.Fprintf(h, "%d %d %d %d %q\n", e.Offset, e.Size, e.Block, e.Length, e.New)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Rewritten gives the path of a file that holds c with its edits made. digest is one of the contents of c as
// they are now, of any kind. The file is not to be changed; it stays for at least StoreConfig.KeepFor.
//
// Errors are those of Rewrite. ErrChanged is also given when the file was written to in the meantime.
func (s *Store) Rewritten(ctx context.Context, c Changed, digest string) (string, error) {
	if digest == "" {
		return "", fmt.Errorf("%s: its digest is needed to keep a rewritten copy", c.Path)
	}
	key := key(digest, c.Edits)
	path, err, _ := s.flight.Do(key, func() (any, error) { return s.rewritten(ctx, c, key) })
	if err != nil {
		return "", err
	}
	return path.(string), nil
}

// usedSuffix is that of an empty file that shows by its times when the file beside it was last used. The
// times of the file itself stay, as caches of digests go by them.
const usedSuffix = ".used"

// usedGrain is how old that may be before it is renewed.
const usedGrain = time.Hour

func (s *Store) rewritten(ctx context.Context, c Changed, key string) (string, error) {
	path := filepath.Join(s.config.Dir, key[:2], key[2:]+".blend")
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		return path, s.touch(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	if err := s.touch(path); err != nil {
		return "", err
	}
	return path, writeAtomically(path, func(dst *os.File) error { return rewriteUnchanged(ctx, dst, c) })
}

// touch notes that a file is used.
func (s *Store) touch(path string) error {
	now := s.now()
	if info, err := os.Stat(path + usedSuffix); err == nil && now.Sub(info.ModTime()).Abs() < usedGrain {
		return nil
	}
	f, err := os.OpenFile(path+usedSuffix, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	return os.Chtimes(path+usedSuffix, now, now)
}

// rewriteUnchanged rewrites a file and sees to it that nobody wrote to it meanwhile.
func rewriteUnchanged(ctx context.Context, dst *os.File, c Changed) error {
	before, err := os.Stat(c.Path)
	if err != nil {
		return err
	}
	src, err := openfile.Open(c.Path, before) // it may be a link
	if err != nil {
		return err
	}
	defer src.Close()
	before, err = src.Stat()
	if err != nil {
		return err
	}
	if err := Rewrite(ctx, dst, src, c.Edits); err != nil {
		return err
	}
	after, err := src.Stat()
	if err != nil {
		return err
	}
	if before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
		return fmt.Errorf("%s: %w", c.Path, ErrChanged)
	}
	return nil
}

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".writing-"

// writeAtomically makes a file that is either whole or not there, also after a crash.
func writeAtomically(path string, write func(*os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	err = os.Rename(f.Name(), path)
	if info, serr := os.Stat(path); err != nil && serr == nil && info.Mode().IsRegular() && info.Size() > 0 {
		os.Remove(f.Name())
		return nil // another run has made it meanwhile and has it open, over which Windows renames nothing
	}
	return err
}

// Pruned says what Prune did.
type Pruned struct {
	Files int   // removed
	Bytes int64 // freed
	Kept  int64 // bytes that are left
}

// Prune removes what was not used for longest until MaxBytes are left, and
// what crashed runs left behind. Call it at the end of a run.
func (s *Store) Prune(ctx context.Context) (Pruned, error) {
	type entry struct {
		path string
		size int64
		used time.Time
	}
	var entries []entry
	var done Pruned
	horizon := s.now().Add(-s.config.KeepFor)
	err := filepath.WalkDir(s.config.Dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // nothing yet, or another program prunes too
		}
		if err != nil || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone
		}
		switch name := d.Name(); {
		case strings.HasPrefix(name, tempPrefix):
			if info.ModTime().Before(horizon) {
				os.Remove(path)
			}
		case strings.HasSuffix(name, usedSuffix):
			if _, err := os.Lstat(strings.TrimSuffix(path, usedSuffix)); errors.Is(err, fs.ErrNotExist) && info.ModTime().Before(horizon) {
				os.Remove(path)
			}
		case strings.HasSuffix(name, ".blend"):
			e := entry{path, info.Size(), info.ModTime()}
			if mark, err := os.Stat(path + usedSuffix); err == nil {
				e.used = mark.ModTime()
			}
			entries = append(entries, e)
			done.Kept += e.size
		}
		return nil
	})
	if err != nil {
		return done, err
	}
	slices.SortFunc(entries, func(a, b entry) int { return a.used.Compare(b.used) })
	for _, e := range entries {
		if done.Kept <= s.config.MaxBytes || !e.used.Before(horizon) {
			break
		}
		if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return done, err
		}
		os.Remove(e.path + usedSuffix)
		done.Files, done.Bytes, done.Kept = done.Files+1, done.Bytes+e.size, done.Kept-e.size
	}
	return done, nil
}
