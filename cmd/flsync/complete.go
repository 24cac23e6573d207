package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
)

// completionTime is how long a shell waits for names; longer, and people think that it hangs.
const completionTime = 2 * time.Second

type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// complete offers names from the Manager. Without a Manager it offers nothing, and no error.
func (a *app) complete(list func(context.Context, *link) ([]named, error)) completion {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		c, err := a.loadConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		m, err := a.connect(ctx, c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer m.Close()
		all, err := list(ctx, m)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offers []string
		for _, n := range all {
			if strings.HasPrefix(n.name, begun) {
				offers = append(offers, n.name+"\t"+short(n.id))
			}
		}
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) completeJobs(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return a.complete(func(ctx context.Context, m *link) ([]named, error) { return jobChooser(ctx, m).all() })(cmd, args, begun)
}

func (a *app) completeWorkers(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return a.complete(func(ctx context.Context, m *link) ([]named, error) { return workerChooser(ctx, m).all() })(cmd, args, begun)
}

func (a *app) completeTags(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return a.complete(func(ctx context.Context, m *link) ([]named, error) { return tagChooser(ctx, m).all() })(cmd, args, begun)
}

func (a *app) completeTypes(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return a.complete(func(ctx context.Context, m *link) ([]named, error) {
		types, err := fetchList[api.AvailableJobType](ctx, m, "job_types", "jobs", "types")
		return names(types, func(t api.AvailableJobType) named { return named{t.Etag, t.Name} }), err
	})(cmd, args, begun)
}
