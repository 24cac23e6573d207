package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func load(t *testing.T, file string, env map[string]string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	if file != "" {
		path := filepath.Join(dir, "flsync", "config.yaml")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(Source{
		Getenv:        func(k string) string { return env[k] },
		UserConfigDir: func() (string, error) { return dir, nil },
	})
}

func TestFlagBeatsEnvironmentBeatsFile(t *testing.T) {
	const file = "manager: http://file\ncache: /file.db\n"
	tests := []struct {
		name  string
		env   map[string]string
		flags Flags
		want  [2]string // manager, cache
	}{
		{"file alone", nil, Flags{}, [2]string{"http://file", "/file.db"}},
		{"environment over file", map[string]string{EnvManager: "http://env"}, Flags{}, [2]string{"http://env", "/file.db"}},
		{"flag over both", map[string]string{EnvManager: "http://env", EnvCache: "/env.db"}, Flags{Manager: "http://flag"}, [2]string{"http://flag", "/env.db"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := load(t, file, test.env)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Override(test.flags); err != nil {
				t.Fatal(err)
			}
			if got := [2]string{c.Manager, c.Cache}; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestProfile(t *testing.T) {
	const file = `
managers:
  studio: {url: "https://farm/prefix", headers: ["X-Auth: a: b"], ca: /ca.pem}
  home: http://localhost:8080
  broken: {ca: /ca.pem}
`
	tests := []struct {
		manager string
		want    Profile
		fails   string
	}{
		{manager: "studio", want: Profile{URL: "https://farm/prefix", Headers: []string{"X-Auth: a: b", "Extra: 1"}, CA: "/ca.pem"}},
		{manager: "home", want: Profile{URL: "http://localhost:8080", Headers: []string{"Extra: 1"}}},
		{manager: "http://other", want: Profile{URL: "http://other", Headers: []string{"Extra: 1"}}},
		{manager: "embedded", want: Profile{URL: "embedded", Headers: []string{"Extra: 1"}}},
		{manager: "broken", fails: "managers.broken has no url"},
		{manager: "stduio", fails: `Manager "stduio" is neither`},
		{manager: "", fails: "--manager URL, set FLSYNC_MANAGER, or write"},
	}
	for _, test := range tests {
		t.Run(test.manager, func(t *testing.T) {
			c, err := load(t, file, map[string]string{EnvManager: test.manager, EnvHeader: "Extra: 1\n\n"})
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Profile()
			if test.fails != "" {
				if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), test.fails) {
					t.Fatalf("error %v, want ErrUsage with %q", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadFilesSayWhere(t *testing.T) {
	for text, want := range map[string]string{
		"manger: x\n":           "line 1: field manger not found",
		"manager: [a]\n":        "line 1: cannot unmarshal",
		"managers:\n\t- x: y":   "line 2",
		"outside_roots: true\n": "line 1: cannot unmarshal",
	} {
		_, err := load(t, text, nil)
		if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "config.yaml") {
			t.Errorf("%q: error %v, want ErrUsage, the file's name and %q", text, err, want)
		}
	}
	_, err := Load(Source{File: "/no/such/file", Getenv: func(string) string { return "" }})
	if !errors.Is(err, ErrUsage) {
		t.Errorf("a named file that is missing: %v, want ErrUsage", err)
	}
}

func TestBadHeadersAreNotPrinted(t *testing.T) {
	for _, line := range []string{"secret-without-colon", ": secret", "Na me: secret", "A: x\rsecret: y"} {
		_, err := Profile{Headers: []string{"Good: 1", line}}.HTTPHeader()
		if !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v, want ErrUsage", line, err)
			continue
		}
		if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "number 2") {
			t.Errorf("%q: message %q gives the header away or does not number it", line, err)
		}
	}
}

func TestPathsLieBesideTheCache(t *testing.T) {
	home := t.TempDir()
	dir := func() (string, error) { return home, nil }
	p, err := (&Config{}).Paths(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(home, "flsync", "hashes.db"); p.Cache != want {
		t.Errorf("cache %s, want %s", p.Cache, want)
	}
	other := filepath.Join(home, "elsewhere", "h.db")
	p, err = (&Config{Cache: other}).Paths(dir)
	if err != nil {
		t.Fatal(err)
	}
	if p.Cache != other || filepath.Dir(p.Journal) != filepath.Dir(other) {
		t.Errorf("got %+v, want all beside %s", p, other)
	}
}
