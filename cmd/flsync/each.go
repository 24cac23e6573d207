package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
)

// atOnce is how many requests of one command are under way: enough to hide a round trip, few enough to leave
// the Manager's database to others.
const atOnce = 8

// each does something to every target, several at once, and goes on past failures. Each failure is reported
// when all are done. The error is the failure itself for a single target, else that of [partly].
func (a *app) each(ctx context.Context, targets []named, do func(context.Context, named) error) error {
	errs := make([]error, len(targets))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, t := range targets {
		group.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = do(ctx, t)
			}
			return nil
		})
	}
	group.Wait() // the errors are in errs
	failed := 0
	var last error
	for i, err := range errs {
		switch {
		case err == nil:
		case len(targets) == 1:
			return fmt.Errorf("%s: %w", label(targets[i]), err)
		default:
			failed, last = failed+1, err
			a.sink().Emit(report.Error{Code: codeName(err), Message: label(targets[i]) + ": " + err.Error()})
		}
	}
	return partly(failed, len(targets), "failed", last)
}

// partly returns the error of a command some of whose things failed, each of which was reported: last when all
// did, else one that wraps [pipeline.ErrPartial].
func partly(failed, all int, what string, last error) error {
	switch failed {
	case 0:
		return nil
	case all:
		return &reportedError{last}
	}
	return &reportedError{fmt.Errorf("%w: %d of %d %s", pipeline.ErrPartial, failed, all, what)}
}

func label(n named) string {
	if n.name == "" {
		return oneLine(n.id)
	}
	return fmt.Sprintf("%s (%s)", oneLine(n.name), short(n.id))
}

// did writes, for people, what was done to a target.
func (a *app) did(format string, args ...any) {
	if !a.json && !a.quiet {
		fmt.Fprintln(a.stdout, oneLine(fmt.Sprintf(format, args...)))
	}
}

// remark writes to standard error what people should know and is no result. With --quiet it writes nothing.
func (a *app) remark(format string, args ...any) {
	report.NewText(a.stdout, a.stderr, a.verbosity()).Emit(report.Note{Message: oneLine(fmt.Sprintf(format, args...))})
}

// confirm asks a person before something that cannot be undone. Without --yes and without a terminal to ask
// on, it refuses.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !a.interactive {
		return usagef("%s: nobody is here to ask; add --yes", question)
	}
	fmt.Fprintf(a.stderr, "%s [y/N] ", report.Printable(question))
	var answer string
	fmt.Fscanln(a.stdin, &answer) // an empty line is a no
	if answer != "y" && answer != "Y" && answer != "yes" {
		return usagef("%s: not confirmed, nothing was done", question)
	}
	return nil
}

// deleteCommand makes of cmd a command that deletes things which are gone when the Manager has answered. cost
// says beforehand what else goes with them; it may be nil.
func (a *app) deleteCommand(cmd *cobra.Command, c func(context.Context, *link) chooser,
	cost func(context.Context, *link, []named) error, del func(*flamenco.Client, context.Context, string) error) *cobra.Command {
	var yes bool
	cmd.Args = cobra.MinimumNArgs(1)
	cmd.RunE = a.withManager(func(ctx context.Context, m *link, args []string) error {
		chooser := c(ctx, m)
		chosen, err := a.choose(args, chooser)
		if err != nil || len(chosen) == 0 {
			return err
		}
		if cost != nil {
			if err := cost(ctx, m, chosen); err != nil {
				return err
			}
		}
		if err := a.confirm(yes, "delete "+report.Count(len(chosen), chooser.kind)+": "+listSome(chosen)); err != nil {
			return err
		}
		return a.each(ctx, chosen, func(ctx context.Context, n named) error {
			if err := del(m.Client, ctx, n.id); err != nil {
				return err
			}
			return a.result(map[string]string{"id": n.id}, "%s  deleted  %s", short(n.id), n.name)
		})
	})
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
