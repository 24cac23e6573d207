package main

import (
	"context"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/internal/config"
)

type completion = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// complete offers names from the Manager. Without a Manager it offers nothing, and no error.
func (a *app) complete(c func(context.Context, *link) chooser) completion {
	const noFiles = cobra.ShellCompDirectiveNoFileComp
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), a.completionTime)
		defer cancel()
		config, err := a.loadConfig()
		if err != nil {
			return nil, noFiles
		}
		m, err := a.connect(ctx, config)
		if err != nil {
			return nil, noFiles
		}
		defer m.Close()
		all, _ := c(ctx, m).all()
		return offers(all, begun), noFiles
	}
}

// offers are lines of what to write and, after a tab, what it is. Where a name would not do, because several
// have it or a shell could not take it, a short id is offered.
func offers(all []named, begun string) []string {
	count := make(map[string]int)
	for _, n := range all {
		count[n.name]++
	}
	var lines []string
	for _, n := range all {
		word, what := n.name, short(n.id)
		if n.name == "" || n.name != oneLine(n.name) || count[n.name] > 1 {
			word, what = short(n.id), oneLine(n.name)
		} else if n.id == n.name {
			what = typeKind.noun // which have no other id
		}
		if strings.HasPrefix(word, begun) {
			lines = append(lines, word+"\t"+what)
		}
	}
	return lines
}

// completeArgs offers what the command's usage line names: the first word by the first of its kinds, those
// after it by the second where there is one.
func (a *app) completeArgs(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	kinds := map[string]func(context.Context, *link) chooser{
		"JOB": jobKind.chooser, "WORKER": workerKind.chooser, "TAG": tagKind.chooser,
	}
	var named []func(context.Context, *link) chooser
	for _, word := range strings.Fields(cmd.Use)[1:] {
		if kind := kinds[strings.Trim(word, "[]…")]; kind != nil {
			named = append(named, kind)
		}
	}
	if len(named) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return a.complete(named[min(len(args), len(named)-1)])(cmd, args, begun)
}

// completeNames has words completed, and the values of flags that mean the same at every command.
func (a *app) completeNames(cmd *cobra.Command) {
	if cmd.RunE != nil && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = a.completeArgs
	}
	words := func(words ...string) completion {
		return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	}
	for flag, complete := range map[string]completion{
		"type": a.complete(typeKind.chooser), "tag": a.complete(tagKind.chooser),
		"job": a.complete(jobKind.chooser), "failed": a.complete(jobKind.chooser),
		"sort": words(sortedKeys(jobOrder)...), "audience": words("users", "workers"), "platform": words("linux", "windows", "darwin"),
		"manager": a.completeManagers,
	} {
		if cmd.LocalFlags().Lookup(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, complete) // the flag is there, and has none yet
		}
	}
	// Shells show the description as it stands: the backquotes around a value's name are for the help alone.
	for f := range visited(cmd.LocalFlags().VisitAll) {
		f.Usage = strings.ReplaceAll(f.Usage, "`", "")
	}
	for _, c := range cmd.Commands() {
		a.completeNames(c)
	}
}

// completeManagers offers the config file's names.
func (a *app) completeManagers(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names := []string{config.Auto, config.Embedded}
	if c, err := a.loadConfig(); err == nil {
		names = append(sortedKeys(c.Managers), names...)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// visited ranges over what a VisitAll method visits. The loop has to go to its end.
func visited[F any](visitAll func(func(F))) iter.Seq[F] {
	return func(yield func(F) bool) { visitAll(func(f F) { yield(f) }) }
}
