package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// command is a program that is run and measured.
type command struct {
	path   string
	args   []string
	env    []string  // added to the lab's own
	stdout io.Writer // nil: thrown away, by the system and not by us
}

// measure runs a program by way of this one's measure command.
//
// The detour is for MaxRSS: on Linux a process starts with the mark of the one
// that started it, and the lab may need more memory than what it measures. What
// needs less than the command's own 10 MB or so is shown with those.
func (l *Lab) measure(ctx context.Context, c command) (Sample, error) {
	result := filepath.Join(l.Dir, "sample.json")
	cmd := exec.CommandContext(ctx, l.Self, append([]string{"measure", "--result", result, "--", c.path}, c.args...)...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout = c.stdout
	cmd.Cancel = func() error { return stopProcess(cmd.Process) } // and it kills what it measures
	cmd.WaitDelay = startWait
	var stderr tail
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return Sample{}, fmt.Errorf("%s %s: %w%s", c.path, strings.Join(c.args, " "), err, stderr.quote())
	}
	data, err := os.ReadFile(result)
	if err != nil {
		return Sample{}, err
	}
	var s Sample
	return s, errors.Join(json.Unmarshal(data, &s), os.Remove(result))
}

// Measure runs a program to its end, with our own output and environment.
func Measure(ctx context.Context, path string, args ...string) (Sample, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return Sample{}, err
	}
	return Sample{
		Wall:   wall.Seconds(),
		User:   cmd.ProcessState.UserTime().Seconds(),
		System: cmd.ProcessState.SystemTime().Seconds(),
		MaxRSS: maxRSS(cmd.ProcessState),
	}, nil
}

// tail keeps the end of what a program writes.
type tail struct{ buf bytes.Buffer }

const tailSize = 2000

func (t *tail) Write(b []byte) (int, error) {
	t.buf.Write(b)
	if extra := t.buf.Len() - tailSize; extra > 0 {
		t.buf.Next(extra)
	}
	return len(b), nil
}

func (t *tail) quote() string {
	if s := strings.TrimSpace(t.buf.String()); s != "" {
		return "\n\t" + strings.ReplaceAll(s, "\n", "\n\t")
	}
	return ""
}

// lastLine keeps the last line of what a program writes: the summary of a run
// that may have said much before.
type lastLine struct{ line, partial []byte }

func (l *lastLine) Write(b []byte) (int, error) {
	n := len(b)
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			l.partial = append(l.partial, b...)
			return n, nil
		}
		l.line = append(append(l.line[:0], l.partial...), b[:end]...)
		l.partial = l.partial[:0]
		b = b[end+1:]
	}
}
