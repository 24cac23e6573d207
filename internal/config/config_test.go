package config

import (
	"errors"
	"io/fs"
	"net/http"
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
  anybody: {url: auto, cert: /c.pem, key: /k.pem}
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
		{manager: "auto", fails: "never to whichever answers on the network"},
		{manager: "anybody", fails: "never to whichever answers on the network"},
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
		"missing: no\n":         `missing is "no", it can be fail or warn`,
		"rules: [{say: x}]\n":   "rule 1 has no require",
		"rules: [{require: a}, {require: b, severity: bad}]\n": `the severity of rule 2 is "bad"`,
		"rules: [{reqire: x}]\n":                               "line 1: field reqire not found",
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

func TestRules(t *testing.T) {
	c, err := load(t, "missing: fail\nrules: [{when: a, require: b, say: c, severity: warning}, {require: d}]\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Rule{{When: "a", Require: "b", Say: "c", Severity: "warning"}, {Require: "d", Severity: "error"}}, c.Rules); diff != "" || c.Missing != "fail" {
		t.Errorf("missing %q, rules %s", c.Missing, diff)
	}
}

func TestHeaders(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "headers")
	if err := os.WriteFile(file, []byte("# of the proxy\n\nA: 1\n  A: 2\nb : c:d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	c, err := load(t, "managers: {m: {url: 'http://m', header_file: ~/headers}}", map[string]string{EnvManager: "m"})
	if err == nil {
		err = c.Override(Flags{HeaderFile: file, Headers: []string{"C: 3"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Profile()
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.HTTPHeader()
	if diff := cmp.Diff(http.Header{"A": {"1", "2", "1", "2"}, "B": {"c:d", "c:d"}, "C": {"3"}}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if err := c.Override(Flags{HeaderFile: filepath.Join(dir, "gone")}); !errors.Is(err, ErrUsage) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a header file that is not there: %v", err)
	}
	if c, err = load(t, "managers: {m: {url: 'http://m', header_file: /no/such/file}}", map[string]string{EnvManager: "m"}); err == nil {
		_, err = c.Profile()
	}
	if !errors.Is(err, ErrUsage) {
		t.Errorf("a profile's header file that is not there: %v", err)
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "500": 500, "500k": 500_000, "1.5 M": 1_500_000, "20MiB": 20 << 20, "1GB/s": 1_000_000_000, "2ti": 2 << 40,
		"0": -1, "0.5": -1, "-1k": -1, "x": -1, "k": -1, "20mib/s": -1, "NaN": -1, "Inf": -1, "99999999999GiB": -1, "9223372036854775807": -1,
	} {
		got, err := ParseRate(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
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

func TestPaths(t *testing.T) {
	home := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{home}, parts...)...) }
	for _, test := range []struct {
		name         string
		c            Config
		cache, state string
	}{
		{"defaults", Config{State: at("state")}, at("flsync", "hashes.db"), at("state")},
		{"another cache", Config{Cache: at("elsewhere", "h.db"), State: at("state")}, at("elsewhere", "h.db"), at("state")},
		{"no home", Config{Cache: at("elsewhere", "h.db")}, at("elsewhere", "h.db"), at("elsewhere")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.c.Paths(func() (string, error) { return home, nil })
			if err != nil {
				t.Fatal(err)
			}
			want := Paths{
				Cache: test.cache, Embedded: filepath.Join(filepath.Dir(test.cache), "embedded-manager"),
				Journal: filepath.Join(test.state, "journal"), Runs: filepath.Join(test.state, "runs"), Rewrites: filepath.Join(test.state, "rewrites"),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, err := (&Config{}).Paths(func() (string, error) { return "", errors.New("HOME is not defined") })
	if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), EnvCache) {
		t.Errorf("without a cache folder: %v, want ErrUsage and %s", err, EnvCache)
	}
}

func TestUserStateDir(t *testing.T) {
	for _, test := range []struct {
		system string
		env    map[string]string
		want   string
	}{
		{"linux", map[string]string{"HOME": "/home/a"}, "/home/a/.local/state/flsync"},
		{"linux", map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "/s"}, "/s/flsync"},
		{"linux", map[string]string{"HOME": "/home/a", "XDG_STATE_HOME": "s"}, "/home/a/.local/state/flsync"},
		{"darwin", map[string]string{"HOME": "/Users/a"}, "/Users/a/Library/Application Support/flsync"},
		{"windows", map[string]string{"LocalAppData": "/a/local", "HOME": "/b"}, "/a/local/flsync"},
		{"linux", nil, ""},
	} {
		if filepath.Separator != '/' && test.system != "windows" {
			continue
		}
		if got := userStateDir(func(k string) string { return test.env[k] }, test.system); got != filepath.FromSlash(test.want) {
			t.Errorf("%s, %v: %q, want %q", test.system, test.env, got, test.want)
		}
	}
}

// TestStateOfEarlierVersionsMoves: what lay beside the cache moves, what is not flsync's stays, nothing is
// replaced.
func TestStateOfEarlierVersionsMoves(t *testing.T) {
	beside, state := t.TempDir(), t.TempDir()
	write := func(dir string, names ...string) {
		t.Helper()
		for _, name := range names {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(dir), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(beside, "journal/20260101-120000-abc.journal", "journal/20260101-120001-abc.journal", "journal/locks/x.lock", "journal/12/diary.txt",
		"runs/20260101-120000-abc.jsonl", "runs/mine.jsonl", "rewrites/0f/x.blend")
	write(state, "journal/20260101-120001-abc.journal")
	for range 2 {
		c := Config{Cache: filepath.Join(beside, "hashes.db"), State: state}
		if _, err := c.Paths(nil); err != nil {
			t.Fatal(err)
		}
	}
	tree := func(dir string) (files []string) {
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if text, _ := os.ReadFile(path); err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(dir, path)
				files = append(files, filepath.ToSlash(rel)+map[bool]string{true: "", false: " from " + string(text)}[string(text) == beside])
			}
			return err
		})
		return files
	}
	if diff := cmp.Diff([]string{"journal/12/diary.txt", "journal/20260101-120001-abc.journal", "journal/locks/x.lock", "runs/mine.jsonl"}, tree(beside)); diff != "" {
		t.Errorf("beside the cache: %s", diff)
	}
	if diff := cmp.Diff([]string{
		"journal/20260101-120000-abc.journal", "journal/20260101-120001-abc.journal from " + state, "rewrites/0f/x.blend", "runs/20260101-120000-abc.jsonl",
	}, tree(state)); diff != "" {
		t.Errorf("state: %s", diff)
	}
}
