package manager

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// sweep deletes stored files that nobody asked for since before and that no checkout links to. It returns how
// many.
func (b *blobStore) sweep(ctx context.Context, before time.Time) (deleted int, err error) {
	old, err := b.olderThan(ctx, before)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	if err := b.dropLinked(ctx, old); err != nil {
		return 0, err
	}
	var errs []error
	for path := range old {
		if ctx.Err() != nil {
			break
		}
		info, err := os.Stat(path)
		if err != nil || info.ModTime().After(before) { // asked for meanwhile
			continue
		}
		if err := os.Remove(path); err != nil {
			errs = append(errs, err)
			continue
		}
		_ = os.Remove(filepath.Dir(path)) // unless another size is in it
		deleted++
	}
	return deleted, errors.Join(errs...)
}

func (b *blobStore) olderThan(ctx context.Context, before time.Time) (map[string]bool, error) {
	old := make(map[string]bool)
	err := filepath.WalkDir(filepath.Join(b.dir, storedDir), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a client that writes here has removed its probe
			return nil
		}
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		if _, ours := keyOf(path); !ours {
			return nil
		}
		if info, err := d.Info(); err == nil && info.ModTime().Before(before) {
			old[path] = true
		}
		return nil
	})
	return old, err
}

// dropLinked takes those out of old that a checkout links to.
func (b *blobStore) dropLinked(ctx context.Context, old map[string]bool) error {
	return filepath.WalkDir(filepath.Join(b.dir, "jobs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) { // a checkout that is being deleted
				return nil
			}
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			if target, err := os.Readlink(path); err == nil {
				delete(old, filepath.Join(filepath.Dir(path), target))
			}
		}
		return ctx.Err()
	})
}
