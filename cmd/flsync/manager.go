package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/config"
	"github.com/flsync/flsync/internal/manager"
)

// link is a connection to a Manager: one elsewhere, or the embedded one for the time of a command.
type link struct {
	*flamenco.Client
	embedded *manager.Manager // nil for one elsewhere
	close    func() error
}

// Close ends the connection, and the embedded Manager.
func (l *link) Close() error {
	l.Client.Close()
	return l.close()
}

// connect opens the Manager that the configuration names. Nothing is sent yet to one elsewhere.
func (a *app) connect(ctx context.Context, c *config.Config) (*link, error) {
	profile, err := c.Profile()
	if err != nil {
		return nil, err
	}
	l := &link{close: func() error { return nil }}
	switch profile.URL {
	case config.Embedded:
		if profile.URL, err = a.embed(ctx, c, l); err != nil {
			return nil, err
		}
	case config.Auto:
		if profile.URL, err = discover(ctx); err != nil {
			return nil, err
		}
	}
	header, err := profile.HTTPHeader()
	if err == nil {
		l.Client, err = flamenco.New(flamenco.Config{
			URL: profile.URL, Header: header, Version: a.version, AllowInsecureAuth: profile.PlainAuth,
			CAFile: profile.CA, CertFile: profile.Cert, KeyFile: profile.Key,
		})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", config.ErrUsage, err), l.close())
	}
	return l, nil
}

// embed starts the embedded Manager for as long as the link is open, on a folder beside the cache, and
// returns its URL.
func (a *app) embed(ctx context.Context, c *config.Config, l *link) (string, error) {
	paths, err := c.Paths(a.userCacheDir)
	if err != nil {
		return "", err
	}
	m, err := manager.New(context.WithoutCancel(ctx), manager.Config{Dir: paths.Embedded})
	if err != nil {
		return "", fmt.Errorf("embedded Manager: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", errors.Join(fmt.Errorf("embedded Manager: %w", err), m.Close())
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx)) // outlives an interrupt until the run has ended
	served := make(chan error, 1)
	go func() { served <- m.Serve(serving, listener) }()
	l.embedded = m
	l.close = func() error {
		stop()
		return errors.Join(<-served, m.Close())
	}
	return "http://" + listener.Addr().String(), nil
}

// withManager turns the body of a command that only talks to the Manager into cobra's form.
func (a *app) withManager(body func(ctx context.Context, m *link, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := a.loadConfig()
		if err != nil {
			return err
		}
		l, err := a.connect(cmd.Context(), c)
		if err != nil {
			return err
		}
		return errors.Join(body(cmd.Context(), l, args), l.Close())
	}
}

// checkoutFolder tells where a checkout lies on this machine: known for the embedded Manager.
func (l *link) checkoutFolder(checkout string) string {
	if l.embedded == nil {
		return ""
	}
	return filepath.Join(l.embedded.CheckoutDir(), filepath.FromSlash(checkout))
}
