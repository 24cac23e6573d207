package flsync_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// licences that may be built in, and a sentence that only their text has. The first that fits counts.
var licences = []struct{ name, text string }{
	{"CC0-1.0", "CC0 1.0 Universal"},
	{"Apache-2.0", "Apache License"},
	{"BSD-3-Clause", "Neither the name of"},
	{"BSD-2-Clause", "Redistributions in binary form must reproduce"},
	{"MIT", "Permission is hereby granted, free of charge"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any"},
}

// TestLicences holds docs/licences.md to the modules that are built into the program, on any system, and each
// of them to a licence that permits that. FLSYNC_WRITE_LICENCES=1 writes the file.
func TestLicences(t *testing.T) {
	if testing.Short() {
		t.Skip("asks the Go tool for all modules")
	}
	var b strings.Builder
	b.WriteString("# Licences\n\nModules that are built into flsync on Linux, macOS or Windows, written by `make licences`.\nflsync itself is under the licence in [LICENSE](../LICENSE).\n\n| module | version | licence |\n|---|---|---|\n")
	for _, m := range builtIn(t) {
		name, err := licenceIn(m.Dir)
		if err != nil {
			t.Errorf("%s: %v", m.Path, err)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.Path, m.Version, name)
	}
	const file = "docs/licences.md"
	if os.Getenv("FLSYNC_WRITE_LICENCES") != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), b.String()); diff != "" {
		t.Errorf("%s is old; run make licences (-file, +modules):\n%s", file, diff)
	}
}

type goModule struct{ Path, Version, Dir string }

// builtIn lists the modules of the program for all systems, by path.
func builtIn(t *testing.T) []goModule {
	found := make(map[string]goModule)
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Module", "./cmd/flsync")
		cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Skipf("the Go tool does not list the modules: %v", err)
		}
		list := json.NewDecoder(strings.NewReader(string(out)))
		for {
			var p struct {
				Module *struct {
					goModule
					Main bool
				}
			}
			if err := list.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if p.Module != nil && !p.Module.Main {
				found[p.Module.Path] = p.Module.goModule
			}
		}
	}
	var all []goModule
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b goModule) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// licenceIn recognises the licence of the module in dir.
func licenceIn(dir string) (string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, f := range files {
		name := strings.ToUpper(f.Name())
		if !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return "", err
		}
		words := strings.Join(strings.Fields(string(text)), " ")
		for _, l := range licences {
			if strings.Contains(words, l.text) {
				return l.name, nil
			}
		}
	}
	return "", errors.New("has no licence that is known to permit what we do")
}
