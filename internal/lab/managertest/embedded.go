package managertest

import (
	"net/http/httptest"
	"testing"

	"github.com/flsync/flsync/internal/manager"
)

// Embedded runs an embedded Manager for as long as the test, with its files in dir, and returns its URL.
func Embedded(t testing.TB, dir string, change ...func(*manager.Config)) (url string, m *manager.Manager) {
	t.Helper()
	cfg := manager.Config{Dir: dir}
	for _, f := range change {
		f(&cfg)
	}
	m = get(manager.New(t.Context(), cfg))(t)
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
