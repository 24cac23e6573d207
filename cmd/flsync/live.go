package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
)

// liveTable draws a table over the last one on a terminal; elsewhere it writes a line, or with --json the
// Manager's object, at each change.
type liveTable[T any] struct {
	*app
	columns         []column[T]
	id, state, line func(T) string // state changes when there is something to say
	rank            func(T) int    // rows with the least are shown when not all can be; may be nil
	foot            string         // a line below the table, where it is drawn; "" for none

	lines int               // of the last table; 0 has the next one drawn below what was written meanwhile
	last  map[string]string // state by id
}

// show writes what has changed. With whole set, all rows are drawn, also those for which the terminal has no
// room.
func (v *liveTable[T]) show(list []object[T], whole bool) error {
	if v.last == nil {
		v.last = make(map[string]string)
	}
	if v.json || v.width() == 0 {
		if v.foot != "" && v.foot != v.last[""] && !v.json {
			v.last[""] = v.foot
			v.did("%s", v.foot)
		}
		for _, o := range list {
			id, state := v.id(o.v), v.state(o.v)
			if v.last[id] == state {
				continue
			}
			v.last[id] = state
			if err := v.result(o.raw, "%s", v.line(o.v)); err != nil {
				return err
			}
		}
		return nil
	}
	rows := values(list)
	hidden := ""
	_, height := v.size()
	if most := height - 4; most > 0 && len(rows) > most && !whole { // the title, this line, the foot, the cursor's
		if v.rank != nil {
			slices.SortStableFunc(rows, func(a, b T) int { return cmp.Compare(v.rank(a), v.rank(b)) })
		}
		hidden = fmt.Sprintf("\n… and %d more", len(rows)-most)
		rows = rows[:most]
	}
	text := renderTable(rows, v.columns, v.width(), v.colours()) + hidden
	if v.foot != "" && !whole {
		text += "\n" + v.foot
	}
	// Up to the table's first line, each line over the old one, then clear what is left below (ECMA-48).
	up := ""
	if v.lines > 0 {
		up = fmt.Sprintf("\x1b[%dA", v.lines)
	}
	v.lines = strings.Count(text, "\n") + 1
	_, err := io.WriteString(v.stdout, up+strings.ReplaceAll(text, "\n", "\x1b[K\n")+"\x1b[K\n\x1b[J")
	return err
}

// watchCommand shows what fetch gets until it is interrupted, or for as long as --for says.
func watchCommand[T any](short string, view *liveTable[T], fetch func(context.Context, *link) ([]object[T], error)) *cobra.Command {
	var interval, length time.Duration
	cmd := view.managed(&cobra.Command{
		Use: "watch", Short: short, Long: "Shows a live table on a terminal, else a line at each change.", Args: cobra.NoArgs,
	}, func(ctx context.Context, m *link, _ []string) error {
		begun := time.Now()
		return view.poll(ctx, interval, func(ctx context.Context) (bool, error) {
			list, err := fetch(ctx, m)
			if err != nil {
				view.lines = 0
				return false, err
			}
			return length > 0 && time.Since(begun) >= length, view.show(list, false)
		})
	})
	cmd.Flags().DurationVar(&interval, "interval", 2*time.Second, "time between two looks")
	cmd.Flags().DurationVar(&length, "for", 0, "end after this `TIME`, such as 10m; without it, watch until interrupted")
	return cmd
}

func (a *app) workersWatchCommand() *cobra.Command {
	task := func(w api.Worker) string {
		if w.Task == nil {
			return ""
		}
		return fmt.Sprintf("%s %s, job %s", w.Task.Name, w.Task.Status, short(w.Task.JobID))
	}
	return watchCommand("Follow what workers do", &liveTable[api.Worker]{
		app: a, id: func(w api.Worker) string { return w.ID },
		state: func(w api.Worker) string { return string(w.Status) + asked(w.StatusChange) + task(w) },
		line: func(w api.Worker) string {
			return strings.TrimSpace(fmt.Sprintf("%s  %-10s %-10s %s  %s", short(w.ID), w.Status, asked(w.StatusChange), w.Name, task(w)))
		},
		columns: []column[api.Worker]{
			{title: "id", cell: func(w api.Worker) string { return short(w.ID) }},
			{title: "name", cell: func(w api.Worker) string { return w.Name }, gives: true},
			{title: "status", cell: func(w api.Worker) string { return string(w.Status) }},
			{title: "asked to", cell: func(w api.Worker) string { return asked(w.StatusChange) }},
			{title: "seen", cell: func(w api.Worker) string { return agoPtr(w.LastSeen) }, right: true},
			{title: "task", cell: task, gives: true, early: true},
		},
	}, fetchWholeWorkers)
}

// fetchWholeWorkers gets all workers with their tasks, which the list lacks.
func fetchWholeWorkers(ctx context.Context, m *link) ([]object[api.Worker], error) {
	list, err := workerKind.fetch(ctx, m)
	if err != nil {
		return nil, err
	}
	return wholeWorkers(ctx, m, list)
}

func wholeWorkers(ctx context.Context, m *link, list []object[api.WorkerSummary]) ([]object[api.Worker], error) {
	return parallel(ctx, list, func(ctx context.Context, w object[api.WorkerSummary]) (object[api.Worker], error) {
		return fetch[api.Worker](ctx, m, "worker-mgt", "workers", w.v.ID)
	})
}

// farmState is the farm at a glance: its status, and how many jobs and workers have which status.
type farmState struct {
	Status  api.FarmStatus `json:"status"`
	Jobs    map[string]int `json:"jobs"`
	Workers map[string]int `json:"workers"`
}

func (a *app) farmWatchCommand() *cobra.Command {
	return watchCommand("Follow the farm: its status, its jobs and workers by status", &liveTable[farmState]{
		app: a, id: func(farmState) string { return "farm" },
		state: func(f farmState) string { return fmt.Sprint(f) },
		line: func(f farmState) string {
			return fmt.Sprintf("%s  jobs: %s  workers: %s", f.Status, counts(f.Jobs), counts(f.Workers))
		},
		columns: []column[farmState]{
			{title: "farm", cell: func(f farmState) string { return string(f.Status) }},
			{title: "jobs", cell: func(f farmState) string { return counts(f.Jobs) }, gives: true},
			{title: "workers", cell: func(f farmState) string { return counts(f.Workers) }, gives: true},
		},
	}, fetchFarmState)
}

func fetchFarmState(ctx context.Context, m *link) ([]object[farmState], error) {
	farm, err := fetch[api.FarmStatusReport](ctx, m, "status")
	if err != nil {
		return nil, err
	}
	jobs, err := fetchJobs(ctx, m)
	if err != nil {
		return nil, err
	}
	workers, err := m.Workers(ctx)
	if err != nil {
		return nil, err
	}
	state := farmState{farm.v.Status, make(map[string]int), make(map[string]int)}
	for _, j := range jobs {
		state.Jobs[string(j.v.Status)]++
	}
	for _, w := range workers {
		state.Workers[string(w.Status)]++
	}
	raw, err := json.Marshal(state)
	return []object[farmState]{{state, raw}}, err
}

// counts writes how many things have which status: 3 active, 12 queued.
func counts(of map[string]int) string {
	var parts []string
	for _, status := range sortedKeys(of) {
		parts = append(parts, fmt.Sprintf("%d %s", of[status], status))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}
