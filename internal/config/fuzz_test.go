package config

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"", "500k", "20MiB", "1.5 GiB/s", "1e18T", "-1", "NaN", "infM", "0x10", "B", "/s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rate, err := ParseRate(text)
		if err == nil && (rate < 0 || rate == math.MaxInt64 || rate == 0 && text != "") {
			t.Errorf("%q: %d", text, rate)
		}
	})
}

// FuzzLoad: whatever a configuration holds, it is read or refused, and its headers are in no message.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"", "manager: http://x\ncache: c.db\nstate: s", "managers: {a: http://b, c: {url: auto, headers: [\"X: y\"], plain_auth: true}}",
		"a: &a [*a]", "managers: &m {x: *m}", "manager: [", "\xff\xfe", "outside_roots: [a, b]\nlimit_upload: 20MiB\nnotify: x", "- a", "managers: {a: null}",
	} {
		f.Add([]byte(text), "a")
	}
	f.Fuzz(func(t *testing.T, text []byte, manager string) {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(Source{File: path, Getenv: func(name string) string { return map[string]string{EnvManager: manager}[name] }})
		if err != nil {
			return
		}
		if p, err := c.Profile(); err == nil {
			_, _ = p.HTTPHeader()
		}
	})
}
