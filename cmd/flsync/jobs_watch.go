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
		ValidArgsFunction: a.completeJobs,
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			chosen, err := a.choose(args, jobChooser(ctx, m))
			if err != nil {
				return err
			}
			ids := make([]string, len(chosen))
			for i, c := range chosen {
				ids[i] = c.id
			}
			jobs, err := a.watchJobs(ctx, m, ids, interval, underWay)
			if err != nil {
				return err
			}
			return outcome(jobs)
		}),
	}
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "time between two looks")
	return cmd
}

func underWay(j api.Job) bool { return !ended(j.Status) }

// patience lets a command that watches outlast a Manager that is restarted, or updated.
type patience struct {
	*app
	answered time.Time // when the Manager last did
	away     bool
}

// bears notes what came of a question, and tells whether to go on after it. A Manager that never answered is
// not waited for.
func (p *patience) bears(err error) bool {
	const longest = 15 * time.Minute
	switch {
	case err == nil:
		p.answered, p.away = time.Now(), false
	case p.answered.IsZero() || !flamenco.IsTemporary(err) || time.Since(p.answered) > longest:
		return false
	case !p.away:
		p.away = true
		p.sink().Emit(report.Warning{Code: "unreachable", Message: "the Manager does not answer, watching goes on: " + err.Error()})
	}
	return true
}

// poll looks again and again until look reports that it is done, and outlasts a Manager that is away for a
// while.
func (a *app) poll(ctx context.Context, interval time.Duration, look func(context.Context) (done bool, err error)) error {
	if interval < 100*time.Millisecond {
		return usagef("--interval %v is too short: at least 100ms", interval)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	patience := patience{app: a}
	for {
		done, err := look(ctx)
		if done || !patience.bears(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// watchJobs shows jobs until none of them is one to wait for, and returns them.
func (a *app) watchJobs(ctx context.Context, m *link, ids []string, interval time.Duration, waitFor func(api.Job) bool) (jobs []api.Job, err error) {
	var soon forecasts
	columns := append(jobColumns(), column[api.Job]{title: "forecast", cell: func(j api.Job) string { return forecastText(soon.byJob[j.ID]) }, gives: true, early: true})
	view := liveTable[api.Job]{
		app: a, columns: columns, id: func(j api.Job) string { return j.ID }, rank: rank,
		state: func(j api.Job) string { return fmt.Sprintf("%s %d/%d", j.Status, j.StepsCompleted, j.StepsTotal) },
		line: func(j api.Job) string {
			line := fmt.Sprintf("%s  %-16s %4s  %s", short(j.ID), j.Status, percent(j.StepsCompleted, j.StepsTotal), j.Name)
			if text := forecastText(soon.byJob[j.ID]); text != "" {
				line += "  " + text
			}
			return line
		},
	}
	err = a.poll(ctx, interval, func(ctx context.Context) (bool, error) {
		list, err := lookAt(ctx, m, ids)
		if err != nil {
			view.restart()
			return false, err
		}
		jobs = values(list)
		done := !slices.ContainsFunc(jobs, waitFor)
		if !done {
			soon.look(ctx, m, jobs, 20)
		}
		view.foot = forecastText(soon.byJob[""])
		if err := view.show(list, done); err != nil || !a.json {
			return done, err
		}
		soon.emit(a.sink())
		return done, nil
	})
	return jobs, err
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
