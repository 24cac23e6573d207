package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"flsync": func() { os.Exit(run(time.Minute)) }})
}

// settled is longer than the cache distrusts a file that has just been written, as those of a script are.
const settled = 50 * time.Millisecond

// TestScripts runs the program as people do: one script a matter.
func TestScripts(t *testing.T) {
	project, err := filepath.Abs("../../testdata/project")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("PROJECT", project)
			if coverage := os.Getenv("GOCOVERDIR"); coverage != "" {
				e.Setenv("GOCOVERDIR", coverage)
			}
			time.Sleep(settled)
			return nil
		},
	})
}
