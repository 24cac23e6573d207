package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
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

// measure runs a program to its end.
//
// MaxRSS comes from the system's accounts. On Linux a process starts with the
// mark of the one that started it, so that no value below the lab's own memory
// can be seen; the lab therefore does nothing large itself.
func measure(ctx context.Context, c command) (Sample, error) {
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout = c.stdout
	var stderr tail
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return Sample{}, fmt.Errorf("%s %s: %w%s", c.path, strings.Join(c.args, " "), err, stderr.quote())
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
