package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flsync/flsync/internal/report"
)

// Events come from any goroutine, while the one that lists results flushes: each comes out, whole. The race
// detector watches.
func TestOutputInPieces(t *testing.T) {
	var to bytes.Buffer
	out := &output{to: &to}
	s := &session{app: &app{stdout: out, out: out, stderr: io.Discard, json: true}}
	s.sink = s.app.sink()
	out.buffer()
	const events = 500
	var warners sync.WaitGroup
	warners.Go(func() {
		for range events {
			s.sink.Emit(report.Hash{Path: "b"})
		}
	})
	for range events {
		s.sink.Emit(report.Hash{Path: "a"})
		if err := out.flush(); err != nil {
			t.Fatal(err)
		}
	}
	warners.Wait()
	if err := out.flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(to.String()), "\n")
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"type":"hash"`) || !strings.HasSuffix(line, "}") {
			t.Fatalf("a line is %q", line)
		}
	}
	if len(lines) != 2*events {
		t.Errorf("%d lines, want %d", len(lines), 2*events)
	}
}

// full takes room bytes and then fails, as a disk does.
type full struct {
	room, writes atomic.Int64
}

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	f.writes.Add(1)
	if f.room.Add(-int64(len(p))) < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestOutputLost: results that cannot be written end with exit code 1 and a message, whatever the command
// does.
func TestOutputLost(t *testing.T) {
	project, err := filepath.Abs("../../testdata/project")
	if err != nil {
		t.Fatal(err)
	}
	blend := filepath.Join(project, "shots", "sh010.blend")
	url := embeddedManager(t)
	for _, line := range []string{
		"hash " + project, "hash --json " + project, "deps " + blend, "deps --json " + blend, "deps --tree " + blend, "inspect " + blend,
		"version", "version --json", "--help", "cache path", "cache stats --json", "cache verify",
		"sync --json --manager " + url + " " + project, "sync --dry-run --manager " + url + " " + project,
		"submit --json --set render_output_root=/render --manager " + url + " " + blend,
		"submit --force --set render_output_root=/render --manager " + url + " " + blend,
		"jobs list --manager " + url, "jobs list --json --manager " + url, "jobs types --json --manager " + url,
		"farm status --manager " + url, "farm version --json --manager " + url, "farm doctor --manager " + url,
	} {
		t.Run(line, func(t *testing.T) {
			a, stderr := quietApp(t)
			a.stdout = new(full)
			if code := a.main(t.Context(), strings.Fields(line)); code != exitFailed {
				t.Errorf("exit code %d, want 1", code)
			}
			if !strings.Contains(stderr.String(), "results could not be written") {
				t.Errorf("stderr: %q", stderr)
			}
		})
	}
}

// TestOutputLostEndsTheWalk: nobody gets what would still be found, so nothing more is looked for.
func TestOutputLostEndsTheWalk(t *testing.T) {
	dir := t.TempDir()
	const files = 400
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%04d", i)), []byte{byte(i), byte(i >> 8)}, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, stderr := quietApp(t)
	out := new(full)
	out.room.Store(2000) // some lines
	a.stdout = out
	began := time.Now()
	if code := a.main(t.Context(), []string{"hash", dir}); code != exitFailed {
		t.Errorf("exit code %d, want 1", code)
	}
	if strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("stderr has more than one line after %v: %q", time.Since(began), stderr)
	}
	if out.room.Load() < -64<<10 {
		t.Errorf("%d bytes were written after the failure", -out.room.Load())
	}
}

// TestOutputOnAFullDevice is the same with what the system has for it.
func TestOutputOnAFullDevice(t *testing.T) {
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here")
	}
	defer device.Close()
	for _, line := range []string{"hash output.go", "hash --json output.go"} {
		a, stderr := quietApp(t)
		a.stdout = device
		if code := a.main(t.Context(), strings.Fields(line)); code != exitFailed || !strings.Contains(stderr.String(), "no space left on device") {
			t.Errorf("%s: exit code %d, stderr %q", line, code, stderr)
		}
	}
}

// TestInterruptedWhileItReads: a signal ends a run that waits for standard input.
func TestInterruptedWhileItReads(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	never, hold := io.Pipe()
	defer hold.Close()
	a, _ := quietApp(t)
	a.stdin, a.stdout = never, io.Discard
	ended := make(chan int, 1)
	go func() { ended <- a.main(ctx, []string{"submit", "-", "--manager", "http://127.0.0.1:1"}) }()
	time.AfterFunc(50*time.Millisecond, interrupt)
	select {
	case code := <-ended:
		if code != exitInterrupted {
			t.Errorf("exit code %d, want 130", code)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("still waiting for standard input")
	}
}
