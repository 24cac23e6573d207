package pipeline

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/report"
)

// seeing is a sink that closes a channel when it is told of an upload that is at work.
type seeing struct {
	once sync.Once
	seen chan struct{}
}

func (s *seeing) Emit(e report.Event) {
	if p, ok := e.(report.Progress); ok && p.Stage == report.StageUpload && p.InFlight > 0 {
		s.once.Do(func() { close(s.seen) })
	}
}

// The Manager takes no file before progress has told that an upload is at work.
func TestProgressTellsUploadsAtWork(t *testing.T) {
	n := newNight(t)
	sink := &seeing{seen: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v3/shaman/files/") {
			select {
			case <-sink.seen:
			case <-r.Context().Done():
			}
		}
		n.manager.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	client, err := flamenco.New(flamenco.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(n.dir, "tree")
	if err := os.Mkdir(tree, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "a.png"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Sync(t.Context(), Env{Manager: client, Cache: n.cache, Sink: sink}, SyncOptions{Paths: []string{tree}}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-sink.seen:
	default:
		t.Error("progress told of no upload at work")
	}
}
