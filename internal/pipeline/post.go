package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/journal"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/once"
	"github.com/flsync/flsync/submit/settings"
	"github.com/flsync/flsync/uploader"
)

// postsAtOnce is how many jobs are posted at once. The Manager is no faster with more of them.
const postsAtOnce = 4

// postJob submits a job whose checkout is there, and once more if the Manager's job type has changed
// meanwhile.
func (s *submission) postJob(ctx context.Context, j *jobRun) error {
	select {
	case s.posting <- struct{}{}:
		defer func() { <-s.posting }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// A checkout may take minutes, in which another computer can have submitted the job.
	if err := s.skipIfThere(ctx, j); err != nil || j.state == ended {
		return err
	}
	if there, err := s.folderStays(j); err != nil || !there {
		return err
	}
	request := once.Request{Key: j.job.Key, Checkout: j.checkout, Hold: s.opt.Hold}
	if s.opt.Replace {
		request.Replaces = s.poster.Alive(j.job.Key)
	}
	post := func() (job api.Job, err error) {
		if err := j.findFingerprint(); err != nil {
			return job, err
		}
		request.Job, request.Fingerprint = s.submittedJob(j, j.checkout), j.fingerprint
		return s.poster.Post(ctx, request)
	}
	before := s.run.meter.submitted.Load()
	job, err := post()
	if flamenco.HasStatus(err, http.StatusPreconditionFailed) {
		if err = s.renewType(ctx, j); err == nil {
			job, err = post()
		}
	}
	if job.ID == "" {
		if s.run.meter.submitted.Load() > before {
			err = &jobOnlyError{err}
		}
		return err
	}
	j.state = posted
	s.run.meter.submitted.Add(1)
	event := s.jobEvent(j, job, "")
	event.Checkout = j.checkout
	event.Blendfile, _ = request.Job.Settings[settings.Blendfile].(string)
	s.run.env.Sink.Emit(event)
	return err // the job is in, and something behind it failed: the journal, or canceling what it replaces
}

// folderStays keeps prunes from a job's folder on the storage, and reports whether it is there. If it was
// removed, as after a night in which this machine was suspended, the job goes back a step and has one made
// again.
func (s *submission) folderStays(j *jobRun) (bool, error) {
	if j.checkout == "" {
		return true, nil
	}
	there, err := s.run.store.keep(j.checkout)
	if err == nil && !there && s.sharesCheckouts() {
		err = fmt.Errorf("%s was removed from the farm's storage before its job was submitted: run again", j.checkout)
	}
	if err == nil && !there {
		j.checkout, j.state = "", stored
	}
	return there, err
}

// submittedJob is a job as the Manager takes it. checkout is the path of its checkout, "" without one.
func (s *submission) submittedJob(j *jobRun, checkout string) api.SubmittedJob {
	submitted := api.SubmittedJob{
		Name: j.job.Name, Type: j.job.Type, TypeEtag: j.jobType.Etag, Priority: j.job.Priority,
		SubmitterPlatform: cmp.Or(s.opt.Platform, runtime.GOOS), InitialStatus: api.JobStatus(j.job.InitialStatus),
		Settings: maps.Clone(j.values), Metadata: maps.Clone(j.job.Metadata),
	}
	if submitted.Settings == nil {
		submitted.Settings = make(api.JobSettings)
	}
	if submitted.Metadata == nil {
		submitted.Metadata = make(api.JobMetadata)
	}
	submitted.Metadata[MetaTypeEtag] = j.jobType.Etag
	if j.job.WorkerTag != "" {
		submitted.WorkerTag, _ = s.farm.Tag(j.job.WorkerTag) // settings.Static has found it
	}
	settings.FillCheckout(submitted.Settings, checkout)
	if j.blendAt != "" {
		submitted.Settings[settings.Blendfile] = j.blendfile(checkout)
	}
	if checkout != "" && s.run.mode != StorageShaman {
		submitted.Metadata[MetaCheckout] = checkout
	} else if checkout != "" && !s.opt.Shared {
		submitted.Storage = &api.JobStorageInfo{ShamanCheckoutID: checkout}
	}
	return submitted
}

// checkJob has the Manager check a job before anything is sent for it: in a dry run each job, else the first
// of each shape, that is of each job type with the same settings given. Posting checks the others; a separate
// check costs the Manager nearly half of that.
func (s *submission) checkJob(ctx context.Context, j *jobRun) error {
	names := slices.Sorted(maps.Keys(j.values))
	shape := "shape\x00" + j.job.Type + "\x00" + j.jobType.Etag + "\x00" + strings.Join(names, ",")
	if !s.run.first(shape) && !s.run.env.DryRun {
		return nil
	}
	err := s.askCheck(ctx, j)
	if flamenco.HasStatus(err, http.StatusPreconditionFailed) {
		if err = s.renewType(ctx, j); err == nil {
			err = s.askCheck(ctx, j)
		}
	}
	if err != nil {
		s.run.seen.Delete(shape)
		return fmt.Errorf("the Manager's check of the job failed: %w", err)
	}
	return nil
}

func (s *submission) askCheck(ctx context.Context, j *jobRun) error {
	submitted := s.submittedJob(j, uploader.CheckoutName(j.job.Name))
	_, err := ask(ctx, s.run.env, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.run.env.Manager.CheckJob(ctx, submitted)
	})
	return err
}

// renewType fetches a job type that has changed since the run began, and makes the job's settings anew.
func (s *submission) renewType(ctx context.Context, j *jobRun) error {
	t, err := ask(ctx, s.run.env, func(ctx context.Context) (api.AvailableJobType, error) {
		return s.run.env.Manager.JobType(ctx, j.job.Type)
	})
	if err != nil {
		return err
	}
	if errs := settings.Static([]*manifest.Job{j.job}, &settings.Farm{Types: []api.AvailableJobType{t}, Tags: s.farm.Tags, Platform: s.farm.Platform}); len(errs) > 0 {
		return fmt.Errorf("the job type has changed on the Manager: %w", errs.Err())
	}
	j.jobType = &t
	j.fingerprint = "" // the next run has the new type, too, and would take the job for another
	return s.resolveSettings(ctx, j)
}

// skipIfThere ends a job that the Manager has already.
func (s *submission) skipIfThere(ctx context.Context, j *jobRun) error {
	if s.opt.Force {
		return nil
	}
	before, found, err := s.earlierJob(ctx, j)
	if err == nil && !found {
		before, found, err = s.poster.Find(ctx, j.job.Key)
	}
	if err != nil || !found {
		return err
	}
	same, err := j.hasFingerprint(before.Metadata[once.MetaFingerprint])
	if err != nil {
		return err
	}
	if !same {
		s.reportChanged(ctx, j, before)
		return nil
	}
	if s.opt.MissingFrames != nil && before.Status == api.JobStatusCompleted {
		return nil // it rendered the same frames, and they are missing again
	}
	if err := s.updateSame(ctx, j, before); err != nil {
		return err
	}
	j.state = ended
	s.run.meter.skipped.Add(1)
	s.run.env.Sink.Emit(s.jobEvent(j, before, s.whySkipped(before)))
	if s.run.env.DryRun {
		return nil
	}
	entry := journal.Entry{Step: journal.Skipped, Key: j.job.Key, Name: j.job.Name, Job: before.ID, Fingerprint: j.fingerprint}
	if before.Storage != nil {
		entry.Checkout = before.Storage.ShamanCheckoutID
	}
	if err := s.journal.Record(ctx, entry); err != nil {
		return err
	}
	var replaces []api.Job
	if s.opt.Replace {
		replaces = slices.DeleteFunc(s.poster.Alive(j.job.Key), func(alive api.Job) bool { return alive.ID == before.ID })
	}
	if j.job.InitialStatus != string(api.JobStatusPaused) && s.poster.Adopt(before, replaces) {
		return nil // the run that held it ended before it released it
	}
	return s.poster.Replace(ctx, before, replaces) // an earlier run may have ended before it canceled them
}

// earlierJob returns the job that an earlier run on this computer submitted, if it is the same and nothing
// shows that another computer may have submitted a newer one: no file of the job was written since it was
// last seen.
func (s *submission) earlierJob(ctx context.Context, j *jobRun) (api.Job, bool, error) {
	if !s.earlier {
		return api.Job{}, false, nil
	}
	before, seen, found, err := s.poster.Earlier(ctx, j.job.Key)
	if err != nil || !found {
		return before, false, err
	}
	same, err := j.hasFingerprint(before.Metadata[once.MetaFingerprint])
	written := func(f *file) bool { return f.digest.now().written().After(seen) }
	return before, same && !slices.ContainsFunc(j.files, written), err
}

// whySkipped says why a job of the same fingerprint need not be submitted again.
func (s *submission) whySkipped(before api.Job) string {
	switch {
	case before.Status == api.JobStatusCompleted:
		return "nothing has changed since job " + before.ID + ", which is completed"
	case s.opt.OnlyChanged:
		return fmt.Sprintf("nothing has changed since job %s, which is %s", before.ID, before.Status)
	}
	return fmt.Sprintf("job %s is the same, and %s", before.ID, before.Status)
}

// reportWouldSubmit reports a job of a dry run.
func (s *submission) reportWouldSubmit(ctx context.Context, j *jobRun) {
	s.warnOdd(ctx, j)
	s.run.meter.submitted.Add(1)
	frames, _ := j.values["frames"].(string)
	output, _ := j.values["render_output_path"].(string)
	s.run.env.Sink.Emit(report.Job{Name: j.job.Name, Key: j.job.Key, JobType: j.job.Type, DryRun: true,
		Frames: frames, Output: output, Storage: s.mode(j), From: report.OriginOf(j.job.Metadata)})
	s.run.env.Sink.Emit(report.Settings{Job: j.job.Name, Values: j.values})
}

// jobEvent describes a job that is at the Manager. skipped is why it was not submitted again, "" if it was.
func (s *submission) jobEvent(j *jobRun, job api.Job, skipped string) report.Job {
	e := report.Job{
		Name: j.job.Name, Key: j.job.Key, ID: job.ID, Status: string(job.Status), JobType: j.job.Type,
		Skipped: skipped != "", Reason: skipped, Storage: s.mode(j), URL: s.run.env.Manager.WebURL("jobs", job.ID),
		From: report.OriginOf(j.job.Metadata),
	}
	if job.Storage != nil {
		e.Checkout = job.Storage.ShamanCheckoutID
	}
	e.Blendfile, _ = job.Settings[settings.Blendfile].(string)
	return e
}
