package pipeline

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/journal"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/once"
	"github.com/flsync/flsync/submit/settings"
	"github.com/flsync/flsync/uploader"
)

// deliver takes one job from its files to its id: hash, skip or send, check out, submit.
func (s *submission) deliver(ctx context.Context, shot *shot) {
	s.ended(ctx, shot, s.deliverOne(ctx, shot))
}

// ended tells of a job that failed, or ends the run when the failure is the run's own.
func (s *submission) ended(ctx context.Context, shot *shot, err error) {
	switch {
	case err == nil:
	case gaveUp(ctx, err):
		s.giveUp(err)
	default:
		s.failed(ctx, shot, err)
	}
}

func (s *submission) deliverOne(ctx context.Context, shot *shot) error {
	if s.opt.UploadOnly {
		return s.upload(ctx, shot)
	}
	files, print, skipped, err := s.identify(ctx, shot, true)
	if err != nil || skipped {
		return err
	}
	s.sendAll(ctx, files)
	if err := s.settleShot(ctx, files); err != nil {
		return err
	}
	if s.DryRun {
		s.wouldSubmit(shot)
		return nil
	}
	if skipped, err := s.skipIfThere(ctx, shot, print); err != nil || skipped { // another computer's work meanwhile
		return err
	}
	checkout, err := s.checkoutShot(ctx, shot, files)
	if err != nil {
		return err
	}
	return s.post(ctx, shot, checkout, print, files)
}

// identify takes the digests of a shot's files and its fingerprint, and skips it when the Manager has its job. With
// early set, sending begins with the first digest, unless all digests together may say that nothing is to be sent.
func (s *submission) identify(ctx context.Context, shot *shot, early bool) (files []*file, print string, skipped bool, err error) {
	if err := s.check(ctx, shot); err != nil {
		return nil, "", false, err
	}
	_, found, err := s.poster.Find(ctx, shot.Key)
	if err != nil {
		return nil, "", false, err
	}
	if files, err = s.hashShot(ctx, shot, early && (!found || s.opt.Force)); err != nil {
		return nil, "", false, err
	}
	if print, err = fingerprint(shot, files); err != nil {
		return nil, "", false, err
	}
	skipped, err = s.skipIfThere(ctx, shot, print)
	return files, print, skipped, err
}

// skipIfThere skips a shot when the Manager has its job.
func (s *submission) skipIfThere(ctx context.Context, shot *shot, print string) (skipped bool, err error) {
	if s.opt.Force {
		return false, nil
	}
	before, found, err := s.poster.Find(ctx, shot.Key)
	if err != nil || !found {
		return false, err
	}
	reason := s.skips(before, print)
	if reason == "" {
		return false, nil
	}
	return true, s.skip(ctx, shot, before, reason)
}

// wouldSubmit tells of a job of a dry run.
func (s *submission) wouldSubmit(shot *shot) {
	s.meter.submitted.Add(1)
	s.Sink.Emit(report.Job{Name: shot.Name, Key: shot.Key, JobType: shot.Type, DryRun: true})
}

// upload sends a job's files and leaves it at that, so that a later run has nothing to send.
func (s *submission) upload(ctx context.Context, shot *shot) error {
	files, err := s.hashShot(ctx, shot, true)
	if err != nil {
		return err
	}
	return s.settleShot(ctx, files)
}

// fingerprint of a shot whose files have their digests.
func fingerprint(shot *shot, files []*file) (string, error) {
	return settings.Fingerprint(shot.jobType, shot.values, shot.blendAt, specsOf(files))
}

// deliverShared makes one checkout for all jobs of a project, and submits them when it is there.
func (s *submission) deliverShared(ctx context.Context, shots []*shot) {
	byProject := make(map[string][]*shot)
	for _, shot := range shots {
		byProject[shot.Project] = append(byProject[shot.Project], shot)
	}
	for _, group := range byProject {
		s.deliverGroup(ctx, group)
	}
}

func (s *submission) deliverGroup(ctx context.Context, group []*shot) {
	type identified struct {
		*shot
		files []*file
		print string
	}
	union := make(map[string]*file)
	var send []identified
	for _, shot := range group {
		files, print, skipped, err := s.identify(ctx, shot, false)
		s.ended(ctx, shot, err)
		if ctx.Err() != nil {
			return
		}
		if err != nil || skipped {
			continue
		}
		send = append(send, identified{shot, files, print})
		for i, f := range files {
			if union[f.path] == nil {
				union[f.path] = f
			}
			files[i] = union[f.path] // one for all: what changes while it is sent changes for each
		}
	}
	files := slices.SortedFunc(maps.Values(union), func(a, b *file) int { return strings.Compare(a.path, b.path) })
	s.sendAll(ctx, files)
	err := s.settleShot(ctx, files)
	checkout := ""
	if err == nil && !s.DryRun && len(files) > 0 {
		project := group[0].Project
		checkout, err = s.recordedCheckout(ctx, "checkout of "+project, filepath.Base(project), files)
		if err == nil {
			s.Sink.Emit(report.Note{Message: fmt.Sprintf("checkout %s is shared by %d jobs: it stays when they are deleted, and is yours to remove", checkout, len(send))})
		}
	}
	var posts errgroup.Group
	posts.SetLimit(postsAtOnce)
	for _, job := range send {
		posts.Go(func() error {
			one := err
			switch {
			case one != nil:
			case s.DryRun:
				s.wouldSubmit(job.shot)
			default:
				var skipped bool
				if skipped, one = s.skipIfThere(ctx, job.shot, job.print); one == nil && !skipped {
					one = s.post(ctx, job.shot, checkout, job.print, job.files)
				}
			}
			s.ended(ctx, job.shot, one)
			return nil
		})
	}
	posts.Wait() // what failed was told
}

// check has the Manager check a job before anything is sent for it: in a dry run each, else the first of
// each shape, that is of each job type with the same settings given. The others are checked by being
// submitted; a check costs the Manager nearly half of that.
func (s *submission) check(ctx context.Context, shot *shot) error {
	names := slices.Sorted(maps.Keys(shot.values))
	shape := shot.Type + "\x00" + shot.jobType.Etag + "\x00" + strings.Join(names, ",")
	s.mu.Lock()
	known := s.shapes[shape]
	s.shapes[shape] = true
	s.mu.Unlock()
	if known && !s.DryRun {
		return nil
	}
	err := s.askCheck(ctx, shot)
	if flamenco.HasStatus(err, http.StatusPreconditionFailed) {
		if err = s.renewType(ctx, shot); err == nil {
			err = s.askCheck(ctx, shot)
		}
	}
	if err != nil {
		s.mu.Lock()
		s.shapes[shape] = false
		s.mu.Unlock()
		return fmt.Errorf("the Manager's check of the job failed: %w", err)
	}
	return nil
}

func (s *submission) askCheck(ctx context.Context, shot *shot) error {
	job := s.submitted(shot, uploader.CheckoutName(shot.Name))
	_, err := ask(ctx, s.Env, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.Manager.CheckJob(ctx, job)
	})
	return err
}

// renewType fetches a job type that has changed since the run began, and makes the settings anew.
func (s *submission) renewType(ctx context.Context, shot *shot) error {
	t, err := ask(ctx, s.Env, func(ctx context.Context) (api.AvailableJobType, error) {
		return s.Manager.JobType(ctx, shot.Type)
	})
	if err != nil {
		return err
	}
	if errs := settings.Static([]*manifest.Job{shot.Job}, &settings.Farm{Types: []api.AvailableJobType{t}, Tags: s.farm.Tags}); len(errs) > 0 {
		return fmt.Errorf("the job type has changed on the Manager: %w", errs.Err())
	}
	shot.jobType = &t
	shot.values, err = settings.Resolve(ctx, settings.Input{Job: shot.Job, Type: &t, Facts: shot.facts, Blender: s.opt.Blender})
	return err
}

// hashShot takes the digests of all files of a shot, and with send set hands each on as soon as it is
// there.
func (s *submission) hashShot(ctx context.Context, shot *shot, send bool) ([]*file, error) {
	files, all := make([]*file, len(shot.sends)), make([]file, len(shot.sends))
	begun := make([]*digesting, len(shot.sends))
	for i, p := range shot.sends {
		begun[i] = s.digests.start(ctx, p.source)
	}
	var group errgroup.Group
	group.SetLimit(2 * s.hashWorkers())
	for i, p := range shot.sends {
		take := func() error {
			f := &all[i]
			f.source, f.path = p.source, p.place
			d, err := s.rewritten(ctx, p, f, begun[i])
			if err != nil {
				return fmt.Errorf("%s: %w", p.source, err)
			}
			f.sum, f.size = d.sum.SHA256, d.sum.Size
			f.digesting = d
			if send {
				s.sendOnce(ctx, f)
			}
			files[i] = f
			return nil
		}
		select {
		case <-begun[i].done: // mostly: from the cache, or by another shot
			if err := take(); err != nil {
				return nil, errors.Join(err, group.Wait())
			}
		default:
			group.Go(take)
		}
	}
	return files, group.Wait()
}

// rewritten waits for a file's digest; where a copy with other paths is sent in its stead, for that of the
// copy.
func (s *submission) rewritten(ctx context.Context, p placed, f *file, d *digesting) (*digesting, error) {
	sum, err := d.wait(ctx)
	if err != nil || p.change == nil || s.DryRun { // a dry run writes nothing, and takes the file itself for its copy
		return d, err
	}
	s.drop(d.take())
	if f.source, err = s.store.Rewritten(ctx, *p.change, hex.EncodeToString(sum.SHA256[:])); err != nil {
		return nil, err
	}
	d = s.digests.start(ctx, f.source)
	_, err = d.wait(ctx)
	return d, err
}

// sendAll hands files to the uploader that were only hashed until now.
func (s *submission) sendAll(ctx context.Context, files []*file) {
	for _, f := range files {
		if f.pending == nil {
			s.sendOnce(ctx, f)
		}
	}
}

// sendOnce hands a file to the uploader, unless another shot has done so with the same path, and that did not fail.
func (s *submission) sendOnce(ctx context.Context, f *file) {
	d := f.digesting
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending == nil || d.pending.Failed() {
		s.ensure(ctx, f, d.sum, d.content)
		d.content, d.pending = nil, f.pending
	}
	f.pending = d.pending
}

// settleShot waits until the Manager has all files of a shot.
func (s *submission) settleShot(ctx context.Context, files []*file) error {
	var errs []error
	for _, f := range files {
		if err := s.settle(ctx, f); err != nil {
			if gaveUp(ctx, err) {
				return err
			}
			s.meter.failed.Add(1)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func specsOf(files []*file) []api.ShamanFileSpec {
	specs := make([]api.ShamanFileSpec, len(files))
	for i, f := range files {
		specs[i] = f.spec()
	}
	return specs
}

// skips says why a job needs not be submitted again, "" if it has to be.
func (s *submission) skips(before api.Job, print string) string {
	same := before.Metadata[once.MetaFingerprint] == print
	switch {
	case !same:
		return ""
	case before.Status == api.JobStatusCompleted:
		return "nothing has changed since job " + before.ID + ", which is completed"
	case s.opt.OnlyChanged:
		return fmt.Sprintf("nothing has changed since job %s, which is %s", before.ID, before.Status)
	}
	return fmt.Sprintf("job %s is the same, and %s", before.ID, before.Status)
}

func (s *submission) skip(ctx context.Context, shot *shot, before api.Job, reason string) error {
	s.meter.skipped.Add(1)
	s.Sink.Emit(s.jobEvent(shot, before, reason))
	if s.DryRun {
		return nil
	}
	entry := journal.Entry{Step: journal.Skipped, Key: shot.Key, Name: shot.Name, Job: before.ID, Fingerprint: before.Metadata[once.MetaFingerprint]}
	if before.Storage != nil {
		entry.Checkout = before.Storage.ShamanCheckoutID
	}
	if err := s.journal.Record(ctx, entry); err != nil {
		return err
	}
	var replaces []api.Job
	if s.opt.Replace {
		replaces = s.older(shot.Key, before.ID)
	}
	if shot.InitialStatus != string(api.JobStatusPaused) && s.poster.Adopt(before, replaces) {
		return nil // the run that held it ended before it released it
	}
	return s.poster.Replace(ctx, before, replaces) // likewise, before it canceled what this job replaces
}

// older are the jobs of a key that run or wait, but for one.
func (s *submission) older(key, than string) []api.Job {
	return slices.DeleteFunc(s.poster.Alive(key), func(j api.Job) bool { return j.ID == than })
}

// checkoutShot makes a shot's checkout; one without files needs none.
func (s *submission) checkoutShot(ctx context.Context, shot *shot, files []*file) (string, error) {
	if len(files) == 0 {
		return "", nil
	}
	return s.recordedCheckout(ctx, shot.Key, shot.Name, files)
}

// recordedCheckout makes a checkout, and has the journal know before and after.
func (s *submission) recordedCheckout(ctx context.Context, key, name string, files []*file) (string, error) {
	record := func(step journal.Step, path, problem string) error {
		return s.journal.Record(ctx, journal.Entry{Step: step, Key: key, Name: name, Checkout: path, Error: problem})
	}
	checkout, err := s.checkout(ctx, uploader.CheckoutName(name), files, func(path string) error {
		return record(journal.CheckingOut, path, "")
	})
	if err != nil {
		var no *flamenco.Error
		if errors.As(err, &no) && no.FromManager { // without its answer there may be one
			err = errors.Join(err, record(journal.NoCheckout, "", err.Error()))
		}
		return "", err
	}
	return checkout, record(journal.CheckedOut, checkout, "")
}

// post submits a job, and once more when the Manager's job type has changed meanwhile.
func (s *submission) post(ctx context.Context, shot *shot, checkout, print string, files []*file) error {
	select {
	case s.posting <- struct{}{}:
		defer func() { <-s.posting }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if slices.ContainsFunc(files, func(f *file) bool { return f.retaken }) {
		var err error
		if print, err = fingerprint(shot, files); err != nil {
			return err
		}
	}
	request := once.Request{Job: s.submitted(shot, checkout), Key: shot.Key, Fingerprint: print, Checkout: checkout, Hold: s.opt.Hold}
	if s.opt.Replace {
		request.Replaces = s.poster.Alive(shot.Key)
	}
	before := s.meter.submitted.Load()
	job, err := s.poster.Post(ctx, request)
	if flamenco.HasStatus(err, http.StatusPreconditionFailed) {
		if err = s.renewType(ctx, shot); err == nil {
			request.Job = s.submitted(shot, checkout)
			// The next run has the new type, too, and would take the job for another.
			request.Fingerprint, err = fingerprint(shot, files)
		}
		if err == nil {
			job, err = s.poster.Post(ctx, request)
		}
	}
	if job.ID == "" {
		if s.meter.submitted.Load() > before {
			err = &ownError{err}
		}
		return err
	}
	s.meter.submitted.Add(1)
	event := s.jobEvent(shot, job, "")
	event.Checkout = checkout
	event.Blendfile, _ = request.Job.Settings[settings.Blendfile].(string)
	s.Sink.Emit(event)
	return err // it is in, and something behind it failed: the journal, or canceling what it replaces
}

// jobEvent tells of a job that is at the Manager.
func (s *submission) jobEvent(shot *shot, job api.Job, skipped string) report.Job {
	e := report.Job{
		Name: shot.Name, Key: shot.Key, ID: job.ID, Status: string(job.Status), JobType: shot.Type,
		Skipped: skipped != "", Reason: skipped, URL: s.Manager.WebURL("jobs", job.ID),
	}
	if job.Storage != nil {
		e.Checkout = job.Storage.ShamanCheckoutID
	}
	e.Blendfile, _ = job.Settings[settings.Blendfile].(string)
	return e
}
