package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/flsync/flsync/internal/lab/faults"
)

// kill builds the program, and kills it, beside the matrix: both mostly wait.
func (o options) kill(ctx context.Context, figures *faults.Figures) error {
	if o.kills == 0 {
		return nil
	}
	dir, err := os.MkdirTemp(o.dir, "kill")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "flsync")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/flsync")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building flsync: %w", err)
	}
	result, err := faults.Kill(ctx, faults.KillConfig{Seed: o.first, Dir: dir, Project: o.project, Program: program, Kills: o.kills})
	if err != nil {
		return err
	}
	figures.AddKills(result)
	if len(result.Broken) > 0 {
		return fmt.Errorf("kills broke promises:\n%s", strings.Join(result.Broken, "\n"))
	}
	return nil
}
