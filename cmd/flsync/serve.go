package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/lab/simworker"
	"github.com/flsync/flsync/internal/manager"
	"github.com/flsync/flsync/internal/report"
)

func (a *app) serveCommand() *cobra.Command {
	var listen string
	var workers int
	var cfg manager.Config
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the embedded Manager on its own", Args: cobra.NoArgs,
		Long: `Answers the API of a Flamenco Manager, for tests, demonstrations and first steps without a farm.
It keeps its state in the storage folder and continues with it the next time. It has no
authentication, so other accounts of this machine can use it, too: keep it on loopback.`,
		Example: "  flsync serve --listen 127.0.0.1:8080 --simulate-workers 3",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.loadConfig()
			if err != nil {
				return err
			}
			if cfg.Dir == "" {
				paths, err := c.Paths(a.userCacheDir)
				if err != nil {
					return err
				}
				cfg.Dir = paths.Embedded
			}
			return a.serve(cmd.Context(), listen, cfg, workers)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&cfg.Dir, "storage", "", "`DIR` that holds everything (default: beside the hash cache)")
	cmd.Flags().BoolVar(&cfg.NoShaman, "no-shaman", false, "answer as a Manager whose Shaman is off (503)")
	cmd.Flags().IntVar(&workers, "simulate-workers", 0, "run `N` workers that pretend to render")
	return cmd
}

func (a *app) serve(ctx context.Context, listen string, cfg manager.Config, workers int) error {
	cfg.Log = a.logger()
	m, err := manager.New(ctx, cfg)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return errors.Join(usageError(err), m.Close())
	}
	url := "http://" + listener.Addr().String()
	a.sink().Emit(report.Listening{URL: url, Storage: cfg.Dir})

	// The Manager ends after its workers, so that they can sign off.
	group, working := errgroup.WithContext(ctx)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return m.Serve(serving, listener) })
	group.Go(func() error {
		defer stop()
		if workers == 0 {
			<-working.Done()
			return nil
		}
		client, err := flamenco.New(flamenco.Config{URL: url, Version: a.version})
		if err != nil {
			return fmt.Errorf("simulated workers: %w", err)
		}
		defer client.Close()
		return simworker.Run(working, workers, simworker.Config{Client: client, StepTime: simulatedFrame})
	})
	err = errors.Join(group.Wait(), m.Close())
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil // a signal is how a server ends
	}
	return err
}

// simulatedFrame is how long a simulated worker takes for a frame: long enough to watch.
const simulatedFrame = 500 * time.Millisecond

// logger writes the log of the embedded Manager to standard error, at the level of --quiet and --verbose.
func (a *app) logger() *slog.Logger {
	level := slog.LevelInfo
	switch {
	case a.quiet:
		level = slog.LevelError
	case a.verbose:
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}
