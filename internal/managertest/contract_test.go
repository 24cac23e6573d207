package managertest_test

import (
	"net/http/httptest"
	"os"
	"testing"

	"github.com/flsync/flsync/internal/manager"
	"github.com/flsync/flsync/internal/managertest"
)

func TestEmbedded(t *testing.T) {
	m, err := manager.New(manager.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	managertest.Run(t, server.URL)
}

// TestReal runs the same suite against the Manager at FLSYNC_TEST_MANAGER.
func TestReal(t *testing.T) {
	url := os.Getenv("FLSYNC_TEST_MANAGER")
	if url == "" {
		t.Skip("set FLSYNC_TEST_MANAGER to the URL of a Flamenco Manager")
	}
	managertest.Run(t, url)
}
