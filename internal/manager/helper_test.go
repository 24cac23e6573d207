package manager_test

import (
	"net/http/httptest"
	"testing"

	"github.com/flsync/flsync/internal/manager"
)

// server is an embedded Manager behind a listener of its own.
type server struct {
	*manager.Manager
	url string
}

func newServer(t testing.TB, change ...func(*manager.Config)) *server {
	t.Helper()
	cfg := manager.Config{Dir: t.TempDir(), CountDigests: true}
	for _, f := range change {
		f(&cfg)
	}
	m, err := manager.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(m)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return &server{m, s.URL}
}
