package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
	"github.com/flsync/flsync/uploader"
)

// SyncOptions say what Sync sends.
type SyncOptions struct {
	// Paths are the folders and files to send. What is in a single folder keeps its path below that
	// folder; of several paths, each keeps its path below the folder that they have in common.
	Paths []string

	Exclude []string // globs, as walk has them

	// Checkout is the name to ask for; a suffix makes it unique. Default: the name of the folder.
	Checkout   string
	NoCheckout bool
}

// ErrNothing says that there was nothing to do where something was expected.
var ErrNothing = errors.New("no files")

// Sync sends trees to the store and makes one checkout of them. A file that cannot be read is told, and
// the others are sent; the error then wraps [ErrPartial], and the checkout is without it.
func Sync(ctx context.Context, env Env, opt SyncOptions) (report.Summary, error) {
	roots, base, err := rootsOf(opt.Paths)
	if err != nil {
		return report.Summary{}, err
	}
	return start(ctx, env, !opt.NoCheckout, func(ctx context.Context, r *run) error {
		files, err := r.sendTrees(ctx, roots, base, opt.Exclude)
		if err != nil {
			return err
		}
		if failed := r.meter.failed.Load(); len(files) == 0 && failed > 0 {
			return fmt.Errorf("%w: none of %d files could be sent", ErrNoneDone, failed)
		}
		if len(files) == 0 {
			return fmt.Errorf("%w to send in %s", ErrNothing, strings.Join(opt.Paths, ", "))
		}
		if opt.NoCheckout || r.DryRun {
			return nil
		}
		_, err = r.checkout(ctx, cmp.Or(opt.Checkout, filepath.Base(base)), files, func(string) error { return nil })
		return err
	})
}

// sendTrees walks roots and sends every file in them, all at once: a file is hashed while the walk goes
// on, and sent while others are hashed. It returns the files that the Manager has now, by path.
func (r *run) sendTrees(ctx context.Context, roots []string, base string, exclude []string) ([]*file, error) {
	type found struct {
		*file
		walked walk.File
	}
	queue := make(chan found, 4*r.hashWorkers())
	var sent collected

	group, working := errgroup.WithContext(ctx)
	group.Go(func() error { // the walk
		defer close(queue)
		for _, root := range roots {
			prefix := below(base, root)
			err := walk.Walk(working, walk.Options{Root: root, Exclude: exclude, Warn: r.walkWarning}, func(w walk.File) error {
				r.meter.foundFile(w.Info.Size())
				f := found{&file{source: w.Path, path: joinSlash(prefix, w.Rel)}, w}
				if err := uploader.CheckPath(f.path); err != nil { // one odd name is no reason to send nothing
					r.fileFailed(f.file, err)
					return nil
				}
				select {
				case queue <- f:
					return nil
				case <-working.Done():
					return context.Cause(working)
				}
			})
			if err = r.incomplete(err); err != nil {
				return err
			}
		}
		return nil
	})
	for range r.hashWorkers() { // the hashers, which feed the uploader
		group.Go(func() error {
			for f := range queue {
				if f.walked.Info.Size() <= keepFile {
					r.awaitRoom(working)
				}
				if err := r.hash(working, f.file, f.walked.Info); err != nil {
					if working.Err() != nil {
						return context.Cause(working)
					}
					r.fileFailed(f.file, err)
					continue
				}
				sent.add(f.file)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return r.settleAll(ctx, sent.files)
}

// collected gathers files from several goroutines.
type collected struct {
	mu    sync.Mutex
	files []*file
}

func (c *collected) add(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files = append(c.files, f)
}

// settleAll waits until each file is stored, and returns those that are, sorted by path. It fails only
// when the run as a whole does.
func (r *run) settleAll(ctx context.Context, files []*file) ([]*file, error) {
	if err := r.up.Flush(ctx); err != nil {
		return nil, err
	}
	stored := files[:0]
	for _, f := range files {
		switch err := r.settle(ctx, f); {
		case err == nil:
			stored = append(stored, f)
		case gaveUp(ctx, err):
			return nil, err
		default:
			r.fileFailed(f, err)
		}
	}
	slices.SortFunc(stored, func(a, b *file) int { return cmp.Compare(a.path, b.path) })
	return stored, nil
}

// incomplete tells of what a walk could not list; nil is what is left of such an error.
func (r *run) incomplete(err error) error {
	some, ok := errors.AsType[*walk.IncompleteError](err)
	if !ok {
		return err
	}
	r.meter.failed.Add(int64(some.Count))
	for _, e := range some.Errors {
		r.Sink.Emit(report.Error{Code: e.Code, Path: e.Path, Message: e.Error()})
	}
	return nil
}

// fileFailed tells of a file that could not be read or sent.
func (r *run) fileFailed(f *file, err error) {
	r.meter.failed.Add(1)
	r.Sink.Emit(report.Error{Code: fileCode(err), Path: f.source, Message: err.Error()})
}

// rootsOf makes paths absolute and finds the folder that paths in the checkout are relative to.
func rootsOf(paths []string) (roots []string, base string, err error) {
	if len(paths) == 0 {
		return nil, "", fmt.Errorf("%w: no path was given", ErrNothing)
	}
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, "", err
		}
		if _, err := os.Stat(abs); err != nil {
			return nil, "", err
		}
		roots = append(roots, abs)
	}
	slices.Sort(roots)
	roots = slices.CompactFunc(roots, func(a, b string) bool { return below(a, b) != "" || a == b }) // b lies in a
	if len(roots) > 1 {
		return roots, commonFolder(roots), nil
	}
	info, err := os.Stat(roots[0])
	if err != nil {
		return nil, "", err
	}
	if info.IsDir() {
		return roots, roots[0], nil
	}
	return roots, filepath.Dir(roots[0]), nil
}

// below is the slash path of path below folder; "" when it is the folder itself or elsewhere.
func below(folder, path string) string {
	rel, err := filepath.Rel(folder, path)
	if err != nil || rel == "." || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return ""
	}
	return filepath.ToSlash(rel)
}

// commonFolder is the deepest folder that all of paths lie in.
func commonFolder(paths []string) string {
	folder := filepath.Dir(paths[0])
	for _, p := range paths[1:] {
		for below(folder, p) == "" && folder != filepath.Dir(folder) {
			folder = filepath.Dir(folder)
		}
	}
	return folder
}

func joinSlash(prefix, rel string) string {
	if prefix == "" {
		return rel
	}
	return prefix + "/" + rel
}
