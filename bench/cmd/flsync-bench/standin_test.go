package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/bench/baseline"
	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/manager"
	"github.com/flsync/flsync/internal/report"
)

// TestMain makes the test's own program serve as flsync and as the baselines:
// the lab runs both as processes.
func TestMain(m *testing.M) {
	ours := []string{"serve", "sync", "hash", "submit", "baseline", "line", "measure"}
	if len(os.Args) < 2 || !slices.Contains(ours, os.Args[1]) {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	root := command()
	root.AddCommand(standIn()...)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// standIn is as much of flsync as the lab needs to see: it does the work, in
// the simplest way, and tells of it in the same words.
func standIn() []*cobra.Command {
	var url, checkout, listen, storage, cache string
	var noCheckout bool
	add := func(use string, run func(ctx context.Context, args []string) error) *cobra.Command {
		c := &cobra.Command{Use: use, RunE: func(c *cobra.Command, args []string) error { return run(c.Context(), args) }}
		c.Flags().Bool("json", false, "")
		c.Flags().Bool("quiet", false, "")
		c.Flags().StringVar(&cache, "cache", "", "")
		c.Flags().StringVar(&url, "manager", "", "")
		return c
	}
	serve := add("serve", func(ctx context.Context, _ []string) error { return serveManager(ctx, listen, storage) })
	serve.Flags().StringVar(&listen, "listen", "", "")
	serve.Flags().StringVar(&storage, "storage", "", "")
	sync := add("sync", func(ctx context.Context, args []string) error {
		parts := baseline.Whole
		if noCheckout {
			parts = baseline.UpToStore
		}
		files, err := scan(args[0])
		if err != nil {
			return err
		}
		o, err := baseline.Upper(ctx, url, args[0], files, 4, parts, checkout)
		if err != nil {
			return err
		}
		return summary(report.Summary{OK: true,
			Files: report.FileCounts{Total: int64(len(files)), Hashed: int64(len(files))},
			Store: report.StoreCounts{Uploaded: int64(o.Files)}})
	})
	sync.Flags().StringVar(&checkout, "checkout", "standin", "")
	sync.Flags().BoolVar(&noCheckout, "no-checkout", false, "")
	hash := add("hash", func(_ context.Context, args []string) error {
		files, err := scan(args[0])
		for _, f := range files {
			fmt.Println(f.Sha, f.Path)
		}
		return errors.Join(err, os.WriteFile(cache, nil, 0o600)) // it is copied about
	})
	submit := add("submit", func(ctx context.Context, args []string) error {
		root := filepath.Dir(args[0])
		blends, err := filepath.Glob(filepath.Join(root, "shots", "*.blend"))
		if err != nil {
			return err
		}
		shots, err := workload.Batch{Shots: len(blends)}.Specs(ctx, root)
		if err != nil {
			return err
		}
		var all []api.ShamanFileSpec
		for _, files := range shots {
			all = append(all, files...)
		}
		o, err := baseline.Upper(ctx, url, root, all, 4, baseline.UpToStore, "")
		if err != nil {
			return err
		}
		if _, err := baseline.Batch(ctx, url, shots, 2, fmt.Sprint("standin", os.Getpid())); err != nil {
			return err
		}
		return summary(report.Summary{OK: true, Files: report.FileCounts{Total: int64(len(shots) + workload.BatchTextures)},
			Store: report.StoreCounts{Uploaded: int64(o.Files)}, Jobs: report.JobCounts{Submitted: len(shots)}})
	})
	return []*cobra.Command{serve, sync, hash, submit}
}

func scan(root string) (files []api.ShamanFileSpec, err error) {
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		one, err := workload.Describe(root, filepath.ToSlash(rel))
		files = append(files, one)
		return err
	})
	return files, err
}

func summary(s report.Summary) error {
	return json.NewEncoder(os.Stdout).Encode(struct {
		Type string `json:"type"`
		report.Summary
	}{"summary", s})
}

func serveManager(ctx context.Context, listen, storage string) error {
	m, err := manager.New(ctx, manager.Config{Dir: storage})
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf(`{"type":"listening","url":"http://%s/"}`+"\n", l.Addr())
	server := &http.Server{Handler: m}
	go func() { <-ctx.Done(); server.Close() }()
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}
