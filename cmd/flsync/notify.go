package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"runtime"
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
	shell := []string{"/bin/sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/c"}
	}
	cmd := exec.CommandContext(ctx, shell[0], shell[1], s.notify)
	cmd.Stdin = bytes.NewReader(append(line, '\n'))
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the notification command failed: %w: %s", err, bytes.TrimSpace(out[:min(len(out), 500)]))
	}
	return nil
}
