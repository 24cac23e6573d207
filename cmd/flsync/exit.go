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

// exitCode maps the error of a command to the program's exit code. It is the only place that does.
func exitCode(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.Is(err, errUsage), errors.Is(err, config.ErrUsage), errors.Is(err, hashcache.ErrForeign), errors.Is(err, pipeline.ErrUnsupported), invalid(err):
		return exitUsage
	case errors.Is(err, errOutput):
		return exitFailed
	case errors.Is(err, pipeline.ErrPartial):
		return exitPartial
	case unreachable(err):
		return exitUnreachable
	}
	return exitFailed
}

// codeName is the "code" of an error event.
func codeName(err error) string {
	switch {
	case errors.Is(err, errUsage):
		return "usage"
	case errors.Is(err, config.ErrUsage), errors.Is(err, hashcache.ErrForeign):
		return "configuration"
	case errors.Is(err, pipeline.ErrUnsupported):
		return "unsupported"
	case invalid(err):
		return "invalid-manifest"
	case errors.Is(err, errOutput):
		return "output"
	case errors.Is(err, pipeline.ErrPartial):
		return "partial"
	case errors.As(err, new(*journal.LockedError)):
		return "busy"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case unreachable(err):
		return "unreachable"
	}
	return "failed"
}

// invalid tells whether an error is about mistakes in a manifest.
func invalid(err error) bool {
	var (
		all manifest.Errors
		one *manifest.Error
	)
	return errors.As(err, &all) || errors.As(err, &one)
}

// unreachable tells whether an error is about the Manager as a whole: it does not answer, keeps failing, is
// none, or is somewhere else (a redirect, often to a page where people sign on).
func unreachable(err error) bool {
	var (
		away   *flamenco.UnreachableError
		gaveUp *uploader.GaveUpError
		reply  *flamenco.Error
	)
	return errors.As(err, &away) || errors.As(err, &gaveUp) || errors.Is(err, flamenco.ErrNotAManager) || errors.Is(err, flamenco.ErrBadReply) ||
		errors.As(err, &reply) && (reply.Temporary() || reply.Status/100 == 3)
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
