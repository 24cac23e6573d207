package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/flsync/flsync/internal/report"
)

// notifyTime is how long a notification may take: mail and chat answer within seconds.
const notifyTime = time.Minute

// tellNotify runs the notification command with the summary on its standard input.
func (s *session) tellNotify(ctx context.Context) error {
	if s.notify == "" {
		return nil
	}
	line, err := report.JSON(s.summary)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notifyTime) // also of an interrupted run
	defer cancel()
	cmd := shell(ctx, s.notify)
	cmd.Stdin = bytes.NewReader(append(line, '\n'))
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the notification command failed: %w: %s", err, bytes.TrimSpace(out[:min(len(out), 500)]))
	}
	return nil
}

// windowsShell is the command line by which Windows' cmd runs a command as it was written. With /s cmd takes
// away the outer quotes and reads the rest itself; the quoting of arguments that other programs undo is
// foreign to it. /d leaves out what the registry has every cmd run first.
func windowsShell(command string) string {
	return `cmd /d /s /c "` + command + `"`
}
