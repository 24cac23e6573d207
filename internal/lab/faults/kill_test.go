package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/flsync/flsync/internal/lab/faults"
)

// built is where flsync lies, once a test has needed it.
var built struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// buildProgram builds flsync, once for all tests.
func buildProgram(t *testing.T) string {
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "flsync-faults"); built.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-o", built.dir+string(filepath.Separator), "../../../cmd/flsync").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "flsync") // on Windows, too, the .exe is found
}

// TestKill is the short form of the kills.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and kills the program")
	}
	t.Parallel()
	program := buildProgram(t)
	result, err := faults.Kill(t.Context(), faults.KillConfig{Seed: 3, Dir: t.TempDir(), Project: sample, Program: program, Kills: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range result.Broken {
		t.Error(broken)
	}
	if result.Kills != 5 {
		t.Errorf("%d kills, want 5", result.Kills)
	}
	t.Logf("%+v", result)
}
