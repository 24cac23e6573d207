package managertest_test

import (
	"os"
	"testing"

	"github.com/flsync/flsync/internal/lab/managertest"
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
