package main

import (
	"context"
	"encoding/hex"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
)

func (a *app) farmStoredCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stored FILE…", Short: "Tell whether the Manager's store has files", Args: cobra.MinimumNArgs(1),
		Long: `Asks the Manager about each file's contents. A file is stored, unknown, or uploading: on its way,
or left behind by an upload that never ended.`,
		Example: "  flsync farm stored textures/*.exr",
		RunE: a.withManager(func(ctx context.Context, m *link, files []string) error {
			targets := make([]named, len(files))
			for i, file := range files {
				targets[i].id = file
			}
			return a.useCache(func(cache *hashcache.Cache) error {
				return a.each(ctx, targets, func(ctx context.Context, n named) error {
					sum, err := cache.Sum(ctx, n.id, nil)
					if err != nil {
						return err
					}
					digest := hex.EncodeToString(sum.SHA256[:])
					status, err := m.ShamanFileStatus(ctx, digest, sum.Size)
					if err != nil {
						return err
					}
					if a.json {
						return a.printValue(struct {
							api.ShamanFileSpec
							Status api.ShamanFileStatus `json:"status"`
						}{api.ShamanFileSpec{Sha: digest, Size: sum.Size, Path: n.id}, status})
					}
					a.did("%-9s  %s", status, n.id)
					return nil
				})
			})
		}),
	}
}
