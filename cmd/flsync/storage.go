package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
)

func (a *app) storageCommand() *cobra.Command {
	storage := &cobra.Command{Use: "storage", Short: "Look after what --storage copy left on the farm's storage"}
	storage.AddCommand(a.storagePruneCommand())
	return storage
}

func (a *app) storagePruneCommand() *cobra.Command {
	env := pipeline.Env{}
	var syncs string
	cmd := a.managed(&cobra.Command{
		Use: "prune", Short: "Remove copies that no job needs from the farm's storage", Args: cobra.NoArgs,
		Long: `Removes from flsync/ on the farm's storage the folders of jobs that the Manager no longer has,
contents that no folder is made of, and what runs left that were killed. What is younger than an
hour stays, and so does all that flsync did not make, or made for a Manager with another URL.
Folders that sync made go with --syncs, if no sync has made or used them for that time and no
job names them.`,
		Example: "  flsync storage prune --dry-run\n  flsync storage prune --storage-path /mnt/farm --syncs 30d",
	}, func(ctx context.Context, m *link, _ []string) error {
		env.Manager, env.Sink = m.Client, a.sink()
		synced, err := parseAge(syncs)
		if err != nil {
			return err
		}
		done, err := pipeline.PruneStorage(ctx, env, synced)
		if err != nil {
			return err
		}
		does := "removed"
		if done.DryRun {
			does = "would remove"
		}
		return a.result(done, "%s %s and %s (%s)", does, report.Count(done.Folders, "folder"), report.Count(done.Files, "content"), report.Bytes(done.Bytes))
	})
	cmd.Flags().BoolVar(&env.DryRun, "dry-run", false, "say what would be removed, and remove nothing")
	cmd.Flags().StringVar(&syncs, "syncs", "", "also folders of syncs that are older than this `TIME`, such as 30d")
	cmd.Flags().StringVar(&env.Storage.Path, "storage-path", "", "`DIR` where this machine sees the farm's storage (default: where the Manager says)")
	return cmd
}
