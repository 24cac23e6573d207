package managertest_test

import (
	"net/http/httptest"
	"os"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/long"
	"github.com/flsync/flsync/internal/lab/managertest"
	"github.com/flsync/flsync/internal/manager"
)

func TestEmbedded(t *testing.T) {
	url, _ := managertest.Embedded(t, t.TempDir())
	managertest.Run(t, url)
}

// TestReal runs the same suite against the Manager at FLSYNC_TEST_MANAGER.
func TestReal(t *testing.T) {
	url := os.Getenv("FLSYNC_TEST_MANAGER")
	if url == "" {
		t.Skip("set FLSYNC_TEST_MANAGER to the URL of a Flamenco Manager")
	}
	managertest.Run(t, url)
}

// TestShamanOff runs it against an embedded Manager without Shaman.
func TestShamanOff(t *testing.T) {
	url, _ := managertest.Embedded(t, t.TempDir(), func(c *manager.Config) { c.NoShaman = true })
	managertest.Run(t, url)
}

// TestOlder runs it against an embedded Manager that answers as older releases do.
func TestOlder(t *testing.T) {
	long.Test(t)
	_, m := managertest.Embedded(t, t.TempDir())
	for _, minor := range []int{3, 5, 6, 7, 8} {
		release := api.Release{Major: 3, Minor: minor}
		t.Run(release.String(), func(t *testing.T) {
			server := httptest.NewServer(managertest.Older(m, release))
			defer server.Close()
			managertest.Run(t, server.URL)
		})
	}
}
