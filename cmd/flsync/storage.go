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
	cmd := &cobra.Command{
		Use: "prune", Short: "Remove copies that no job needs from the farm's storage", Args: cobra.NoArgs,
		Long: `Removes from flsync/ on the farm's storage the folders of jobs that the Manager no longer has,
contents that no folder is made of, and what runs left that were killed. What is younger than an
hour stays, and so do folders that sync made and all that flsync did not make.`,
		Example: "  flsync storage prune --dry-run\n  flsync storage prune --storage-path /mnt/farm",
		RunE: a.withManager(func(ctx context.Context, m *link, _ []string) error {
			env.Manager, env.Sink = m.Client, a.sink()
			done, err := pipeline.PruneStorage(ctx, env)
			if err != nil {
				return err
			}
			if a.json {
				return a.printValue(done)
			}
			does := "removed"
			if done.DryRun {
				does = "would remove"
			}
			a.did("%s %s and %s (%s)", does, plural(done.Folders, "folder"), plural(done.Files, "content"), report.Bytes(done.Bytes))
			return nil
		}),
	}
	cmd.Flags().BoolVar(&env.DryRun, "dry-run", false, "say what would be removed, and remove nothing")
	cmd.Flags().StringVar(&env.Storage.Path, "storage-path", "", "`DIR` where this machine sees the farm's storage (default: where the Manager says)")
	return cmd
}
