package main

import (
	"strings"
	"testing"

	"github.com/koron/go-ssdp"
)

func TestPickManager(t *testing.T) {
	service := func(location string) ssdp.Service {
		return ssdp.Service{Type: ssdpService, USN: "uuid:" + ssdpDevice + "::" + ssdpService, Location: location, Server: "flamenco"}
	}
	stranger := service("http://192.0.2.9:80/upnp/description.xml")
	stranger.USN = "uuid:00000000-0000-0000-0000-000000000000"
	other := service("http://192.0.2.3:8080/upnp/description.xml")
	other.Server = "flamenco on another host"
	for _, test := range []struct {
		name     string
		services []ssdp.Service
		want     string // the URL, or a part of the message
	}{
		{"nobody", nil, "no Manager answered on the local network"},
		{"one", []ssdp.Service{service("http://192.0.2.2:8080/upnp/description.xml")}, "http://192.0.2.2:8080"},
		{"under a prefix", []ssdp.Service{service("https://farm.test/flamenco/upnp/description.xml?x=1")}, "https://farm.test/flamenco"},
		{"several addresses of one", []ssdp.Service{
			service("http://[fe80::1]:8080/upnp/description.xml"), service("http://169.254.0.1:8080/upnp/description.xml"),
			service("http://192.0.2.2:8080/upnp/description.xml"), service("http://192.0.2.2:8080/upnp/description.xml"),
		}, "http://192.0.2.2:8080"},
		{"somebody else's device", []ssdp.Service{stranger}, "no Manager answered"},
		{"no address", []ssdp.Service{service("::"), service("ftp://192.0.2.2/x"), service("http:///upnp/description.xml")}, "no Manager answered"},
		{"two Managers", []ssdp.Service{service("http://192.0.2.2:8080/upnp/description.xml"), other}, "several Managers answered on the local network, choose one with --manager: http://192.0.2.2:8080, http://192.0.2.3:8080"},
	} {
		got, err := pickManager(test.services)
		if err != nil {
			got = err.Error()
		}
		if exact := strings.HasPrefix(test.want, "http"); exact && got != test.want || !strings.Contains(got, test.want) {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
