package pipeline

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/submit/settings"
)

// hashJob takes the digests of a planned job's files, and skips the job if the Manager has it. The files of a
// job that no earlier run on this computer knows go to the store as soon as their digests are known; of
// others, all digests together may show that nothing is to be sent. The Manager checks a job before anything
// is sent for it.
func (s *submission) hashJob(ctx context.Context, j *jobRun) error {
	if s.opt.UploadOnly {
		j.state = hashed
		return s.hashFiles(ctx, j.files, true)
	}
	known := s.poster.Knows(j.job.Key) && !s.opt.Force
	if !known {
		if err := s.checkJob(ctx, j); err != nil {
			return err
		}
	}
	if err := s.hashFiles(ctx, j.files, !known && !j.inPlace); err != nil {
		return err
	}
	j.state = hashed
	if err := s.skipIfThere(ctx, j); err != nil || j.state == ended || !known {
		return err
	}
	return s.checkJob(ctx, j)
}

// hashFiles returns when the digests of all files are known.
func (s *submission) hashFiles(ctx context.Context, files []*file, send bool) error {
	var copies errgroup.Group
	copies.SetLimit(s.run.env.hashWorkers())
	rewritten := func(f *file) bool { return f.change != nil && !s.run.env.DryRun } // a dry run writes nothing
	for _, f := range files {
		if rewritten(f) {
			copies.Go(func() error {
				if err := s.rewrite(ctx, f, send); err != nil {
					return fmt.Errorf("%s: %w", f.source, err)
				}
				return nil
			})
		}
	}
	for _, f := range files {
		if !rewritten(f) {
			f.digest = s.digests.get(ctx, f.source, send)
		}
	}
	err := copies.Wait()
	for _, f := range files {
		if f.digest != nil && err == nil {
			if _, err = f.digest.wait(ctx); err != nil {
				err = fmt.Errorf("%s: %w", f.source, err)
			}
		}
	}
	return err
}

// rewrite makes the copy of a blend file with other paths that is sent in its place.
func (s *submission) rewrite(ctx context.Context, f *file, send bool) error {
	original := s.digests.get(ctx, f.source, false)
	sum, err := original.wait(ctx)
	if err != nil {
		return err
	}
	s.run.sender.drop(original.takeContent())
	source, err := s.rewrites.Rewritten(ctx, *f.change, hex.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	s.run.gates.vouch(source) // it is flsync's own
	f.source, f.digest = source, s.digests.get(ctx, source, send)
	return nil
}

// findFingerprint computes the fingerprint of a job whose files' digests are known, unless it is there.
func (j *jobRun) findFingerprint() (err error) {
	if j.fingerprint != "" {
		return nil
	}
	j.fingerprint, err = settings.Fingerprint(j.jobType, j.values, j.blendAt, specsOf(j.files))
	return err
}

// hasFingerprint computes the fingerprint of a job whose files' digests are known, and reports whether stored,
// of a job at the Manager, is the same, also as earlier releases made it.
func (j *jobRun) hasFingerprint(stored string) (bool, error) {
	if err := j.findFingerprint(); err != nil || stored == "" || stored == j.fingerprint {
		return stored == j.fingerprint, err
	}
	earlier, err := settings.EarlierFingerprint(j.jobType, j.values, j.blendAt, specsOf(j.files))
	return stored == earlier, err
}

// storeJob hands what is not yet sent to the store, and waits until the store has all files of a job. A dry
// run and a run that only uploads end there.
func (s *submission) storeJob(ctx context.Context, j *jobRun) error {
	toSend := j.files
	if j.inPlace {
		toSend = nil
	}
	for _, f := range toSend {
		s.run.sender.send(ctx, f.source, f.digest)
	}
	var errs []error
	for _, f := range toSend {
		if err := s.run.sender.waitStored(ctx, f); err != nil {
			if abortsRun(ctx, err) {
				return err
			}
			if f.digest.countFailure() {
				s.run.meter.failed.Add(1)
			}
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	switch {
	case s.opt.UploadOnly:
		j.state = ended
		return nil
	case s.run.env.DryRun:
		s.reportWouldSubmit(ctx, j)
		j.state = ended
		return nil
	}
	j.state = stored
	if slices.ContainsFunc(j.files, func(f *file) bool { return f.digest.now().changed }) {
		j.fingerprint = ""
	}
	return nil
}
