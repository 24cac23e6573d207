package main

import (
	"strings"
	"testing"

	"github.com/koron/go-ssdp"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/lab/simworker"
)

func TestManagerURLs(t *testing.T) {
	service := func(location string) ssdp.Service {
		return ssdp.Service{Type: ssdpService, USN: "uuid:" + ssdpDevice + "::" + ssdpService, Location: location}
	}
	stranger := service("http://192.0.2.9:80/upnp/description.xml")
	stranger.USN = "uuid:00000000-0000-0000-0000-000000000000"
	for _, test := range []struct {
		name     string
		services []ssdp.Service
		want     string // URLs, or a part of the message
	}{
		{"nobody", nil, "no Manager answered on the local network"},
		{"one", []ssdp.Service{service("http://192.0.2.2:8080/upnp/description.xml")}, "http://192.0.2.2:8080"},
		{"under a prefix", []ssdp.Service{service("https://farm.test/flamenco/upnp/description.xml?x=1")}, "https://farm.test/flamenco"},
		{"several addresses", []ssdp.Service{
			service("http://[fe80::1]:8080/upnp/description.xml"), service("http://169.254.0.1:8080/upnp/description.xml"),
			service("http://192.0.2.2:8080/upnp/description.xml"), service("http://192.0.2.2:8080/upnp/description.xml"),
		}, "http://192.0.2.2:8080 http://[fe80::1]:8080 http://169.254.0.1:8080"},
		{"somebody else's device", []ssdp.Service{stranger}, "no Manager answered"},
		{"no address", []ssdp.Service{service("::"), service("ftp://192.0.2.2/x"), service("http:///upnp/description.xml")}, "no Manager answered"},
	} {
		urls, err := managerURLs(test.services)
		got := strings.Join(urls, " ")
		if err != nil {
			got = err.Error()
		}
		if exact := strings.HasPrefix(test.want, "http"); exact && got != test.want || !strings.Contains(got, test.want) {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// TestPickManager: addresses of one Manager are one, also with some that do not work; two Managers are two,
// even when they are set up alike.
func TestPickManager(t *testing.T) {
	first, second := embeddedManager(t), embeddedManager(t)
	alias := strings.Replace(first, "127.0.0.1", "localhost", 1)
	client, err := flamenco.New(flamenco.Config{URL: second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if _, err := simworker.Start(t.Context(), simworker.Config{Client: client}); err != nil {
		t.Fatal(err)
	}
	const nobody = "http://127.0.0.1:1"
	for _, test := range []struct {
		urls []string
		want string
	}{
		{[]string{nobody, first, alias}, first},
		{[]string{first, second}, "several Managers answered on the local network, choose one with --manager: " + first + ", " + second},
		{[]string{nobody, nobody}, "cannot be reached from here"},
	} {
		got, err := pickManager(t.Context(), test.urls)
		if err != nil {
			got = err.Error()
		}
		if exact := test.want == first; exact && got != test.want || !strings.Contains(got, test.want) {
			t.Errorf("%v: %s, want %s", test.urls, got, test.want)
		}
	}
}

// FuzzManagerURLs: whatever answers, what comes of it are root URLs of http without user and query.
func FuzzManagerURLs(f *testing.F) {
	for _, location := range []string{"http://192.0.2.2:8080/upnp/description.xml", "https://u:p@farm/x?y#z", "http://[fe80::1%25eth0]:8080", "//x", "http:opaque", "http://a b", "\x00"} {
		f.Add(location, "uuid:"+ssdpDevice)
	}
	f.Fuzz(func(t *testing.T, location, usn string) {
		urls, err := managerURLs([]ssdp.Service{{Location: location, USN: usn}, {Location: location, USN: ssdpDevice}})
		if (err == nil) != (len(urls) > 0) {
			t.Fatalf("%q: %v, %v", location, urls, err)
		}
		for _, u := range urls {
			if !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") || strings.ContainsAny(u, "?#@") {
				t.Errorf("%q: %q", location, u)
			}
		}
	})
}
