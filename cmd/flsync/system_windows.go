package main

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// shell is a command as people write it into a Command Prompt.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: windowsShell(command)}
	return cmd
}

// useANSI has the consoles behind files act on ANSI sequences, with which bars and live tables are drawn; a
// console of Windows prints them otherwise. Files that are no consoles stay as they are. restore gives
// consoles their modes back, which programs share.
func useANSI(files ...*os.File) (restore func()) {
	var undo []func()
	for _, f := range files {
		console := windows.Handle(f.Fd())
		var mode uint32
		if windows.GetConsoleMode(console, &mode) != nil || mode&windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING != 0 {
			continue
		}
		if windows.SetConsoleMode(console, mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil {
			undo = append(undo, func() { _ = windows.SetConsoleMode(console, mode) })
		}
	}
	return func() {
		for _, one := range undo {
			one()
		}
	}
}
