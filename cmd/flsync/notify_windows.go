package main

import (
	"context"
	"os/exec"
	"syscall"
)

// shell is a command as people write it into a Command Prompt.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: windowsShell(command)}
	return cmd
}
