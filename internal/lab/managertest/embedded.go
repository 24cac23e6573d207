package managertest

import (
	"net/http/httptest"
	"testing"

	"github.com/flsync/flsync/internal/manager"
)

// Embedded runs an embedded Manager for as long as the test, with its files in dir, and returns its URL.
func Embedded(t testing.TB, dir string) (url string, m *manager.Manager) {
	t.Helper()
	m, err := manager.New(manager.Config{Dir: dir})
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
	return server.URL, m
}
