package pipeline

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/once"
	"github.com/flsync/flsync/submit/settings"
)

// reportChanged reports how a job differs from the one of its key that the Manager has, once for a run.
func (s *submission) reportChanged(ctx context.Context, j *jobRun, before api.Job) {
	if !s.run.first("changed\x00" + j.job.Key) {
		return
	}
	differs := settings.Diff(before.Settings, j.values)
	if before.Type != j.job.Type {
		differs = append(differs, fmt.Sprintf("job type %s → %s", before.Type, j.job.Type))
	} else if etag := before.Metadata[MetaTypeEtag]; etag != "" && etag != j.jobType.Etag {
		differs = append(differs, "the script of the job type (its etag)")
	}
	differs = append(differs, s.otherFiles(ctx, j, before)...)
	if len(differs) == 0 {
		differs = []string{"its files"}
	}
	what := strings.Join(differs, ", ")
	switch {
	case before.Status == api.JobStatusCompleted:
		what = fmt.Sprintf("%s has changed since job %s, which is completed: %s", j.job.Name, before.ID, what)
	case s.opt.Replace:
		what = fmt.Sprintf("%s replaces job %s, which is %s; changed: %s", j.job.Name, before.ID, before.Status, what)
	default:
		s.run.env.Sink.Emit(report.Warning{Code: "changed", Job: j.job.Name,
			Message: fmt.Sprintf("job %s, submitted earlier, is %s and stays beside this one (--replace cancels it); changed: %s", before.ID, before.Status, what)})
		return
	}
	s.run.env.Sink.Emit(report.Note{Message: what})
}

// otherFiles names files that differ from those in the checkout of an earlier job, and those that are no
// longer among the job's, if the checkout is to be seen on this machine. A file of a checkout is a link into
// the store, where its name has its digest.
func (s *submission) otherFiles(ctx context.Context, j *jobRun, before api.Job) (names []string) {
	if before.Storage == nil || before.Storage.ShamanCheckoutID == "" {
		return nil
	}
	here, err := storageHere(ctx, s.run.env)
	if err != nil || here == "" {
		return nil // the message is complete without
	}
	checkout := filepath.Join(here, filepath.FromSlash(before.Storage.ShamanCheckoutID))
	if _, err := os.Stat(checkout); err != nil {
		return nil
	}
	const most = 5
	mine := make(map[string]bool)
	for _, f := range specsOf(j.files) {
		mine[f.Path] = true
		if !isOther(checkout, f) {
			continue
		}
		if len(names) == most {
			return append(names, "…")
		}
		names = append(names, f.Path)
	}
	_ = fs.WalkDir(os.DirFS(checkout), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || mine[name] {
			return nil // what cannot be read is not named
		}
		if len(names) == most {
			names = append(names, "…")
			return fs.SkipAll
		}
		names = append(names, name+" is no longer among them")
		return nil
	})
	return names
}

// isOther reports whether a checkout lacks a file, or has another one at its path. A plain file of the same
// size (a hard link, where the Manager may make no others) does not say what it holds, and passes for the
// same.
func isOther(checkout string, f api.ShamanFileSpec) bool {
	path := filepath.Join(checkout, filepath.FromSlash(f.Path))
	target, err := os.Readlink(path)
	if err != nil {
		info, err := os.Stat(path)
		return err != nil || info.Size() != f.Size
	}
	// Checkouts of earlier releases of the built-in Manager have a dash where Flamenco's have a slash.
	stored := strings.Replace(filepath.ToSlash(target), f.Sha[2:]+"-", f.Sha[2:]+"/", 1)
	return !strings.HasSuffix(stored, fmt.Sprintf("%s/%s/%d.blob", f.Sha[:2], f.Sha[2:], f.Size))
}

// updateSame gives a job that is there already, and has not changed, the priority and the tag that somebody
// asks for now. What the Manager cannot change is reported.
func (s *submission) updateSame(ctx context.Context, j *jobRun, before api.Job) error {
	if !once.Counts(before) || before.Status == api.JobStatusCompleted {
		return nil
	}
	manager, dry := s.run.env.Manager, s.run.env.DryRun
	change := func(what string, do func(context.Context) error) error {
		if dry {
			what = "would get " + what
		} else if _, err := ask(ctx, s.run.env, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) }); err != nil {
			return fmt.Errorf("job %s does not get %s: %w", before.ID, what, err)
		} else {
			what = "gets " + what
		}
		s.run.env.Sink.Emit(report.Note{Message: fmt.Sprintf("job %s (%s) %s", j.job.Name, before.ID, what)})
		return nil
	}
	if j.job.HasPriority && j.job.Priority != before.Priority {
		err := change(fmt.Sprintf("priority %d instead of %d", j.job.Priority, before.Priority), func(ctx context.Context) error {
			return manager.SetJobPriority(ctx, before.ID, j.job.Priority)
		})
		if err != nil {
			return err
		}
	}
	if tag, known := s.farm.Tag(j.job.WorkerTag); j.job.WorkerTag != "" && known && tag != before.WorkerTag {
		err := change("worker tag "+j.job.WorkerTag, func(ctx context.Context) error {
			return manager.SetJobTag(ctx, before.ID, api.JobTagChange{ID: tag})
		})
		if err != nil {
			return err
		}
	}
	var other []string
	for key, value := range j.job.Metadata {
		if before.Metadata[key] != value {
			other = append(other, fmt.Sprintf("%s %q → %q", key, before.Metadata[key], value))
		}
	}
	slices.Sort(other)
	if len(other) > 0 {
		s.run.env.Sink.Emit(report.Warning{Code: "metadata", Job: j.job.Name,
			Message: fmt.Sprintf("job %s keeps its metadata, which the Manager cannot change (--force submits another one): %s", before.ID, strings.Join(other, ", "))})
	}
	return nil
}

// narrow gives the job's settings the frames that it is narrowed down to.
func (j *jobRun) narrow() {
	if j.onlyFrames != "" {
		j.values["frames"], j.values["render_output_path"] = j.onlyFrames, j.onlyOutput
	}
}

// onlyMissing narrows a job down to the frames that an earlier one of its key has not rendered. Without an
// earlier one, and when all frames are there, it is skipped.
func (s *submission) onlyMissing(ctx context.Context, j *jobRun) error {
	before, found, err := s.poster.Newest(ctx, j.job.Key)
	if err != nil {
		return err
	}
	why := "there is no earlier job of it whose frames could be looked at"
	if found {
		prefix := j.job.Key + " frames "
		frames, err := s.opt.MissingFrames(ctx, before, s.poster.AliveWith(prefix))
		switch {
		case err != nil:
			return fmt.Errorf("frames of job %s: %w", before.ID, err)
		case frames != "":
			j.onlyFrames, j.onlyOutput = frames, before.Settings["render_output_path"]
			j.narrow()
			j.job.Key = prefix + frames // the whole job stays known by its own
			s.run.env.Sink.Emit(report.Note{Message: fmt.Sprintf("job %s: only the frames %s, which job %s lacks", j.job.Name, frames, before.ID)})
			return nil
		}
		why = "all frames of job " + before.ID + " are there, or still to come"
	}
	j.state = ended
	s.run.meter.skipped.Add(1)
	s.run.env.Sink.Emit(s.jobEvent(j, before, why))
	return nil
}
