package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/journal"
	"github.com/flsync/flsync/uploader"
)

// checkOutJob makes the checkout of a stored job. With shared checkouts, the job waits for
// [submission.checkOutTogether].
func (s *submission) checkOutJob(ctx context.Context, j *jobRun) (err error) {
	if j.inPlace {
		j.state = checkedOut
		return nil
	}
	if s.sharesCheckouts() {
		return nil
	}
	if err := s.skipIfThere(ctx, j); err != nil || j.state == ended { // another computer has submitted it meanwhile
		return err
	}
	if len(j.files) > 0 {
		if j.checkout, err = s.recordedCheckout(ctx, j.job.Key, j.job.Name, j.files); err != nil {
			return err
		}
	}
	j.state = checkedOut
	return nil
}

// checkOutTogether makes one checkout for all jobs of a project that are stored, and returns the jobs that
// have one.
func (s *submission) checkOutTogether(ctx context.Context, jobs []*jobRun) (checked []*jobRun) {
	for _, group := range byProject(jobs) {
		group = slices.DeleteFunc(group, func(j *jobRun) bool {
			failed := s.finishJob(ctx, j, s.skipIfThere(ctx, j))
			return failed || j.state == ended
		})
		path, err := s.checkOutGroup(ctx, group)
		for _, j := range group {
			if err == nil {
				j.checkout, j.state = path, checkedOut
				checked = append(checked, j)
			} else {
				s.finishJob(ctx, j, err)
			}
		}
	}
	return checked
}

// checkOutGroup makes a checkout with all files of a group's jobs.
func (s *submission) checkOutGroup(ctx context.Context, group []*jobRun) (path string, err error) {
	union := make(map[string]*file)
	for _, j := range group {
		for _, f := range j.files {
			union[f.checkoutPath] = f
		}
	}
	if len(union) == 0 {
		return "", nil
	}
	files := slices.SortedFunc(maps.Values(union), func(a, b *file) int { return cmp.Compare(a.checkoutPath, b.checkoutPath) })
	project := group[0].job.Project
	if path, err = s.recordedCheckout(ctx, "checkout of "+project, filepath.Base(project), files); err != nil {
		return "", err
	}
	s.run.env.Sink.Emit(report.Note{Message: fmt.Sprintf("checkout %s is shared by %d jobs: it stays when they are deleted, and is yours to remove", path, len(group))})
	return path, nil
}

// recordedCheckout makes a checkout, and records it in the journal before and after.
func (s *submission) recordedCheckout(ctx context.Context, key, name string, files []*file) (string, error) {
	record := func(step journal.Step, path, problem string) error {
		return s.journal.Record(ctx, journal.Entry{Step: step, Key: key, Name: name, Checkout: path, Error: problem})
	}
	path, err := s.run.checkOut(ctx, uploader.CheckoutName(name), specsOf(files), pathsOf(files), func(path string) error {
		return record(journal.CheckingOut, path, "")
	})
	if err != nil {
		var refused *flamenco.Error
		if errors.As(err, &refused) && refused.FromManager { // without an answer of the Manager's the checkout may be there
			err = errors.Join(err, record(journal.NoCheckout, "", err.Error()))
		}
		return "", err
	}
	return path, record(journal.CheckedOut, path, "")
}

// oddNames finds files that Windows cannot hold, if the farm's storage or a worker is on Windows.
type oddNames struct {
	mu      sync.Mutex
	asked   bool
	windows bool
}

// An oddName is a file that Windows cannot hold, and why.
type oddName struct {
	source, checkoutPath string
	why                  error
}

// find returns those of the files of a checkout, of which paths are source and path in the checkout.
func (o *oddNames) find(ctx context.Context, r *run, checkout string, paths iter.Seq2[string, string]) (odd []oddName) {
	storage := filepath.ToSlash(r.farm.StorageLocation)
	folder := path.Join(storage, checkout)
	for source, at := range paths {
		if err := place.ForWindows(folder, at); err != nil {
			odd = append(odd, oddName{source, at, err})
		}
	}
	if len(odd) == 0 || !o.onWindows(ctx, r, storage) {
		return nil
	}
	return odd
}

// onWindows reports whether a part of the farm is on Windows. It asks the Manager once; if that fails, it is
// so.
func (o *oddNames) onWindows(ctx context.Context, r *run, storage string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.asked {
		platforms, err := r.platforms(ctx)
		o.asked = true
		o.windows = err != nil || place.Volume(storage) != "" || slices.Contains(platforms, "windows")
	}
	return o.windows
}

// warn warns of the files of a checkout that find returns, of each once a run.
func (o *oddNames) warn(ctx context.Context, r *run, checkout string, paths iter.Seq2[string, string]) {
	for _, f := range o.find(ctx, r, checkout, paths) {
		if r.first("odd\x00" + f.checkoutPath) {
			r.env.Sink.Emit(report.Warning{Code: check.NameWindows, Path: f.source, Message: f.why.Error()})
		}
	}
}

// warnOdd warns of the files of a job that is not checked out in this run.
func (s *submission) warnOdd(ctx context.Context, j *jobRun) {
	if s.run.env.Manager != nil && !j.inPlace {
		s.run.odd.warn(ctx, s.run, uploader.CheckoutName(j.job.Name), pathsOf(j.files))
	}
}
