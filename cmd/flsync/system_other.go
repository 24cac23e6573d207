//go:build !windows

package main

import (
	"context"
	"os"
	"os/exec"
)

// shell is a command as people write it into a terminal.
func shell(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, "/bin/sh", "-c", command)
}

// useANSI does nothing: terminals know ANSI sequences.
func useANSI(...*os.File) (restore func()) { return func() {} }
