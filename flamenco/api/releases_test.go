package api_test

import (
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
)

func TestRelease(t *testing.T) {
	for version, want := range map[string]string{"3.9-beta1": "3.9", "3.8.5": "3.8", "3.10": "3.10", "set-during-build": "", "v3": "", "": ""} {
		got, ok := api.ParseRelease(version)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q is %v, %v, want %q", version, got, ok, want)
		}
	}
	if !(api.Release{Major: 3, Minor: 9}).Before(api.Release{Major: 3, Minor: 10}) || api.Latest().Before(api.Since("setJobTag")) {
		t.Error("releases are out of order")
	}
}

// TestAdditions: every name is one of the API document.
func TestAdditions(t *testing.T) {
	document := string(api.Document())
	for _, addition := range api.Additions() {
		last := addition.Name[strings.LastIndexAny(addition.Name, ".=")+1:]
		if !strings.Contains(document, last) || addition.Without == "" || addition.Since == (api.Release{}) {
			t.Errorf("%+v", addition)
		}
	}
	if got := api.Since("getVersion"); got != (api.Release{}) {
		t.Errorf("getVersion is since %v", got)
	}
}
