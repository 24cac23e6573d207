package pipeline

import (
	"context"
	"errors"
	"io/fs"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
	"github.com/flsync/flsync/submit/once"
	"github.com/flsync/flsync/submit/settings"
	"github.com/flsync/flsync/uploader"
)

// gaveUp tells whether an error is about the run as a whole, and not about one file or job. A Manager that is
// away is: whoever tells of it has waited for it patiently, and the other jobs would wait as long in vain.
func gaveUp(ctx context.Context, err error) bool {
	var (
		up   *uploader.GaveUpError
		away *flamenco.UnreachableError
		own  *ownError
	)
	return ctx.Err() != nil || errors.As(err, &up) || errors.As(err, &away) && !errors.As(err, &own)
}

// ownError is what keeps one job from a Manager that takes others meanwhile, such as a million tasks. It is not about
// the run.
type ownError struct{ error }

func (e *ownError) Unwrap() error { return e.error }

// fileCode is the "code" of an error event about a file.
func fileCode(err error) string {
	var (
		walked *walk.Error
		name   *uploader.PathError
	)
	switch {
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

// jobCode is the "code" of an error event about a job.
func jobCode(err error) string {
	var (
		refused   *once.RefusedError
		notBlend  *blend.FormatError
		evaluated *settings.EvalError
		tooLong   *pack.TooLongError
	)
	switch {
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

// walkWarning tells of something that a walk met.
func (r *run) walkWarning(w walk.Warning) {
	r.Sink.Emit(report.Warning{Code: w.Code, Path: w.Path, Message: w.Message})
}
