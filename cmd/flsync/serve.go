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
	var listen, storage string
	var workers int
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the embedded Manager on its own", Args: cobra.NoArgs,
		Long: `Speaks the API of a Flamenco Manager, for tests, demonstrations and trying things out. It keeps
its state in the storage folder and goes on where it left off. It has no authentication: keep
it on loopback.`,
		Example: "  flsync serve --listen 127.0.0.1:8080 --simulate-workers 3",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.loadConfig()
			if err != nil {
				return err
			}
			if storage == "" {
				paths, err := c.Paths(a.userCacheDir)
				if err != nil {
					return err
				}
				storage = paths.Embedded
			}
			return a.serve(cmd.Context(), listen, storage, workers)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&storage, "storage", "", "`DIR` that holds everything (default: beside the hash cache)")
	cmd.Flags().IntVar(&workers, "simulate-workers", 0, "run `N` workers that pretend to render")
	return cmd
}

func (a *app) serve(ctx context.Context, listen, storage string, workers int) error {
	m, err := manager.New(manager.Config{Dir: storage, Log: a.logger()})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return errors.Join(usageError(err), m.Close())
	}
	url := "http://" + listener.Addr().String()
	a.sink().Emit(report.Listening{URL: url, Storage: storage})

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
		return nil // being told to end is how a server ends
	}
	return err
}

// simulatedFrame is how long a simulated worker takes for a frame: long enough to watch.
const simulatedFrame = 500 * time.Millisecond

// logger writes what the embedded Manager has to say to standard error, as verbose as was asked for.
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
