package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
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
		Long: `Shows a live table on a terminal, else a line at each change. Exit code: 0 when every job was
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
			jobs, err := a.watchJobs(ctx, m, ids, interval)
			if err != nil {
				return err
			}
			return outcome(jobs)
		}),
	}
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "time between two looks")
	return cmd
}

// ended tells whether a job will not go on by itself. A status that flsync does not know counts as one
// under way.
func ended(s api.JobStatus) bool {
	return s == api.JobStatusCompleted || s == api.JobStatusFailed || s == api.JobStatusCanceled
}

func underWay(j api.Job) bool { return !ended(j.Status) }

// patience lets a command that watches outlast a Manager that is restarted, or updated.
type patience struct {
	*app
	answered time.Time // when the Manager last did
	away     bool
}

// bears notes what came of a question, and tells whether to go on after it. A Manager that never answered is not waited
// for.
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

// watchJobs shows jobs until all have ended, and returns them.
func (a *app) watchJobs(ctx context.Context, m *link, ids []string, interval time.Duration) ([]api.Job, error) {
	if interval < 100*time.Millisecond {
		return nil, usagef("--interval %v is too short: at least 100ms", interval)
	}
	view := watchView{app: a, last: make(map[string]string)}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	patience := patience{app: a}
	for {
		jobs, err := lookAt(ctx, m, ids)
		if !patience.bears(err) {
			return nil, err
		}
		if err != nil {
			view.lines = 0 // what was said lies below the table; the next one is a new one
		} else if err := view.show(jobs); err != nil {
			return nil, err
		} else if list := values(jobs); !slices.ContainsFunc(list, underWay) {
			return list, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-ticker.C:
		}
	}
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

// watchView draws a table over the last one on a terminal; elsewhere it tells what changed.
type watchView struct {
	*app
	lines int
	last  map[string]string // by id: what was told
}

func (v *watchView) show(jobs []object[api.Job]) error {
	if v.json || v.width() == 0 {
		for _, j := range jobs {
			state := fmt.Sprintf("%s %d/%d", j.v.Status, j.v.StepsCompleted, j.v.StepsTotal)
			if v.last[j.v.ID] == state {
				continue
			}
			v.last[j.v.ID] = state
			if v.json {
				if err := v.printRaw(j.raw); err != nil {
					return err
				}
				continue
			}
			v.did("%s  %-16s %4s  %s", short(j.v.ID), j.v.Status, percent(j.v.StepsCompleted, j.v.StepsTotal), j.v.Name)
		}
		return nil
	}
	rows := values(jobs)
	hidden := ""
	if most := v.height() - 3; most > 0 && len(rows) > most && slices.ContainsFunc(rows, underWay) { // the title, this line, the cursor's
		slices.SortStableFunc(rows, func(a, b api.Job) int { return cmp.Compare(rank(a.Status), rank(b.Status)) })
		hidden = fmt.Sprintf("\n… and %d more", len(rows)-most)
		rows = rows[:most]
	}
	text := renderTable(rows, jobColumns(), v.width(), v.colours()) + hidden
	// Up to the table's first line, each line over the old one, then clear what is left below (ECMA-48).
	up := ""
	if v.lines > 0 {
		up = fmt.Sprintf("\x1b[%dA", v.lines)
	}
	v.lines = strings.Count(text, "\n") + 1
	_, err := io.WriteString(v.stdout, up+strings.ReplaceAll(text, "\n", "\x1b[K\n")+"\x1b[K\n\x1b[J")
	return err
}

// rank puts first what is worth seeing when not all can be shown: what is at work, then what waits, then what has ended.
func rank(s api.JobStatus) int {
	switch {
	case s == api.JobStatusActive:
		return 0
	case ended(s):
		return 2
	}
	return 1
}
