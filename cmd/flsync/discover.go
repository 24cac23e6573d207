package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/koron/go-ssdp"
)

// How a Manager with "autodiscoverable: true" makes itself known on the local network: SSDP with this
// service type, device and location path (Flamenco 3.9-beta1, its own workers look for the same).
const (
	ssdpService = "urn:flamenco:manager:0"
	ssdpDevice  = "aa80bc5f-d0af-46b8-8630-23bd7e80ec4d"
	ssdpPath    = "/upnp/description.xml"
)

// ssdpSeconds is how long answers are waited for.
const ssdpSeconds = 3

// discover finds the one Manager on the local network.
func discover(ctx context.Context) (string, error) {
	type answer struct {
		services []ssdp.Service
		err      error
	}
	answers := make(chan answer, 1)
	go func() {
		services, err := ssdp.Search(ssdpService, ssdpSeconds, "")
		answers <- answer{services, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case a := <-answers:
		if a.err != nil {
			return "", fmt.Errorf("looking for a Manager on the local network: %w", a.err)
		}
		return pickManager(a.services)
	}
}

// pickManager takes the root URL out of what answered. Several addresses of one Manager are normal;
// several Managers are not, and somebody has to choose.
func pickManager(services []ssdp.Service) (string, error) {
	var urls []string
	hosts := make(map[string]bool)
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
		hosts[s.Server+u.Port()] = true
	}
	switch {
	case len(urls) == 0:
		return "", errors.New("no Manager answered on the local network; give its address with --manager http://host:8080 (the Manager's \"autodiscoverable\" has to be on for --manager auto)")
	case len(hosts) > 1:
		return "", fmt.Errorf("several Managers answered on the local network, choose one with --manager: %s", strings.Join(urls, ", "))
	}
	// Addresses that a name server or router gives out are likelier to work than link-local ones.
	slices.SortStableFunc(urls, func(a, b string) int { return linkLocal(a) - linkLocal(b) })
	return urls[0], nil
}

func linkLocal(address string) int {
	if strings.Contains(address, "//[fe80") || strings.Contains(address, "//169.254.") {
		return 1
	}
	return 0
}
