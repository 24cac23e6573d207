package main

import (
	"testing"
	"time"
)

// A wait until 22:00, and what becomes of it when the clock is set.
func TestStillUntil(t *testing.T) {
	when := func(text string) time.Time {
		t.Helper()
		at, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tt := range []struct{ name, until, now, want string }{
		{"nothing happened", "2026-12-01 22:00:00", "2026-12-01 21:00:00", "2026-12-01 22:00:00"},
		{"it is time", "2026-12-01 22:00:00", "2026-12-01 22:00:00", "2026-12-01 22:00:00"},
		{"an hour back", "2026-12-01 22:00:00", "2026-12-01 20:59:00", "2026-12-01 22:00:00"},
		{"a day back", "2026-12-01 22:00:00", "2026-11-30 21:59:00", "2026-11-30 22:00:00"},
		{"an hour on, past it", "2026-12-01 22:00:00", "2026-12-01 22:58:00", "2026-12-01 22:00:00"},
		{"the computer slept", "2026-12-01 22:00:00", "2026-12-02 07:30:00", "2026-12-01 22:00:00"},
		{"it began in 1970", "1970-01-01 22:00:00", "2026-12-01 19:00:00", "2026-12-01 22:00:00"},
		{"it began in 2100", "2100-01-01 22:00:00", "2026-12-01 19:00:00", "2026-12-01 22:00:00"},
	} {
		got, err := stillUntil(when(tt.until), "22:00", when(tt.now))
		if err != nil || !got.Equal(when(tt.want)) {
			t.Errorf("%s: %v, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}
