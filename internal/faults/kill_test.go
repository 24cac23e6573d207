package faults_test

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/flsync/flsync/internal/faults"
)

// buildProgram builds flsync.
func buildProgram(t *testing.T) string {
	program := filepath.Join(t.TempDir(), "flsync")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/flsync").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestKill is the short form of the kills.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and kills the program")
	}
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
