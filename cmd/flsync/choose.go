package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
)

// named is something that can be chosen by id, shortened id or name.
type named struct{ id, name string }

func ids(all []named) []string {
	ids := make([]string, len(all))
	for i, n := range all {
		ids[i] = n.id
	}
	return ids
}

// chooser finds what the words of a command line mean.
type chooser struct {
	kind string                  // "job", for messages
	hint string                  // for one that was not found
	all  func() ([]named, error) // asked at most once, and only when a word is no whole id
}

// choose returns the ids that words mean, each once: whole ids, ids shortened to what is unique, names where
// they are unique, globs on names, and - for words from standard input, one a line, which may be none.
func (a *app) choose(words []string, c chooser) ([]named, error) {
	if len(words) == 0 {
		return nil, usagef("no %s was named", c.kind)
	}
	words, err := a.expandStdin(words)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 { // a list such as that of last night's failures may well be empty
		a.remark("standard input names no %s: nothing to do", c.kind)
		return nil, nil
	}
	var known []named
	if slices.ContainsFunc(words, func(w string) bool { return !isUUID(w) }) {
		if known, err = c.all(); err != nil {
			return nil, err
		}
	}
	var chosen []named
	for _, word := range words {
		matches, err := c.match(word, known)
		if err != nil {
			return nil, err
		}
		for _, m := range matches {
			if !slices.ContainsFunc(chosen, func(n named) bool { return n.id == m.id }) {
				chosen = append(chosen, m)
			}
		}
	}
	return chosen, nil
}

// chooseOne is choose for commands that take a single thing.
func (a *app) chooseOne(word string, c chooser) (named, error) {
	chosen, err := a.choose([]string{word}, c)
	if err != nil {
		return named{}, err
	}
	if len(chosen) != 1 {
		return named{}, usagef("%q means %d %ss; this command takes one", word, len(chosen), c.kind)
	}
	return chosen[0], nil
}

// one is managed for a command whose only argument is one thing.
func (a *app) one(cmd *cobra.Command, c func(context.Context, *link) chooser, body func(ctx context.Context, m *link, chosen named) error) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	return a.managed(cmd, func(ctx context.Context, m *link, args []string) error {
		chosen, err := a.chooseOne(args[0], c(ctx, m))
		if err != nil {
			return err
		}
		return body(ctx, m, chosen)
	})
}

// shortest is how much of an id has to be given. A name that is gone, such as "a", must not be taken for one.
const shortest = 4

func (c chooser) match(word string, known []named) ([]named, error) {
	lower := strings.ToLower(word)
	if isUUID(word) {
		if i := slices.IndexFunc(known, func(n named) bool { return n.id == lower }); i >= 0 {
			return known[i : i+1], nil
		}
		return []named{{id: lower}}, nil // the Manager says if there is none
	}
	where := func(is func(named) bool) []named {
		return slices.DeleteFunc(slices.Clone(known), func(n named) bool { return !is(n) })
	}
	matches := where(func(n named) bool { return n.name == word })
	isGlob := len(matches) == 0 && strings.ContainsAny(word, "*?[") // a name may look like one
	switch {
	case len(matches) > 0:
	case isGlob:
		if _, err := matchName(word, ""); err != nil {
			return nil, usagef("%q is no valid glob: %w", word, err)
		}
		matches = where(func(n named) bool { matches, _ := matchName(word, n.name); return matches })
	case len(word) >= shortest:
		matches = where(func(n named) bool { return strings.HasPrefix(n.id, lower) })
	}
	switch {
	case len(matches) == 0:
		return nil, fmt.Errorf("there is no %s %q%s", c.kind, word, c.hint)
	case len(matches) > 1 && !isGlob:
		return nil, usagef("%q could be any of %d %ss: %s", word, len(matches), c.kind, listSome(matches))
	}
	return matches, nil
}

// matchName is path.Match for names, in which a slash is a character as any other.
func matchName(glob, name string) (bool, error) {
	const slash = "\x00" // which no name has
	return path.Match(strings.ReplaceAll(glob, "/", slash), strings.ReplaceAll(name, "/", slash))
}

func listSome(all []named) string {
	const most = 5
	var parts []string
	for _, n := range all[:min(most, len(all))] {
		parts = append(parts, fmt.Sprintf("%s (%s)", n.id, oneLine(n.name)))
	}
	if len(all) > most {
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}

// expandStdin replaces - by the lines of standard input.
func (a *app) expandStdin(words []string) ([]string, error) {
	i := slices.Index(words, "-")
	if i < 0 {
		return words, nil
	}
	var lines []string
	in := bufio.NewScanner(io.LimitReader(a.stdin, 64<<20))
	for in.Scan() {
		if line := strings.TrimSpace(in.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return slices.Replace(slices.Clone(words), i, i+1, lines...), nil
}

func isUUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// atOnce is how many requests of one command are under way: enough to hide a round trip, few enough to leave
// the Manager's database to others.
const atOnce = 8

// each does something to every target, several at once, and goes on past failures. Each failure is reported
// when all are done. The error is the failure itself for a single target, else that of [partly].
func (a *app) each(ctx context.Context, targets []named, do func(context.Context, named) error) error {
	errs, _ := parallel(ctx, targets, func(ctx context.Context, t named) (error, error) {
		if ctx.Err() != nil {
			return ctx.Err(), nil
		}
		return do(ctx, t), nil
	})
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

// parallel does something for each of from, several at once, and returns the results in order. The first
// failure ends it.
func parallel[T, V any](ctx context.Context, from []T, do func(context.Context, T) (V, error)) ([]V, error) {
	all := make([]V, len(from))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, one := range from {
		group.Go(func() (err error) {
			all[i], err = do(ctx, one)
			return err
		})
	}
	return all, group.Wait()
}

// partly returns the error of a command some of whose things failed, each of which was reported: last when
// all did, else one that wraps [pipeline.ErrPartial].
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
	a.managed(cmd, func(ctx context.Context, m *link, args []string) error {
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
