package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/flsync/flsync/internal/report"
)

// Events come from any goroutine, while the one that lists results flushes: each comes out, whole. The race detector watches.
func TestInPieces(t *testing.T) {
	var out bytes.Buffer
	s := &session{app: &app{stdout: &out, stderr: &out, json: true}}
	flush := s.inPieces()
	const events = 500
	var warners sync.WaitGroup
	warners.Go(func() {
		for range events {
			s.sink.Emit(report.Hash{Path: "b"})
		}
	})
	for range events {
		s.sink.Emit(report.Hash{Path: "a"})
		if err := flush(); err != nil {
			t.Fatal(err)
		}
	}
	warners.Wait()
	if err := flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"type":"hash"`) || !strings.HasSuffix(line, "}") {
			t.Fatalf("a line is %q", line)
		}
	}
	if len(lines) != 2*events {
		t.Errorf("%d lines, want %d", len(lines), 2*events)
	}
}
