package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flsync/flsync/internal/report"
)

// TestWaitUntil: --at is the next time that the clock shows, today or tomorrow. The run begins then: a night
// that was asked for at midday lasts no ten hours, and is younger than a run at four.
func TestWaitUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &session{sink: report.NewText(&out, &out, report.Normal)}
		for _, wait := range []time.Duration{10 * time.Hour, 23 * time.Hour, 24 * time.Hour, time.Minute} {
			before := s.id
			until := time.Now().Add(wait)
			if err := s.waitUntil(t.Context(), until.Format("15:04")); err != nil {
				t.Fatal(err)
			}
			if !s.began.Equal(until) || !time.Now().Equal(until) || s.id == before {
				t.Errorf("%v: run %s began at %v, want %v", wait, s.id, s.began, until)
			}
		}
		for _, at := range []string{"25:00", "22", "ten"} {
			if err := s.waitUntil(t.Context(), at); exitCode(t.Context(), err) != exitUsage {
				t.Errorf("--at %s: %v", at, err)
			}
		}
	})
}
