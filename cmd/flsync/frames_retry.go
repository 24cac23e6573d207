package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/frames"
)

// setAside renames damaged frames, and returns how many there are: Blender leaves alone what is there.
func (j jobFrames) setAside() (n int, err error) {
	for _, f := range j.badFrames() {
		if f.State == frames.Missing {
			continue
		}
		if err := os.Rename(f.Path, f.Path+".damaged"); err != nil {
			return n, fmt.Errorf("a damaged frame, over which Blender would not render, cannot be renamed: %w", err)
		}
		n++
	}
	return n, nil
}

// missingFrames returns the frames that a job has not rendered, or only in part, without those that jobs of
// earlier runs for some frames are to render. Damaged ones are set aside, but for a dry run.
func (s *session) missingFrames(ctx context.Context, p places, before api.Job, alive []api.Job, dryRun bool) (string, error) {
	found, err := p.look(ctx, s.manager, before.ID, false)
	if err != nil {
		return "", err
	}
	left := make(map[int]bool)
	for _, job := range alive {
		o, err := frames.FromSettings(job.Settings, job.Created)
		if err != nil {
			return "", fmt.Errorf("job %s: %w", job.ID, err)
		}
		for _, n := range o.Frames {
			left[n] = true
		}
	}
	found.frames = slices.DeleteFunc(found.frames, func(f frames.Frame) bool { return left[f.Number] })
	if !dryRun {
		if _, err := found.setAside(); err != nil {
			return "", err
		}
	}
	return found.numbers(frames.State.Bad), nil
}

// retryFrames has the tasks run again that cover what is missing or damaged, and the one that makes the
// video. Blender leaves alone what is there, so damaged files are given another name first.
func (a *app) retryFrames(ctx context.Context, m *link, j jobFrames) error {
	wrong := make(map[int]bool)
	for _, f := range j.badFrames() {
		wrong[f.Number] = true
	}
	aside, err := j.setAside()
	if err != nil {
		return err
	}
	of := jobLabel(j.job)
	if aside > 0 {
		a.remark("%s: %s renamed to *.damaged, because Blender does not render over what is there", of, plural(aside, "file"))
	}
	var again []named
	covered := make(map[int]bool)
	for _, t := range j.tasks {
		takes := t.Name == "preview-video" && t.Status == api.TaskStatusCompleted
		for _, n := range j.covers[t.ID] {
			takes = takes || wrong[n]
			covered[n] = true
		}
		if takes && !waits(t.Status) {
			again = append(again, named{t.ID, t.Name})
		}
	}
	var lost []int
	for n := range wrong {
		if !covered[n] {
			lost = append(lost, n)
		}
	}
	slices.Sort(lost)
	if len(lost) > 0 && !j.output.Movie() {
		a.remark("%s: no task renders the frames %s", of, frames.List(lost))
	}
	if len(again) == 0 {
		return errors.New("no task of the job renders what is missing or damaged")
	}
	return a.requeueTasks(ctx, m, j.job, again, "frames are missing or damaged")
}
