package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/submit/journal"
)

func (a *app) runsCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "runs [RUN]", Short: "List past submissions, their jobs and checkouts, and checkouts whose job never came",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, paths, err := a.loadPaths()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				limit = 0
			}
			runs, err := journal.List(paths.Journal, limit)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				runs = slices.DeleteFunc(runs, func(r journal.Past) bool { return !strings.HasPrefix(r.Run, args[0]) })
			}
			switch {
			case a.json:
				for _, r := range runs {
					if err := a.printJSON(runOf(r)); err != nil {
						return err
					}
				}
				return nil
			case len(args) == 0:
				return printTable(a, runs, runColumns())
			case len(runs) == 0:
				return usagef("there is no run %q; flsync runs lists them", args[0])
			}
			return printTable(a, runs[0].Jobs, runJobColumns())
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "the last `N` runs; 0 for all")
	return cmd
}

// pastRun is a run as programs get it.
type pastRun struct {
	Type string `json:"type"`
	journal.Head
	Began    time.Time     `json:"began"`
	Ended    *time.Time    `json:"ended"` // null: killed, or still going on
	ExitCode int           `json:"exit_code"`
	Jobs     []journal.Job `json:"jobs"`
	Orphans  []string      `json:"orphans"` // checkouts whose job never came
}

func runOf(p journal.Past) pastRun {
	r := pastRun{Type: "run", Head: p.Head, Began: p.Began, ExitCode: p.ExitCode, Jobs: p.Jobs, Orphans: []string{}}
	if !p.Ended.IsZero() {
		r.Ended = &p.Ended
	}
	for _, j := range p.Jobs {
		r.Orphans = append(r.Orphans, j.Orphans()...)
	}
	slices.Sort(r.Orphans) // jobs may share one
	r.Orphans = slices.Compact(r.Orphans)
	return r
}

func runColumns() []column[journal.Past] {
	count := func(p journal.Past, what func(journal.Job) bool) string {
		n := 0
		for _, j := range p.Jobs {
			if what(j) {
				n++
			}
		}
		return fmt.Sprint(n)
	}
	return []column[journal.Past]{
		{title: "run", cell: func(p journal.Past) string { return p.Run }},
		{title: "age", cell: func(p journal.Past) string { return ago(p.Began) }, right: true},
		{title: "took", cell: func(p journal.Past) string {
			if p.Ended.IsZero() {
				return "no end"
			}
			return p.Took.Round(100 * time.Millisecond).String()
		}, right: true},
		{title: "exit", cell: func(p journal.Past) string { return fmt.Sprint(p.ExitCode) }, right: true},
		{title: "posted", cell: func(p journal.Past) string { return count(p, journal.Job.Posted) }, right: true},
		{title: "skipped", cell: func(p journal.Past) string {
			return count(p, func(j journal.Job) bool { return j.Step == journal.Skipped })
		}, right: true},
		{title: "orphans", cell: func(p journal.Past) string { return fmt.Sprint(len(runOf(p).Orphans)) }, right: true},
		{title: "manager", cell: func(p journal.Past) string { return p.Manager }, gives: true},
		{title: "projects", cell: func(p journal.Past) string { return strings.Join(p.Projects, ", ") }, gives: true},
	}
}

func runJobColumns() []column[journal.Job] {
	return []column[journal.Job]{
		{title: "job", cell: func(j journal.Job) string { return j.Name }, gives: true},
		{title: "step", cell: func(j journal.Job) string {
			if len(j.Orphans()) > 0 {
				return string(j.Step) + " (orphan)"
			}
			return string(j.Step)
		}},
		{title: "id", cell: func(j journal.Job) string { return j.ID }},
		{title: "checkout", cell: func(j journal.Job) string { return j.Checkout }, gives: true},
		{title: "error", cell: func(j journal.Job) string { return j.Error }, gives: true},
	}
}
