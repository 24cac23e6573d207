package pipeline

import (
	"context"
	"errors"
	"io/fs"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
	"github.com/flsync/flsync/submit/once"
	"github.com/flsync/flsync/submit/settings"
	"github.com/flsync/flsync/uploader"
)

// abortsRun reports whether an error is about the run as a whole, and not about one file or job. That the
// Manager is away is about the run: the request that failed was tried again for minutes, and other jobs would
// wait as long in vain.
func abortsRun(ctx context.Context, err error) bool {
	return ctx.Err() != nil || is[*once.LookError](err) || is[*StorageError](err) || is[*uploader.GaveUpError](err) ||
		errors.Is(err, flamenco.ErrSignIn) || is[*flamenco.UnreachableError](err) && !is[*jobOnlyError](err)
}

// is reports whether one of the errors that err wraps is an E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// jobOnlyError keeps one job from a Manager that took others meanwhile, such as a job of a million tasks. It
// is not about the run.
type jobOnlyError struct{ error }

func (e *jobOnlyError) Unwrap() error { return e.error }

// fileCode returns the "code" of an error event about a file.
func fileCode(err error) string {
	switch {
	case is[*gate.HeldError](err):
		return "held-back"
	case errors.Is(err, openfile.ErrReplaced):
		return "replaced"
	case is[*uploader.PathError](err):
		return "name"
	case errors.Is(err, fs.ErrPermission):
		return "unreadable"
	case errors.Is(err, fs.ErrNotExist):
		return "vanished"
	case errors.Is(err, hashcache.ErrChanging), errors.Is(err, uploader.ErrChanged):
		return "changing"
	}
	if walked, ok := errors.AsType[*walk.Error](err); ok {
		return walked.Code
	}
	return "file"
}

// jobCode returns the "code" of an error event about a job.
func jobCode(err error) string {
	switch {
	case errors.Is(err, ErrLacks):
		return "lacks"
	case is[*once.RefusedError](err):
		return "refused"
	case is[*blend.FormatError](err):
		return "not-blend"
	case is[*settings.EvalError](err):
		return "setting"
	case is[*pack.TooLongError](err):
		return "path-too-long"
	}
	if code := fileCode(err); code != "file" {
		return code
	}
	return "job"
}

// walkWarning reports something that a walk met.
func (r *run) walkWarning(w walk.Warning) {
	r.env.Sink.Emit(report.Warning{Code: w.Code, Path: w.Path, Message: w.Message})
}
