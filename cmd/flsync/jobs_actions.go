package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
)

// jobAction is something that a person wants of jobs. The Manager lets any job go to any status, also a
// completed one to "canceled", whose frames the next submission would then render again. flsync therefore
// asks only where that makes sense, as the Manager's web interface does:
//
//	status                          pause    resume   cancel   requeue                  delete
//	queued, active                  asks     skips    asks     skips                    asks; active: --force
//	requeueing, under-construction  asks     skips    asks     skips                    asks
//	pause-requested                 skips    asks     asks     asks                     --force
//	paused                          skips    asks     asks     asks                     asks
//	cancel-requested                skips    skips    skips    skips                    asks
//	completed                       ended    ended    ended    asks: all tasks          asks
//	failed                          ended    ended    asks     asks: not the completed  asks
//	canceled                        ended    ended    ended    asks: not the completed  asks
//
// "ended" is skipped, too, but for --even-ended. The web interface also offers to pause canceled jobs, which
// flsync leaves to --even-ended: resumed together with others, they would render.
type jobAction struct {
	verb, short, long string
	asks              api.JobStatus   // what the Manager is asked to make of the job
	skips             []api.JobStatus // of jobs that have not ended
	skipsEnded        []api.JobStatus // of those that have, but for --even-ended
}

var endedStatuses = []api.JobStatus{api.JobStatusCompleted, api.JobStatusFailed, api.JobStatusCanceled}

// ended reports whether a job will not go on by itself. A status that flsync does not know counts as one
// under way.
func ended(s api.JobStatus) bool { return slices.Contains(endedStatuses, s) }

// renders reports whether a worker may be at a task of a job with this status.
func renders(s api.JobStatus) bool {
	return s == api.JobStatusActive || s == api.JobStatusPauseRequested
}

func (a *app) jobActions() []*cobra.Command {
	const leftAlone = `Jobs for which that makes no sense are named and left alone, and that is no failure.`
	underWay := []api.JobStatus{api.JobStatusQueued, api.JobStatusActive, api.JobStatusRequeueing, api.JobStatusUnderConstruction, api.JobStatusCancelRequested}
	return []*cobra.Command{
		a.jobActionCommand(jobAction{
			verb: "pause", short: "Let running tasks end and start no others",
			long: `Pauses jobs that are queued or active. ` + leftAlone,
			asks: api.JobStatusPauseRequested, skipsEnded: endedStatuses,
			skips: []api.JobStatus{api.JobStatusPaused, api.JobStatusPauseRequested, api.JobStatusCancelRequested},
		}),
		a.jobActionCommand(jobAction{
			// Not "queued", which leaves the tasks of a job that was paused while it ran as they are: paused.
			verb: "resume", short: "Go on with paused jobs",
			long: `Goes on with jobs that are paused. ` + leftAlone + `
What has failed or was canceled: see flsync jobs requeue.`,
			asks: api.JobStatusRequeueing, skipsEnded: endedStatuses, skips: underWay,
		}),
		a.jobActionCommand(jobAction{
			verb: "cancel", short: "Stop jobs for good",
			long: `Stops jobs that have not ended, and cancels failed ones. ` + leftAlone,
			asks: api.JobStatusCancelRequested, skipsEnded: []api.JobStatus{api.JobStatusCompleted, api.JobStatusCanceled},
			skips: []api.JobStatus{api.JobStatusCancelRequested},
		}),
		a.jobActionCommand(jobAction{
			verb: "requeue", short: "Run jobs again: completed ones whole, others where they are not done",
			long: `Of a completed job all tasks run again; of a failed, canceled or paused one those that are not
completed. ` + leftAlone,
			asks: api.JobStatusRequeueing, skips: underWay,
		}),
	}
}

func (a *app) jobActionCommand(act jobAction) *cobra.Command {
	var reason string
	var evenEnded bool
	cmd := a.managed(&cobra.Command{
		Use: act.verb + " JOB…", Short: act.short, Long: act.long, Args: cobra.MinimumNArgs(1),
		Example: fmt.Sprintf("  flsync jobs %s sh010 'sq020*'", act.verb),
	}, func(ctx context.Context, m *link, args []string) error {
		return a.changeJobs(ctx, m, args, func(ctx context.Context, n named) error {
			job, err := m.Job(ctx, n.id)
			if err != nil {
				return err
			}
			switch {
			case slices.Contains(act.skipsEnded, job.Status) && !evenEnded:
				a.remark("%s is %s: nothing to %s (--even-ended does it all the same)", label(n), job.Status, act.verb)
				return nil
			case slices.Contains(act.skips, job.Status):
				a.remark("%s is %s: nothing to %s", label(n), job.Status, act.verb)
				return nil
			case act.asks == api.JobStatusRequeueing && (ended(job.Status) || job.Status == api.JobStatusPaused):
				err = a.sayRequeued(ctx, m, job)
			}
			if err != nil {
				return err
			}
			return m.SetJobStatus(ctx, n.id, act.asks, reason)
		})
	})
	cmd.Flags().StringVar(&reason, "reason", act.verb+" with flsync", "`TEXT` that the Manager keeps as the job's activity")
	if act.skipsEnded != nil {
		cmd.Flags().BoolVar(&evenEnded, "even-ended", false, act.verb+" also jobs that have ended")
	}
	return cmd
}

// sayRequeued says which tasks of a job run again when the job is set to "requeueing".
func (a *app) sayRequeued(ctx context.Context, m *link, job api.Job) error {
	tasks, err := m.JobTasks(ctx, job.ID)
	if err != nil {
		return err
	}
	again, others := 0, ""
	requeued := []api.TaskStatus{api.TaskStatusCanceled, api.TaskStatusFailed, api.TaskStatusSoftFailed, api.TaskStatusPaused}
	for _, t := range tasks {
		if job.Status == api.JobStatusCompleted || slices.Contains(requeued, t.Status) {
			again++
		} else {
			others = ", the others stay as they are"
		}
	}
	a.remark("%s was %s: %s of %d run again%s", jobLabel(job), job.Status, report.Count(again, "task"), len(tasks), others)
	return nil
}

// requeueTasks has tasks of one job run again. The Manager gives out tasks of active and queued jobs alone: a
// failed or canceled job is requeued as a whole. A task that is queued wakes a job that was completed, but
// has all its tasks run again then; such a job is made active before.
func (a *app) requeueTasks(ctx context.Context, m *link, job api.Job, tasks []named, reason string) error {
	switch job.Status {
	case api.JobStatusFailed, api.JobStatusCanceled, api.JobStatusCancelRequested:
		of := jobLabel(job)
		a.remark("%s is %s, and the Manager gives out no task of it: the job is requeued, with all its tasks that failed or were canceled", of, job.Status)
		if err := m.SetJobStatus(ctx, job.ID, api.JobStatusRequeueing, reason); err != nil {
			return err
		}
		now, err := m.JobTasks(ctx, job.ID)
		if err != nil {
			return err
		}
		queued := 0
		for _, t := range now {
			if t.Status != api.TaskStatusQueued {
				continue
			}
			queued++
			tasks = slices.DeleteFunc(tasks, func(n named) bool { return n.id == t.ID })
		}
		a.remark("%s: %s of %d queued", of, report.Count(queued, "task"), len(now))
		if len(tasks) == 0 {
			return a.showJob(ctx, m, job.ID)
		}
	case api.JobStatusCompleted:
		if err := m.SetJobStatus(ctx, job.ID, api.JobStatusActive, reason); err != nil {
			return err
		}
		err := a.setTasks(ctx, m, tasks, api.TaskStatusQueued, reason)
		if err != nil { // "queued" has the Manager see whether all tasks are completed
			err = errors.Join(err, m.SetJobStatus(context.WithoutCancel(ctx), job.ID, api.JobStatusQueued, reason))
		}
		return err
	case api.JobStatusPaused, api.JobStatusPauseRequested:
		a.remark("%s is %s: its tasks wait for flsync jobs resume", jobLabel(job), job.Status)
	}
	return a.setTasks(ctx, m, tasks, api.TaskStatusQueued, reason)
}
