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

func FuzzNextTime(f *testing.F) {
	for _, at := range []string{"22:00", "00:00", "24:00", "2:5", "-1:00", "22:00:00", "٢٢:00"} {
		f.Add(at, int64(1_800_000_000))
	}
	f.Fuzz(func(t *testing.T, at string, seconds int64) {
		now := time.Unix(seconds%(1<<36), 0).UTC()
		next, err := nextTime(at, now)
		if err == nil && (!next.After(now) || next.Sub(now) > 24*time.Hour || next.Format("15:04") != at && next.Format("3:04") != at && next.Format("15:04") != "0"+at) {
			t.Errorf("--at %q at %v: %v", at, now, next)
		}
	})
}

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "90m": 90 * time.Minute, "30d": 30 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "1.5d": 36 * time.Hour, "0d": 0, "106751d": 106751 * 24 * time.Hour,
		// Those that are no ages.
		"200000d": -1, "99999w": -1, "1h30d": -1, "d": -1, "-1d": -1, "nand": -1, "infw": -1, "1e300d": -1, "12": -1, "2562048h": -1,
	} {
		got, err := parseAge(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzParseAge(f *testing.F) {
	for _, text := range []string{"90m", "30d", "2w", "200000d", "0x1p62d", "1e3w", "-0d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseAge(text); err == nil && d < 0 {
			t.Errorf("%q: %v", text, d)
		}
	})
}
