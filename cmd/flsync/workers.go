package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
)

func (a *app) workersCommand() *cobra.Command {
	workers := &cobra.Command{
		Use:   "workers",
		Short: "Look at workers and steer them",
		Example: `  flsync workers list --status asleep
  flsync workers wake --all
  flsync workers sleep 'node*' --lazy
  flsync workers schedule node07 --set days=mo-fr --set start=09:00 --set end=18:00 --set active=true
  flsync workers watch`,
	}
	workers.AddCommand(
		a.workersListCommand(),
		a.one(&cobra.Command{
			Use: "show WORKER", Short: "Show all that is known of a worker",
		}, workerKind.chooser, func(ctx context.Context, m *link, chosen named) error {
			return a.showWorker(ctx, m, chosen.id)
		}),
		a.workerStatusCommand("wake", "Wake workers up", api.WorkerStatusAwake),
		a.workerStatusCommand("sleep", "Send workers to sleep", api.WorkerStatusAsleep),
		a.workerStatusCommand("restart", "Restart workers", api.WorkerStatusRestart),
		a.workerStatusCommand("shutdown", "Shut workers down", api.WorkerStatusOffline),
		a.workersTagsCommand(), a.workersScheduleCommand(), a.workersWatchCommand(),
		a.deleteCommand(&cobra.Command{
			Use: "delete WORKER…", Short: "Remove workers from the Manager's list",
			Long: "Best for workers that are offline. Tasks that they hold go back to the queue.",
		}, workerKind.chooser, nil, (*flamenco.Client).DeleteWorker),
	)
	return workers
}

// workerKind is the kind of workers.
var workerKind = kind[api.WorkerSummary]{
	noun: "worker", fetch: listAt[api.WorkerSummary]("workers", "worker-mgt", "workers"),
	name: func(w api.WorkerSummary) named { return named{w.ID, w.Name} },
	columns: []column[api.WorkerSummary]{
		{title: "id", cell: func(w api.WorkerSummary) string { return short(w.ID) }},
		{title: "name", cell: func(w api.WorkerSummary) string { return w.Name }, gives: true},
		{title: "status", cell: func(w api.WorkerSummary) string { return string(w.Status) }},
		{title: "asked to", cell: func(w api.WorkerSummary) string { return asked(w.StatusChange) }},
		{title: "seen", cell: func(w api.WorkerSummary) string { return agoPtr(w.LastSeen) }, right: true},
		{title: "version", cell: func(w api.WorkerSummary) string { return w.Version }, gives: true, early: true},
	},
}

func asked(change *api.WorkerStatusChangeRequest) string {
	switch {
	case change == nil:
		return ""
	case change.IsLazy:
		return string(change.Status) + " (lazy)"
	}
	return string(change.Status)
}

func (a *app) workersListCommand() *cobra.Command {
	var statuses []string
	cmd := a.managed(&cobra.Command{Use: "list", Short: "List workers", Args: cobra.NoArgs}, func(ctx context.Context, m *link, _ []string) error {
		workers, err := workerKind.fetch(ctx, m)
		if err == nil {
			workers, err = ofStatus(workers, statuses, func(w api.WorkerSummary) api.WorkerStatus { return w.Status })
		}
		if err != nil {
			return err
		}
		return workerKind.print(a, workers)
	})
	cmd.Flags().StringSliceVar(&statuses, "status", nil, "only workers of these statuses")
	return cmd
}

func (a *app) showWorker(ctx context.Context, m *link, id string) error {
	worker, err := fetch[api.Worker](ctx, m, "worker-mgt", "workers", id)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(worker.raw)
	}
	w := worker.v
	fields := []field{
		{"id", w.ID}, {"name", w.Name}, {"status", string(w.Status)}, {"asked to be", asked(w.StatusChange)},
		{"seen", agoPtr(w.LastSeen)}, {"address", w.IPAddress}, {"platform", w.Platform}, {"version", w.Version},
		{"can restart", strconv.FormatBool(w.CanRestart)}, {"task types", strings.Join(w.SupportedTaskTypes, " ")},
		{"GPUs", strings.Join(w.GPUs, ", ")},
	}
	for _, t := range w.Tags {
		fields = append(fields, field{"tag", t.Name})
	}
	switch schedule, there, err := m.SleepSchedule(ctx, id); {
	case err != nil:
		return err
	case there:
		fields = append(fields, field{"sleeps", describeSchedule(schedule)})
	}
	if w.Task != nil {
		fields = append(fields, field{"task", fmt.Sprintf("%s (%s) of job %s: %s", w.Task.Name, short(w.Task.ID), short(w.Task.JobID), w.Task.Status)})
	}
	return a.printFields(fields)
}

func (a *app) workerStatusCommand(verb, what string, status api.WorkerStatus) *cobra.Command {
	var lazy, all bool
	var tag string
	cmd := a.managed(&cobra.Command{Use: verb + " WORKER…", Short: what}, func(ctx context.Context, m *link, args []string) error {
		chosen, err := a.chooseWorkers(ctx, m, args, tag, all)
		if err != nil {
			return err
		}
		return a.each(ctx, chosen, func(ctx context.Context, n named) error {
			if err := m.RequestWorkerStatus(ctx, n.id, status, lazy); err != nil {
				return err
			}
			if a.json {
				return a.showWorker(ctx, m, n.id)
			}
			a.did("%s  asked to be %s  %s", short(n.id), asked(&api.WorkerStatusChangeRequest{Status: status, IsLazy: lazy}), n.name)
			return nil
		})
	})
	cmd.Flags().BoolVar(&lazy, "lazy", false, "only after the task that it is at")
	cmd.Flags().BoolVar(&all, "all", false, "all workers")
	cmd.Flags().StringVar(&tag, "tag", "", "all workers of this `TAG`")
	return cmd
}

// chooseWorkers is choose, with --all and --tag.
func (a *app) chooseWorkers(ctx context.Context, m *link, words []string, tag string, all bool) ([]named, error) {
	if !all && tag == "" {
		return a.choose(words, workerKind.chooser(ctx, m))
	}
	if len(words) > 0 || all && tag != "" {
		return nil, usagef("name workers, or give --all, or --tag")
	}
	if all {
		return workerKind.chooser(ctx, m).all()
	}
	wanted, err := a.chooseOne(tag, tagKind.chooser(ctx, m))
	if err != nil {
		return nil, err
	}
	workers, err := fetchWholeWorkers(ctx, m)
	if err != nil {
		return nil, err
	}
	var chosen []named
	for _, w := range workers {
		if slices.ContainsFunc(w.v.Tags, func(t api.WorkerTag) bool { return t.ID == wanted.id }) {
			chosen = append(chosen, named{w.v.ID, w.v.Name})
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no worker has the tag %s", wanted.name)
	}
	return chosen, nil
}

func (a *app) workersTagsCommand() *cobra.Command {
	var none bool
	cmd := a.managed(&cobra.Command{
		Use: "tags WORKER [TAG…]", Short: "Set which tags a worker has, or show them", Args: cobra.MinimumNArgs(1),
		Example: "  flsync workers tags node07 GPU Eevee\n  flsync workers tags node07 --none",
	}, func(ctx context.Context, m *link, args []string) error {
		worker, err := a.chooseOne(args[0], workerKind.chooser(ctx, m))
		if err != nil {
			return err
		}
		var tags []string
		if len(args) > 1 {
			chosen, err := a.choose(args[1:], tagKind.chooser(ctx, m))
			if err != nil {
				return err
			}
			tags = ids(chosen)
		}
		if none && len(tags) > 0 {
			return usagef("name tags or give --none, not both")
		}
		if none || len(tags) > 0 {
			if err := m.SetWorkerTags(ctx, worker.id, tags...); err != nil {
				return err
			}
		}
		w, err := fetch[struct {
			Tags []object[api.WorkerTag] `json:"tags"`
		}](ctx, m, "worker-mgt", "workers", worker.id)
		if err != nil {
			return err
		}
		return tagKind.print(a, w.v.Tags)
	})
	cmd.Flags().BoolVar(&none, "none", false, "take all tags away")
	return cmd
}

func (a *app) tagsCommand() *cobra.Command {
	tags := &cobra.Command{Use: "tags", Short: "Look at worker tags and change them"}
	tags.AddCommand(
		tagKind.listCommand(a, &cobra.Command{Use: "list", Short: "List tags"}),
		a.tagsCreateCommand(), a.tagsUpdateCommand(),
		a.one(&cobra.Command{Use: "show TAG", Short: "Show a tag"}, tagKind.chooser, func(ctx context.Context, m *link, chosen named) error {
			return a.showTag(ctx, m, chosen.id)
		}),
		a.deleteCommand(&cobra.Command{
			Use: "delete TAG…", Short: "Delete tags, and take them from their workers and jobs",
			Long: "Names the jobs that lose their tag: every worker may run them from then on.",
		}, tagKind.chooser, a.nameTagged, (*flamenco.Client).DeleteTag),
	)
	return tags
}

// nameTagged names the jobs that have not ended and lose their tag when tags are deleted.
func (a *app) nameTagged(ctx context.Context, m *link, tags []named) error {
	jobs, err := fetchJobs(ctx, m)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		lose := slices.DeleteFunc(slices.Clone(jobs), func(j object[api.Job]) bool { return j.v.WorkerTag != tag.id || ended(j.v.Status) })
		if len(lose) > 0 {
			a.remark("any worker may run %s without the tag %s: %s", report.Count(len(lose), "job"), tag.name, listSome(each(lose, jobKind.name)))
		}
	}
	return nil
}

// tagKind is the kind of worker tags.
var tagKind = kind[api.WorkerTag]{
	noun: "tag", fetch: listAt[api.WorkerTag]("tags", "worker-mgt", "tags"),
	name: func(t api.WorkerTag) named { return named{t.ID, t.Name} },
	columns: []column[api.WorkerTag]{
		{title: "id", cell: func(t api.WorkerTag) string { return t.ID }},
		{title: "name", cell: func(t api.WorkerTag) string { return t.Name }, gives: true},
		{title: "description", cell: func(t api.WorkerTag) string { return orZero(t.Description) }, gives: true},
	},
}

func (a *app) showTag(ctx context.Context, m *link, id string) error {
	tag, err := fetch[api.WorkerTag](ctx, m, "worker-mgt", "tag", id)
	if err != nil {
		return err
	}
	return tagKind.print(a, []object[api.WorkerTag]{tag})
}

var errNameless = usagef("a tag without a name cannot be told from others")

func (a *app) tagsCreateCommand() *cobra.Command {
	var description string
	cmd := a.managed(&cobra.Command{
		Use: "create NAME", Short: "Create a tag", Args: cobra.ExactArgs(1),
		Example: "  flsync tags create GPU --description 'nodes with a GPU'",
	}, func(ctx context.Context, m *link, args []string) error {
		if strings.TrimSpace(args[0]) == "" {
			return errNameless
		}
		tags, err := tagKind.fetch(ctx, m)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(tags, func(t object[api.WorkerTag]) bool { return t.v.Name == args[0] }) {
			return fmt.Errorf("there is a tag %q already", args[0]) // of which the Manager says only 500
		}
		tag := api.WorkerTag{Name: args[0]}
		if description != "" {
			tag.Description = &description
		}
		made, err := m.CreateTag(ctx, tag)
		if err != nil {
			return err
		}
		return a.showTag(ctx, m, made.ID)
	})
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` for people")
	return cmd
}

func (a *app) tagsUpdateCommand() *cobra.Command {
	var name, description string
	cmd := &cobra.Command{
		Use: "update TAG", Short: "Change a tag's name or description",
		Example: "  flsync tags update GPU --name GPU-Cycles",
	}
	a.one(cmd, tagKind.chooser, func(ctx context.Context, m *link, chosen named) error {
		tag, err := m.Tag(ctx, chosen.id) // with fields that flsync does not know, which go back as they came
		if err != nil {
			return err
		}
		if !cmd.Flags().Changed("name") && !cmd.Flags().Changed("description") {
			return usagef("nothing to change: give --name or --description")
		}
		if cmd.Flags().Changed("name") {
			if strings.TrimSpace(name) == "" {
				return errNameless
			}
			tag.Name = name
		}
		if cmd.Flags().Changed("description") {
			tag.Description = &description
		}
		tag.ID = chosen.id
		if err := m.UpdateTag(ctx, tag); err != nil {
			return err
		}
		return a.showTag(ctx, m, chosen.id)
	})
	cmd.Flags().StringVar(&name, "name", "", "new `NAME`")
	cmd.Flags().StringVar(&description, "description", "", "new `TEXT` for people")
	return cmd
}
