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

	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
)

// SyncOptions say what Sync sends.
type SyncOptions struct {
	// Paths are the folders and files to send. What is in a single folder keeps its path below that
	// folder; of several paths, each keeps its path below the folder that they have in common.
	Paths []string

	Exclude []string // patterns, as [gate.Patterns] has them, relative to that folder

	// Checkout is the name to ask for; a suffix makes it unique. Default: the name of the folder.
	Checkout   string
	NoCheckout bool
}

// Sync sends trees to the store and makes one checkout of them. A file that cannot be read is reported, and
// the others are sent; the error then wraps [ErrPartial], and the checkout is without it. If nothing is there
// to be sent, the error is [ErrNothing], or [ErrNoneDone] if every file failed.
func Sync(ctx context.Context, env Env, opt SyncOptions) (report.Summary, error) {
	roots, base, err := rootsOf(opt.Paths)
	if err != nil {
		return report.Summary{}, err
	}
	exclude, err := gate.ParsePatterns(opt.Exclude, base)
	if err != nil {
		return report.Summary{}, fmt.Errorf("%w: --exclude: %w", ErrPattern, err)
	}
	r, err := openRun(ctx, env, !opt.NoCheckout, true)
	if err != nil {
		return report.Summary{}, err
	}
	if r.mode == StorageInPlace {
		return r.close(fmt.Errorf("%w: sync sends nothing with --storage in-place; use copy or shaman", ErrUnsupported))
	}
	if p, copies := r.store.(*pool); copies {
		p.folder = syncFolder // which stays, as no job has it
	}
	return r.close(r.syncTrees(ctx, opt, roots, base, exclude))
}

// syncTrees goes the way of a job in [submission.advance], as far as trees go it: its files are found by a
// walk, hashed, stored and checked out.
func (r *run) syncTrees(ctx context.Context, opt SyncOptions, roots []string, base string, exclude *gate.Patterns) error {
	copies, _ := r.store.(*pool)
	if opt.NoCheckout || r.env.DryRun {
		copies = nil
	}
	t := &trees{run: r, late: copies != nil, folders: make(map[string]*treeFolder)}
	if err := t.hash(ctx, roots, base, exclude); err != nil {
		return err
	}
	r.sender.sent = t.sent
	r.reportUnused(exclude)
	t.composed(place.RulesOf(base))
	name := cmp.Or(opt.Checkout, filepath.Base(base))
	if copies != nil {
		if t.isStanding(ctx, copies, name) {
			return nil
		}
		t.sendLate(ctx)
	}
	if err := t.store(ctx); err != nil {
		return err
	}
	if failed := r.meter.failed.Load(); len(t.files) == 0 && failed > 0 {
		return fmt.Errorf("%w: none of %d files could be sent", ErrNoneDone, failed)
	}
	if len(t.files) == 0 {
		return fmt.Errorf("%w to send in %s", ErrNothing, strings.Join(opt.Paths, ", "))
	}
	if r.env.DryRun {
		r.odd.warn(ctx, r, name, t.paths)
	}
	if opt.NoCheckout || r.env.DryRun {
		return nil
	}
	_, err := r.checkOut(ctx, name, t.specs(), t.paths, func(string) error { return nil })
	return err
}

// admit makes the gate for a tree, which holds back what leads out of it if a file is replaced while the run
// goes on. A root that is a file was named by a person.
func (r *run) admit(root string) error {
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		r.gates.vouch(root)
		return nil
	}
	_, err = r.gates.open(gate.Config{Project: root, Policy: gate.Policy{Outside: gate.OutsideDeny}})
	return err
}

// incomplete reports what a walk could not list, and returns nil then. Another error it returns as it is.
func (r *run) incomplete(err error) error {
	some, ok := errors.AsType[*walk.IncompleteError](err)
	if !ok {
		return err
	}
	r.meter.failed.Add(int64(some.Count))
	for _, e := range some.Errors {
		r.env.Sink.Emit(report.Error{Code: e.Code, Path: e.Path, Message: e.Error()})
	}
	return nil
}

// fileFailed reports a file that could not be read or sent.
func (r *run) fileFailed(source string, err error) {
	r.meter.failed.Add(1)
	r.env.Sink.Emit(report.Error{Code: fileCode(err), Path: source, Message: err.Error()})
}

// rootsOf makes paths absolute and finds the folder that paths in the checkout are relative to.
func rootsOf(paths []string) (roots []string, base string, err error) {
	if len(paths) == 0 {
		return nil, "", fmt.Errorf("%w: no path was given", ErrNothing)
	}
	var speller place.Speller
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, "", err
		}
		abs = speller.Spell(abs)
		if _, err := os.Stat(abs); err != nil {
			return nil, "", err
		}
		roots = append(roots, abs)
	}
	all := roots
	roots = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(all))), func(root string) bool {
		return slices.ContainsFunc(all, func(other string) bool { return below(other, root) != "" }) // it lies in another
	})
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
	if rel, _ := place.Inside(folder, path); rel != "." {
		return rel
	}
	return ""
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
