// Package config gathers what flsync is told from outside a command's own flags: which Manager, with
// which headers and certificates, and where state is kept. Flag beats environment beats file.
//
// # Basics
//
//	cfg, err := config.Load(config.Source{File: path, Getenv: os.Getenv, UserConfigDir: os.UserConfigDir})
//	cfg.Override(flags)
//	profile, err := cfg.Profile()
//
// The file is YAML:
//
//	manager: studio                  # a URL, a name below, "embedded" or "auto"
//	managers:
//	  studio: {url: "https://farm.studio.example/flamenco", header_file: ~/.flsync-headers, ca: /etc/ssl/studio.pem}
//	  home: {url: "http://localhost:8080", direct: auto} # true, false or auto: write into its store where that is mounted
//	cache: /var/cache/flsync/hashes.db
//	state: /var/lib/flsync           # journals, run logs, rewritten files
//	outside: media                   # media, all or deny: files that lie outside their project
//	outside_roots: [/mnt/library]    # folders whose files may always go
//	properties: true                 # send what paths in custom properties lead to, such as caches of add-ons
//	blender: /usr/bin/blender        # evaluates what flsync cannot
//	storage: auto                    # auto, shaman, copy or in-place: how files get to the workers
//	missing: fail                    # fail or warn: what a missing file means
//	rules:                           # what the studio demands of every job
//	  - {when: "…", require: "…", say: "…", severity: warning}
//
// # Caveats
//
// Headers are secrets: they are kept out of every String, error and event.
package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/flsync/flsync/internal/openfile"
)

// maxFile bounds configurations and header files; real ones have a few KB.
const maxFile = 16 << 20

// Names of environment variables that stand for flags.
const (
	EnvManager = "FLSYNC_MANAGER"
	EnvHeader  = "FLSYNC_HEADER" // one a line
	EnvConfig  = "FLSYNC_CONFIG"
	EnvCache   = "FLSYNC_CACHE"
	EnvState   = "FLSYNC_STATE" // folder
)

// ErrUsage marks what the caller got wrong: a bad flag, variable or file.
var ErrUsage = errors.New("wrong configuration")

// ErrNoManager says that nothing names a Manager.
var ErrNoManager = fmt.Errorf("%w: no Manager is named: give --manager URL, set %s, or write \"manager: URL\" into the config file", ErrUsage, EnvManager)

// Config is what the file holds, with environment and flags laid over it.
type Config struct {
	Manager  string             `yaml:"manager"`
	Managers map[string]Profile `yaml:"managers"`
	Cache    string             `yaml:"cache"`
	State    string             `yaml:"state"` // folder of journals, run logs and rewritten files

	// Outside says what becomes of files that lie outside their project: "media" (the default: those
	// that are what their names say, and in no hidden folder), "all" or "deny".
	Outside      string   `yaml:"outside"`
	OutsideRoots []string `yaml:"outside_roots"`
	// Properties sends what paths in custom properties of blend files lead to.
	Properties  bool   `yaml:"properties"`
	Blender     string `yaml:"blender"`
	LimitUpload string `yaml:"limit_upload"` // e.g. "20MiB" a second
	Storage     string `yaml:"storage"`      // auto, shaman, copy or in-place
	Notify      string `yaml:"notify"`       // command that gets the summary on standard input

	// Missing says what a missing file means where neither the command line nor a manifest does: "fail" or
	// "warn".
	Missing string `yaml:"missing"`
	Rules   []Rule `yaml:"rules"` // of the studio, for every job

	headers []string
	file    string
}

// Rule is what a studio demands of a job. Its expressions are kept as they are.
type Rule struct {
	When     string `yaml:"when"` // empty for always
	Require  string `yaml:"require"`
	Say      string `yaml:"say"`      // message when it is broken; empty for one that is made of the rule
	Severity string `yaml:"severity"` // "error" (also when the file has none) or "warning"
}

// Profile is how one Manager is reached. In YAML it may be a plain URL.
type Profile struct {
	URL        string   `yaml:"url"`
	Headers    []string `yaml:"headers"`     // "Name: value"; secrets
	HeaderFile string   `yaml:"header_file"` // the same, one a line
	CA         string   `yaml:"ca"`          // PEM file of the authority that signed the Manager's certificate
	Cert       string   `yaml:"cert"`        // PEM file of our own certificate
	Key        string   `yaml:"key"`         // PEM file of its key
	Direct     string   `yaml:"direct"`      // true, false or auto: write into its store where that is mounted

	// PlainAuth lets headers and passwords go over plain HTTP to other than loopback.
	PlainAuth bool `yaml:"plain_auth"`
}

// UnmarshalYAML accepts a plain URL in place of a mapping.
func (p *Profile) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&p.URL)
	}
	type plain Profile
	return n.Decode((*plain)(p))
}

// Source says where Load looks. Getenv and UserConfigDir are those of package os, but for tests.
type Source struct {
	File          string // --config; empty: FLSYNC_CONFIG, else the default place
	Getenv        func(string) string
	UserConfigDir func() (string, error)
}

// Load reads the file and lays the environment over it. A file that was named and is not there is an
// error that wraps ErrUsage; the default one may be missing.
func Load(s Source) (*Config, error) {
	path, named := cmp.Or(s.File, s.Getenv(EnvConfig)), true
	if path == "" {
		dir, err := s.UserConfigDir()
		if err == nil {
			path, named = filepath.Join(dir, "flsync", "config.yaml"), false
		}
	}
	c := &Config{file: path}
	if path != "" {
		text, err := openfile.Read(path, maxFile)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !named:
		case err != nil:
			return nil, fmt.Errorf("%w: config file: %w", ErrUsage, err)
		default:
			if err := c.parse(text); err != nil {
				return nil, fmt.Errorf("%w: config file %s: %w", ErrUsage, path, err)
			}
		}
	}
	override(&c.Manager, s.Getenv(EnvManager))
	override(&c.Cache, s.Getenv(EnvCache))
	c.findState(s.Getenv)
	for line := range strings.Lines(s.Getenv(EnvHeader)) {
		c.AddHeader(strings.TrimSpace(line))
	}
	return c, nil
}

func (c *Config) parse(text []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !slices.Contains([]string{"", "fail", "warn"}, c.Missing) {
		return fmt.Errorf("missing is %q, it can be fail or warn", c.Missing)
	}
	for i := range c.Rules {
		r := &c.Rules[i]
		r.Severity = cmp.Or(r.Severity, "error")
		switch {
		case r.Require == "":
			return fmt.Errorf("rule %d has no require", i+1)
		case r.Severity != "error" && r.Severity != "warning":
			return fmt.Errorf("the severity of rule %d is %q, it can be error or warning", i+1, r.Severity)
		}
	}
	return nil
}

// Flags are the flags that every command has; empty ones leave the config as it is.
type Flags struct {
	Manager, Cache, HeaderFile string
	Headers                    []string
}

// Override lays flags over the config.
func (c *Config) Override(f Flags) error {
	override(&c.Manager, f.Manager)
	override(&c.Cache, f.Cache)
	for _, h := range f.Headers {
		c.AddHeader(h)
	}
	if f.HeaderFile == "" {
		return nil
	}
	lines, err := headerLines(f.HeaderFile)
	c.headers = append(c.headers, lines...)
	return err
}

// AddHeader adds a "Name: value" that is sent with every request, whichever Manager is chosen.
func (c *Config) AddHeader(line string) {
	if line != "" {
		c.headers = append(c.headers, line)
	}
}

// Special Managers.
const (
	Embedded = "embedded" // the built-in Manager, for one run
	Auto     = "auto"     // the Manager that answers on the local network
	None     = "none"     // no Manager, whatever the configuration names: for commands that can do without
)

// Profile resolves which Manager is meant: a profile's name or a URL. It wraps ErrUsage, and is
// ErrNoManager when nothing names one.
func (c *Config) Profile() (Profile, error) {
	p, ok := c.Managers[c.Manager]
	switch {
	case c.Manager == "", c.Manager == None && !ok:
		return Profile{}, ErrNoManager
	case ok:
		if p.URL == "" {
			return p, fmt.Errorf("%w: %s: managers.%s has no url", ErrUsage, c.file, c.Manager)
		}
	case c.Manager == Embedded, c.Manager == Auto, strings.Contains(c.Manager, "://"):
		p = Profile{URL: c.Manager}
	default:
		return p, fmt.Errorf("%w: Manager %q is neither a URL (http://…), nor \"embedded\" or \"auto\", nor a name under \"managers\" in %s", ErrUsage, c.Manager, c.file)
	}
	p.Headers = slices.Concat(p.Headers, c.headers)
	if p.HeaderFile != "" {
		lines, err := headerLines(p.HeaderFile)
		if err != nil {
			return p, err
		}
		p.Headers = append(p.Headers, lines...)
	}
	if p.URL == Auto && (len(p.Headers) > 0 || p.Cert != "" || p.Key != "") {
		return p, fmt.Errorf("%w: headers and client certificates go to a Manager that is named, never to whichever answers on the network: "+
			"give its address with --manager URL instead of %q, or leave out --header, --header-file, %s, cert and key", ErrUsage, Auto, EnvHeader)
	}
	return p, nil
}

// HTTPHeader parses the profile's headers. Its errors tell which header is wrong by number, never its
// text.
func (p Profile) HTTPHeader() (http.Header, error) {
	h := make(http.Header)
	for i, line := range p.Headers {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, fmt.Errorf("%w: header number %d is not of the form \"Name: value\"", ErrUsage, i+1)
		}
		h.Add(name, value)
	}
	return h, nil
}

func headerLines(path string) ([]string, error) {
	text, err := openfile.Read(expandHome(path), maxFile)
	if err != nil {
		return nil, fmt.Errorf("%w: header file: %w", ErrUsage, err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if home, err := os.UserHomeDir(); ok && err == nil {
		return filepath.Join(home, rest)
	}
	return path
}

func override(field *string, value string) {
	if value != "" {
		*field = value
	}
}
