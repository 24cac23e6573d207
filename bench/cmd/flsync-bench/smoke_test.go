package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/flsync/flsync/bench"
	"github.com/flsync/flsync/internal/lab/long"
)

// The whole way with a stand-in for flsync: a scenario of each kind, the
// results, the report, the comparison. make bench-smoke runs all scenarios with
// flsync itself.
func TestSmoke(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the plain tools are not there")
	}
	long.Test(t) // it runs a hundred processes
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "results.json")
	run := func(args ...string) string {
		t.Helper()
		var said bytes.Buffer
		root := command()
		root.SetArgs(args)
		root.SetOut(&said)
		root.SetErr(&said)
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, said.String())
		}
		return said.String()
	}

	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o777); err != nil {
		t.Fatal(err)
	}
	const only = "^(first-small(-shared)?|warm-small|hash-cold|batch|distance-.*|walk-500|growth-200)$"
	log := run("smoke", "--flsync", self, "--dir", work, "--out", out, "--manager", "", "--only", only)
	if left, _ := os.ReadDir(work); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	results, err := bench.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(results.Scenarios) != 8 {
		t.Errorf("%d results", len(results.Scenarios))
	}
	for _, s := range results.Scenarios {
		for _, m := range s.Contenders {
			if m.Skipped == "" && s.Error == "" && (len(m.Samples) != 1 || m.Median.Wall <= 0) {
				t.Errorf("%s, %s: %+v", s.Name, m.Name, m)
			}
		}
	}
	if results.Environment.Manager == "" || results.Environment.Cores == 0 || !results.Environment.Embedded {
		t.Errorf("environment: %+v\n%s", results.Environment, log)
	}

	page := filepath.Join(dir, "RESULTS.md")
	run("report", "--in", out, "--out", page)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range results.Scenarios {
		if s.Curve.Table == "" && s.Beside == "" && !strings.Contains(string(text), s.Title[1:]) {
			t.Errorf("the report lacks %q", s.Title)
		}
	}
	svgs, _ := filepath.Glob(filepath.Join(dir, "charts", "*.svg"))
	for _, svg := range svgs {
		if data, _ := os.ReadFile(svg); !bytes.HasPrefix(data, []byte("<svg")) {
			t.Errorf("%s is no SVG", svg)
		}
		if !strings.Contains(string(text), "(charts/"+filepath.Base(svg)+")") {
			t.Errorf("%s is not in the report", svg)
		}
	}
	if len(svgs) != 4 {
		t.Errorf("%d charts", len(svgs))
	}
	if said := run("compare", out, out); strings.Contains(said, "SLOWER") || !strings.Contains(said, "as before") {
		t.Errorf("compared with itself:\n%s", said)
	}
}

// A scenario that fails is told, and the others are measured.
func TestAFailedScenarioIsTold(t *testing.T) {
	out := filepath.Join(t.TempDir(), "results.json")
	root := command()
	root.SetArgs([]string{"smoke", "--flsync", "/bin/false", "--dir", t.TempDir(), "--out", out, "--only", "^(touched|hash-cold)$", "--manager", ""})
	root.SetErr(new(bytes.Buffer))
	if err := root.ExecuteContext(t.Context()); err == nil {
		t.Error("a program that does nothing was measured")
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var results bench.Results
	if err := json.Unmarshal(data, &results); err != nil {
		t.Fatal(err)
	}
	for _, s := range results.Scenarios[:2] {
		if !strings.Contains(s.Error, "/bin/false") {
			t.Errorf("%s: error %q", s.Name, s.Error)
		}
	}
}
