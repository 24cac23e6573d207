package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/flsync/flsync/internal/report"
)

// TestSummaryIsLast: whatever goes wrong at the end of a run, such as a cache that another program holds, is
// told before the summary, which is the last line for other programs.
func TestSummaryIsLast(t *testing.T) {
	var to bytes.Buffer
	a := &app{stdout: &to, out: &output{to: &to}, stderr: io.Discard, json: true, getenv: func(string) string { return "" }}
	s := a.newSession("sync")
	s.sink = report.NewJSONLines(&to)
	s.notify = "exit 3"
	s.closers = append(s.closers, func() error { return errors.New("cannot be closed") }, func() error {
		s.sink.Emit(report.Warning{Code: "cache-unsaved", Message: "another program held it"})
		return nil
	})
	if err := s.close(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(to.String()), "\n")
	want := []string{`"code":"cache-unsaved"`, `"code":"close"`, `"code":"notify"`, `"type":"summary"`}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), to.String())
	}
	for i, line := range lines {
		if !strings.Contains(line, want[i]) {
			t.Errorf("line %d is %s, want %s", i+1, line, want[i])
		}
	}
}

// What stands between the outer quotes is what was written: cmd knows no backslash before a quote.
func TestWindowsShell(t *testing.T) {
	const command = `"C:\Program Files\chat.exe" --text "tonight's run"`
	if got, want := windowsShell(command), `cmd /d /s /c ""C:\Program Files\chat.exe" --text "tonight's run""`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
