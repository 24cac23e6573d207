package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
)

func (a *app) tagsCommand() *cobra.Command {
	tags := &cobra.Command{Use: "tags", Short: "Look at worker tags and change them"}
	tags.AddCommand(
		tagKind.listCommand(a, &cobra.Command{Use: "list", Short: "List tags"}),
		a.tagsCreateCommand(), a.tagsUpdateCommand(),
		&cobra.Command{
			Use: "show TAG", Short: "Show a tag", Args: cobra.ExactArgs(1), ValidArgsFunction: a.complete(tagKind.chooser),
			RunE: a.withOne(tagKind.chooser, func(ctx context.Context, m *link, chosen named) error {
				return a.showTag(ctx, m, chosen.id)
			}),
		},
		a.deleteCommand(&cobra.Command{
			Use: "delete TAG…", Short: "Delete tags, and take them from their workers and jobs", ValidArgsFunction: a.complete(tagKind.chooser),
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
	noun: "tag", fetch: fetchTags, columns: tagColumns,
	name: func(t api.WorkerTag) named { return named{t.ID, t.Name} },
}

func fetchTags(ctx context.Context, m *link) ([]object[api.WorkerTag], error) {
	return fetchList[api.WorkerTag](ctx, m, "tags", "worker-mgt", "tags")
}

func tagColumns() []column[api.WorkerTag] {
	return []column[api.WorkerTag]{
		{title: "id", cell: func(t api.WorkerTag) string { return t.ID }},
		{title: "name", cell: func(t api.WorkerTag) string { return t.Name }, gives: true},
		{title: "description", cell: func(t api.WorkerTag) string {
			if t.Description == nil {
				return ""
			}
			return *t.Description
		}, gives: true},
	}
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
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a tag", Args: cobra.ExactArgs(1),
		Example: "  flsync tags create GPU --description 'nodes with a GPU'",
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			if strings.TrimSpace(args[0]) == "" {
				return errNameless
			}
			tags, err := fetchTags(ctx, m)
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
		}),
	}
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` for people")
	return cmd
}

func (a *app) tagsUpdateCommand() *cobra.Command {
	var name, description string
	cmd := &cobra.Command{
		Use: "update TAG", Short: "Change a tag's name or description", Args: cobra.ExactArgs(1), ValidArgsFunction: a.complete(tagKind.chooser),
		Example: "  flsync tags update GPU --name GPU-Cycles",
	}
	cmd.RunE = a.withOne(tagKind.chooser, func(ctx context.Context, m *link, chosen named) error {
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
