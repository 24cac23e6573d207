package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/config"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/submit/journal"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/uploader"
)

// Exit codes: a contract with callers.
const (
	exitOK          = 0
	exitFailed      = 1   // nothing took effect that a second run would not take up again
	exitUsage       = 2   // wrong usage, wrong configuration, an invalid manifest
	exitPartial     = 3   // some jobs or files failed, the others were done
	exitUnreachable = 4   // the Manager could not be reached, or kept failing
	exitInterrupted = 130 // SIGINT or SIGTERM, after a clean stop
)

// exitCode maps the error of a command to the program's exit code.
func exitCode(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		return exitInterrupted
	}
	code, _ := classify(err)
	return code
}

// codeName returns the "code" of an error event.
func codeName(err error) string {
	_, name := classify(err)
	if errors.Is(err, context.Canceled) && (name == "unreachable" || name == "failed") {
		return "interrupted"
	}
	return name
}

// classify returns the exit code and the name of an error. It is the only place that maps errors to them.
func classify(err error) (code int, name string) {
	switch {
	case errors.Is(err, errUsage):
		return exitUsage, "usage"
	case errors.Is(err, config.ErrUsage), errors.Is(err, hashcache.ErrForeign):
		return exitUsage, "configuration"
	case errors.Is(err, pipeline.ErrUnsupported):
		return exitUsage, "unsupported"
	case invalid(err):
		return exitUsage, "invalid-manifest"
	case errors.Is(err, errOutput):
		return exitFailed, "output"
	case errors.Is(err, pipeline.ErrPartial):
		return exitPartial, "partial"
	case errors.As(err, new(*journal.LockedError)):
		return exitFailed, "busy"
	case unreachable(err):
		return exitUnreachable, "unreachable"
	}
	return exitFailed, "failed"
}

// invalid reports whether an error is about mistakes in a manifest.
func invalid(err error) bool {
	return errors.As(err, new(manifest.Errors)) || errors.As(err, new(*manifest.Error))
}

// unreachable reports whether an error is about the Manager as a whole: it does not answer, keeps failing, is
// none, or is somewhere else (a redirect, often to a page where people sign on).
func unreachable(err error) bool {
	reply, answered := errors.AsType[*flamenco.Error](err)
	return errors.As(err, new(*flamenco.UnreachableError)) || errors.As(err, new(*uploader.GaveUpError)) ||
		errors.Is(err, flamenco.ErrNotAManager) || errors.Is(err, flamenco.ErrBadReply) ||
		answered && (reply.Temporary() || reply.Status/100 == 3)
}

// errUsage marks a wrong command line.
var errUsage = errors.New("usage")

// usageError marks err as a wrong command line; its text stays as it is.
func usageError(err error) error { return &markedError{err, errUsage} }

func usagef(format string, args ...any) error { return usageError(fmt.Errorf(format, args...)) }

type markedError struct{ err, mark error }

func (e *markedError) Error() string   { return e.err.Error() }
func (e *markedError) Unwrap() []error { return []error{e.err, e.mark} }

// reportedError is an error whose message has been printed already.
type reportedError struct{ error }

func (e *reportedError) Unwrap() error { return e.error }
