package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
)

func (a *app) jobsWatchCommand() *cobra.Command {
	var interval time.Duration
	cmd := &cobra.Command{
		Use: "watch JOB…", Short: "Follow jobs until they end",
		Long: `Shows a live table on a terminal, else a line at each change. Jobs that render have a forecast of their end,
and several jobs one of the end of all, from the time that finished tasks took. Exit code: 0 when every job was
completed, 3 when some were, 1 when none was.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.complete(jobKind.chooser),
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			chosen, err := a.choose(args, jobKind.chooser(ctx, m))
			if err != nil {
				return err
			}
			return a.watchJobs(ctx, m, ids(chosen), interval, underWay)
		}),
	}
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "time between two looks")
	return cmd
}

func underWay(j api.Job) bool { return !ended(j.Status) }

// poll looks again and again until look reports that it is done. It outlasts a Manager that answered before and
// is away for a while, because it is restarted or updated.
func (a *app) poll(ctx context.Context, interval time.Duration, look func(context.Context) (done bool, err error)) error {
	const patience = 15 * time.Minute
	if interval < 100*time.Millisecond {
		return usagef("--interval %v is too short: at least 100ms", interval)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var answered time.Time // when the Manager last did
	away := false
	for {
		done, err := look(ctx)
		switch {
		case done:
			return err
		case err == nil:
			answered, away = time.Now(), false
		case answered.IsZero() || !flamenco.IsTemporary(err) || time.Since(answered) > patience:
			return err
		case !away:
			away = true
			a.sink().Emit(report.Warning{Code: "unreachable", Message: "the Manager does not answer, watching goes on: " + err.Error()})
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// watchJobs shows jobs until none of them is one to wait for. Its error names those that were not completed.
func (a *app) watchJobs(ctx context.Context, m *link, ids []string, interval time.Duration, waitFor func(api.Job) bool) error {
	var soon forecasts
	view := liveTable[api.Job]{
		app: a, id: func(j api.Job) string { return j.ID }, rank: rank,
		columns: append(jobColumns(), column[api.Job]{title: "forecast", cell: func(j api.Job) string { return soon.text(j.ID) }, gives: true, early: true}),
		state:   func(j api.Job) string { return fmt.Sprintf("%s %d/%d", j.Status, j.StepsCompleted, j.StepsTotal) },
		line: func(j api.Job) string {
			line := fmt.Sprintf("%s  %-16s %4s  %s", short(j.ID), j.Status, percent(j.StepsCompleted, j.StepsTotal), j.Name)
			if text := soon.text(j.ID); text != "" {
				line += "  " + text
			}
			return line
		},
	}
	var jobs []api.Job
	err := a.poll(ctx, interval, func(ctx context.Context) (bool, error) {
		list, err := lookAt(ctx, m, ids)
		if err != nil {
			view.lines = 0
			return false, err
		}
		jobs = values(list)
		done := !slices.ContainsFunc(jobs, waitFor)
		if !done {
			soon.look(ctx, m, jobs, 20)
		}
		view.foot = soon.text("")
		if err := view.show(list, done); err != nil || !a.json {
			return done, err
		}
		soon.emit(a.sink())
		return done, nil
	})
	if err != nil {
		return err
	}
	return outcome(jobs)
}

// lookAt fetches jobs: a few one by one, many in one list.
func lookAt(ctx context.Context, m *link, ids []string) ([]object[api.Job], error) {
	jobs := make([]object[api.Job], len(ids))
	if len(ids) > atOnce {
		all, err := fetchJobs(ctx, m)
		if err != nil {
			return nil, err
		}
		for i, id := range ids {
			at := slices.IndexFunc(all, func(j object[api.Job]) bool { return j.v.ID == id })
			if at < 0 {
				return nil, fmt.Errorf("job %s is no longer there: it was deleted", id)
			}
			jobs[i] = all[at]
		}
		return jobs, nil
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, id := range ids {
		group.Go(func() (err error) {
			jobs[i], err = fetch[api.Job](ctx, m, "jobs", id)
			return err
		})
	}
	return jobs, group.Wait()
}

// rank puts first what is worth seeing when not all can be shown: what is at work, then what waits, then what
// has ended.
func rank(j api.Job) int {
	switch {
	case j.Status == api.JobStatusActive:
		return 0
	case ended(j.Status):
		return 2
	}
	return 1
}
