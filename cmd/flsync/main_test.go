package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flsync/flsync/internal/lab/long"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"flsync": func() { os.Exit(run(time.Minute)) }})
}

// settled is longer than the cache distrusts a file that has just been written, as those of a script are.
const settled = 50 * time.Millisecond

// TestScripts runs the program as people do: one script a matter. "exec flsync" starts a process; "run flsync"
// runs the same command line in this one, which costs a tenth.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script", "") }

// TestScriptsWithBlender runs those that make their blend files.
func TestScriptsWithBlender(t *testing.T) { runScripts(t, "testdata/blender", long.Blender(t)) }

func runScripts(t *testing.T, dir, blender string) {
	dir, err := filepath.Abs(dir) // each script is read when it begins, while another runs in its folder
	if err != nil {
		t.Fatal(err)
	}
	project, err := filepath.Abs("../../testdata/project")
	if err != nil {
		t.Fatal(err)
	}
	var in inProcess
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("PROJECT", project)
			e.Setenv("BLENDER", blender)
			if coverage := os.Getenv("GOCOVERDIR"); coverage != "" {
				e.Setenv("GOCOVERDIR", coverage)
			}
			time.Sleep(settled)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"run": in.run},
	})
}

// inProcess runs command lines of scripts in this process, one at a time: the working directory and HOME are
// those of the process.
type inProcess struct{ mu sync.Mutex }

// run flsync ARG… runs a command line; "! run flsync" expects it to fail.
func (in *inProcess) run(ts *testscript.TestScript, neg bool, args []string) {
	if code, _, _ := in.flsync(ts, args); (code != 0) != neg {
		ts.Fatalf("exit code %d", code)
	}
}

// flsync runs a command line as a process in the folder and the environment of ts would, without standard
// input and a terminal. What it writes is standard output and standard error of the script's command.
func (in *inProcess) flsync(ts *testscript.TestScript, line []string) (code int, stdout, stderr string) {
	if len(line) == 0 || line[0] != "flsync" {
		ts.Fatalf("only flsync runs in this process, not %q", line)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	before, err := os.Getwd()
	ts.Check(err)
	ts.Check(os.Chdir(ts.MkAbs(".")))
	defer os.Chdir(before)
	defer os.Setenv("HOME", os.Getenv("HOME"))
	ts.Check(os.Setenv("HOME", ts.Getenv("HOME")))
	dir := func(name string) func() (string, error) {
		return func() (string, error) { return ts.Getenv(name), nil }
	}
	var out, remarks bytes.Buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: &out, stderr: &remarks, getenv: ts.Getenv,
		userConfigDir: dir("XDG_CONFIG_HOME"), userCacheDir: dir("XDG_CACHE_HOME"), version: "test",
		completionTime: time.Minute, greetingTime: time.Second,
	}
	code = a.main(context.Background(), line[1:])
	ts.Stdout().Write(out.Bytes())
	ts.Stderr().Write(remarks.Bytes())
	return code, out.String(), remarks.String()
}
