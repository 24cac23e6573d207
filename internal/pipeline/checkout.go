package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/flsync/flsync/flamenco"
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

// checkOutTogether makes one checkout for all jobs of a project that are stored, and returns the jobs that have one.
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
	path, err := s.run.checkOut(ctx, uploader.CheckoutName(name), files, func(path string) error {
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
