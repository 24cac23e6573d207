package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/koron/go-ssdp"
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

// managed makes cmd a command that only talks to the Manager.
func (a *app) managed(cmd *cobra.Command, body func(ctx context.Context, m *link, args []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
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
	return cmd
}

// checkoutFolder returns where a checkout lies on this machine: known for the embedded Manager.
func (l *link) checkoutFolder(checkout string) string {
	if l.embedded == nil {
		return ""
	}
	return filepath.Join(l.embedded.CheckoutDir(), filepath.FromSlash(checkout))
}

// How a Manager with "autodiscoverable: true" makes itself known on the local network: SSDP with this service
// type, device and location path (Flamenco 3.9-beta1, its own workers look for the same).
const (
	ssdpService = "urn:flamenco:manager:0"
	ssdpDevice  = "aa80bc5f-d0af-46b8-8630-23bd7e80ec4d"
	ssdpPath    = "/upnp/description.xml"
)

// ssdpSeconds is how long answers are waited for.
const ssdpSeconds = 3

// discover finds the one Manager on the local network.
func discover(ctx context.Context) (string, error) {
	services, err := await(ctx, func() ([]ssdp.Service, error) { return ssdp.Search(ssdpService, ssdpSeconds, "") })
	if err != nil {
		return "", fmt.Errorf("looking for a Manager on the local network: %w", err)
	}
	urls, err := managerURLs(services)
	if err != nil || len(urls) == 1 {
		return strings.Join(urls, ""), err
	}
	return pickManager(ctx, urls)
}

// managerURLs takes the root URLs out of what answered, the likeliest to work first. There is at least one,
// unless there is an error.
func managerURLs(services []ssdp.Service) ([]string, error) {
	var urls []string
	for _, s := range services {
		u, err := url.Parse(s.Location)
		if err != nil || !strings.Contains(s.USN, ssdpDevice) || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			continue
		}
		u.Path = strings.TrimSuffix(u.Path, ssdpPath)
		u.RawQuery, u.Fragment, u.User = "", "", nil
		if !slices.Contains(urls, u.String()) {
			urls = append(urls, u.String())
		}
	}
	if len(urls) == 0 {
		return nil, errors.New("no Manager answered on the local network; give its address with --manager http://host:8080 (the Manager's \"autodiscoverable\" has to be on for --manager auto)")
	}
	// Addresses that a name server or router gives out are likelier to work than link-local ones.
	slices.SortStableFunc(urls, func(a, b string) int { return linkLocal(a) - linkLocal(b) })
	return urls, nil
}

// pickManager chooses among addresses that answered. Several of one Manager are normal; several Managers are
// not, and somebody has to choose. All Managers have the same device id, so they are asked what they have.
func pickManager(ctx context.Context, urls []string) (string, error) {
	var reached []string
	known := make(map[string]bool)
	for _, u := range urls {
		if who, err := identify(ctx, u); err == nil {
			reached = append(reached, u)
			known[who] = true
		}
	}
	switch {
	case len(reached) == 0:
		return "", fmt.Errorf("what answered on the local network cannot be reached from here: %s", strings.Join(urls, ", "))
	case len(known) > 1:
		return "", fmt.Errorf("several Managers answered on the local network, choose one with --manager: %s", strings.Join(reached, ", "))
	}
	return reached[0], nil
}

// identify returns what distinguishes a Manager from others: its name, storage and workers.
func identify(ctx context.Context, url string) (string, error) {
	const soon = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	m, err := flamenco.New(flamenco.Config{URL: url})
	if err != nil {
		return "", err
	}
	defer m.Close()
	version, noVersion := m.Version(ctx)
	config, noConfig := m.Configuration(ctx)
	workers, noWorkers := m.Workers(ctx)
	who := fmt.Sprint(version, config)
	for _, w := range workers {
		who += w.ID
	}
	return who, errors.Join(noVersion, noConfig, noWorkers)
}

func linkLocal(address string) int {
	if strings.Contains(address, "//[fe80") || strings.Contains(address, "//169.254.") {
		return 1
	}
	return 0
}
