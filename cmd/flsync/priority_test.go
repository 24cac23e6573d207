package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/flsync/flsync/internal/config"
)

// TestGiveWay: background runs wait for all foreground ones, and for each other only for a moment.
func TestGiveWay(t *testing.T) {
	s := &session{paths: config.Paths{Cache: filepath.Join(t.TempDir(), "hashes.db")}}
	first, second := s.foreground(t.Context()), s.foreground(t.Context())
	passed := make(chan error, 20)
	for range 2 {
		giveWay := s.giveWay()
		for range 10 {
			go func() { passed <- giveWay(t.Context()) }()
		}
	}
	ended, end := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	end(stopped)
	if err := s.giveWay()(ended); !errors.Is(err, stopped) {
		t.Errorf("after the run's end: %v", err)
	}
	first()
	select {
	case <-passed:
		t.Error("a background run went on while one in the foreground was at work")
	case <-time.After(3 * giveWayPoll):
	}
	second()
	for range 20 {
		if err := <-passed; err != nil {
			t.Error(err)
		}
	}
}
