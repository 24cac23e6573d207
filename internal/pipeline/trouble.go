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

// abortsRun reports whether an error is about the run as a whole, and not about one file or job. That the Manager is
// away is about the run: the request that failed was tried again for minutes, and other jobs would wait as long in vain.
func abortsRun(ctx context.Context, err error) bool {
	var (
		up   *uploader.GaveUpError
		away *flamenco.UnreachableError
		own  *jobOnlyError
		look *once.LookError
		full *StorageError
	)
	return ctx.Err() != nil || errors.As(err, &look) || errors.As(err, &full) || errors.As(err, &up) || errors.Is(err, flamenco.ErrSignIn) || errors.As(err, &away) && !errors.As(err, &own)
}

// jobOnlyError keeps one job from a Manager that took others meanwhile, such as a job of a million tasks. It is not
// about the run.
type jobOnlyError struct{ error }

func (e *jobOnlyError) Unwrap() error { return e.error }

// fileCode returns the "code" of an error event about a file.
func fileCode(err error) string {
	var (
		walked *walk.Error
		name   *uploader.PathError
		held   *gate.HeldError
	)
	switch {
	case errors.As(err, &held):
		return "held-back"
	case errors.Is(err, openfile.ErrReplaced):
		return "replaced"
	case errors.As(err, &name):
		return "name"
	case errors.Is(err, fs.ErrPermission):
		return "unreadable"
	case errors.Is(err, fs.ErrNotExist):
		return "vanished"
	case errors.Is(err, hashcache.ErrChanging), errors.Is(err, uploader.ErrChanged):
		return "changing"
	case errors.As(err, &walked):
		return walked.Code
	}
	return "file"
}

// jobCode returns the "code" of an error event about a job.
func jobCode(err error) string {
	var (
		refused   *once.RefusedError
		notBlend  *blend.FormatError
		evaluated *settings.EvalError
		tooLong   *pack.TooLongError
	)
	switch {
	case errors.Is(err, ErrLacks):
		return "lacks"
	case errors.As(err, &refused):
		return "refused"
	case errors.As(err, &notBlend):
		return "not-blend"
	case errors.As(err, &evaluated):
		return "setting"
	case errors.As(err, &tooLong):
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
