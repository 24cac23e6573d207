package walk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch calls changed, from one goroutine, once the folders below root are watched, so that nothing is missed
// meanwhile, and then whenever something there has changed and nothing more has for the time quiet, so that a
// program that saves in several steps causes one call. It also calls changed when changes go on for ten times
// that long. It returns when ctx ends, with its cause, or with the first error: of changed, or of the system,
// which limits how many folders can be watched. What the ignore rules leave out by name is not watched. On
// Windows and macOS it polls.
func Watch(ctx context.Context, root string, quiet time.Duration, changed func(context.Context) error) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return poll(ctx, root, quiet, changed)
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching %s: %w", root, err)
	}
	defer watcher.Close()
	if err := watchTree(watcher, root); err != nil {
		return err
	}
	if err := changed(ctx); err != nil {
		return err
	}
	const longest = 10 // times quiet
	var wait, atLast <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case event, ok := <-watcher.Events:
			if !ok {
				return errors.New("the system ended the watch")
			}
			if event.Op == fsnotify.Chmod || unwatched(filepath.Base(event.Name)) {
				continue
			}
			if event.Has(fsnotify.Create) {
				if err := watchTree(watcher, event.Name); err != nil {
					return err
				}
			}
			if atLast == nil {
				atLast = time.After(longest * quiet)
			}
			wait = time.After(quiet)
			continue
		case err := <-watcher.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("watching %s: %w", root, err)
			}
			wait = time.After(quiet) // events were lost: look at all
			continue
		case <-wait:
		case <-atLast:
		}
		wait, atLast = nil, nil
		if err := changed(ctx); err != nil {
			return err
		}
	}
}

// watchTree adds a folder and all below it. What vanishes meanwhile is no error.
func watchTree(watcher *fsnotify.Watcher, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case errors.Is(err, fs.ErrPermission) && path != root:
			return fs.SkipDir // a sync tells of it
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		case path != root && unwatched(d.Name()):
			return fs.SkipDir
		}
		if err := watcher.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("watching %s: %w (on Linux, fs.inotify.max_user_watches limits the folders)", path, err)
		}
		return nil
	})
}

// unwatched reports whether changes of a name never matter: version control, and what editors write beside a
// file.
func unwatched(name string) bool {
	switch name {
	case ".git", ".svn", ".hg", ".bzr", "CVS", ".DS_Store":
		return true
	}
	return strings.HasSuffix(name, "~") || strings.HasPrefix(name, ".#")
}
