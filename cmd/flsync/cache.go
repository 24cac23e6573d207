package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
)

func (a *app) cacheCommand() *cobra.Command {
	cache := &cobra.Command{Use: "cache", Short: "Look after the hash cache"}
	cache.AddCommand(a.cacheStatsCommand(), a.cacheVerifyCommand(), a.cachePruneCommand(), &cobra.Command{
		Use: "path", Short: "Print where the cache lies", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, paths, err := a.loadPaths()
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(map[string]string{"type": "cache-path", "path": paths.Cache})
			}
			_, err = fmt.Fprintln(a.stdout, paths.Cache)
			return err
		},
	})
	return cache
}

// useCache opens the hash cache for body.
func (a *app) useCache(body func(*hashcache.Cache) error) error {
	_, paths, err := a.loadPaths()
	if err != nil {
		return err
	}
	sink := a.sink()
	cache, err := hashcache.Open(paths.Cache, hashcache.Config{Warn: func(w hashcache.Warning) {
		sink.Emit(report.Warning{Code: w.Code, Message: w.Message})
	}})
	if err != nil {
		return err
	}
	return errors.Join(body(cache), cache.Close())
}

// withCache turns the body of a command on the cache into cobra's form.
func (a *app) withCache(body func(context.Context, *hashcache.Cache) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		return a.useCache(func(cache *hashcache.Cache) error { return body(cmd.Context(), cache) })
	}
}

func (a *app) cacheStatsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stats", Short: "Tell what the cache holds", Args: cobra.NoArgs,
		RunE: a.withCache(func(ctx context.Context, cache *hashcache.Cache) error {
			s, err := cache.Stats(ctx)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(s)
			}
			return a.printFields([]field{
				{"cache", s.Path}, {"size", report.Bytes(s.FileBytes) + ", of it free " + report.Bytes(s.FreeBytes)},
				{"files", fmt.Sprintf("%d (%s) in %d folders", s.Files, report.Bytes(s.ContentBytes), s.Folders)},
				{"facts", fmt.Sprintf("%d (%s)", s.Facts, report.Bytes(s.FactsBytes))},
				{"damaged", fmt.Sprint(s.Damaged)}, {"oldest", stamp(s.Oldest)}, {"newest", stamp(s.Newest)},
			})
		}),
	}
}

func (a *app) cacheVerifyCommand() *cobra.Command {
	var contents bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Check every entry, and with --contents every file behind it", Args: cobra.NoArgs,
		Long: "Exit code 3 when entries were wrong or damaged; these are deleted.",
		RunE: a.withCache(func(ctx context.Context, cache *hashcache.Cache) error {
			counts, err := cache.Verify(ctx, contents, func(path string, v hashcache.Verdict) {
				switch v {
				case hashcache.Wrong, hashcache.Damaged, hashcache.Unreadable:
					a.sink().Emit(report.Warning{Code: "cache-" + string(v), Path: path, Message: "the cache's entry is " + string(v)})
				}
			})
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(counts)
			} else {
				for _, v := range []hashcache.Verdict{
					hashcache.Good, hashcache.Unchecked, hashcache.Outdated, hashcache.Vanished,
					hashcache.Unreadable, hashcache.Wrong, hashcache.Damaged,
				} {
					a.did("%-10s %d", v, counts[v])
				}
			}
			if bad := counts[hashcache.Wrong] + counts[hashcache.Damaged]; err == nil && bad > 0 {
				err = fmt.Errorf("%w: %d entries were wrong or damaged, and were deleted", pipeline.ErrPartial, bad)
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&contents, "contents", false, "read the files and compare their digests")
	return cmd
}

func (a *app) cachePruneCommand() *cobra.Command {
	var older string
	var vanished bool
	cmd := &cobra.Command{
		Use: "prune", Short: "Take old entries out of the cache", Args: cobra.NoArgs,
		Example: "  flsync cache prune --older-than 90d --vanished",
		RunE: a.withCache(func(ctx context.Context, cache *hashcache.Cache) error {
			age, err := parseAge(older)
			if err != nil {
				return err
			}
			if age == 0 && !vanished {
				return usagef("say what is to go: --older-than TIME, --vanished, or both")
			}
			done, err := cache.Prune(ctx, hashcache.PruneOptions{OlderThan: age, Vanished: vanished})
			if err != nil {
				return err
			}
			return a.result(done, "removed %s and %s, freed %s", report.Count(done.Files, "file"), report.Count(done.Facts, "fact"), report.Bytes(done.FreedBytes))
		}),
	}
	cmd.Flags().StringVar(&older, "older-than", "", "entries not used for this `TIME`, such as 90d")
	cmd.Flags().BoolVar(&vanished, "vanished", false, "entries of files that are no longer there (also those on disks that are not mounted)")
	return cmd
}
