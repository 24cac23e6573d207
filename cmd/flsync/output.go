package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// errOutput marks results that standard output did not take. It beats success: a list that was cut short must
// not pass for a whole one.
var errOutput = errors.New("results could not be written")

// output is standard output for any goroutine. It remembers the first write that failed. A closed pipe on
// Unix ends the process before that, as it ends other programs (SIGPIPE).
type output struct {
	mu     sync.Mutex
	to     io.Writer
	buf    *bufio.Writer // nil: every write goes out at once
	err    error         // wraps errOutput
	onFail func(error)   // may be nil; called once
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	if o.buf != nil {
		n, err := o.buf.Write(p)
		return n, o.keep(err)
	}
	n, err := o.to.Write(p)
	return n, o.keep(err)
}

// buffer makes output collect what is written until flush is called: 300 shots list 100,000 files.
func (o *output) buffer() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = bufio.NewWriterSize(o.to, 64<<10)
}

// flush writes what was collected and returns the first failure of any write.
func (o *output) flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil && o.buf != nil {
		return o.keep(o.buf.Flush())
	}
	return o.err
}

// keep remembers a failure; o.mu is held.
func (o *output) keep(err error) error {
	if err != nil {
		o.err = fmt.Errorf("%w: %w", errOutput, err)
		if o.onFail != nil {
			o.onFail(o.err)
		}
	}
	return o.err
}

// lost flushes standard output and returns why results did not get out, nil when all did.
func (a *app) lost() error {
	err := a.out.flush()
	if err == nil && a.lines != nil && a.lines.Err() != nil { // an event that could not be rendered
		err = fmt.Errorf("%w: %w", errOutput, a.lines.Err())
	}
	return err
}

// ownerOnly is the mode of pages, which show a studio's names and pictures.
const ownerOnly = 0o600

// writeFile has write make a file, which replaces one that is there.
func writeFile(name string, mode fs.FileMode, write func(io.Writer) error) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// interruptible is a reader whose Read returns when ctx ends, although nothing has come: the first signal has
// to end a run that waits for standard input.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (r interruptible) Read(p []byte) (int, error) {
	own := make([]byte, len(p)) // p is the caller's again when ctx has ended
	n, err := await(r.ctx, func() (int, error) { return r.from.Read(own) })
	return copy(p, own[:n]), err
}

// await returns what do returns, or the cause of the end of ctx if that comes first. do then goes on alone.
func await[T any](ctx context.Context, do func() (T, error)) (result T, err error) {
	done := make(chan func() (T, error), 1)
	go func() {
		result, err := do()
		done <- func() (T, error) { return result, err }
	}()
	select {
	case returned := <-done:
		return returned()
	case <-ctx.Done():
		return result, context.Cause(ctx)
	}
}
