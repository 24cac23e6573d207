package pipeline

import (
	"context"
	"errors"
	"io/fs"

	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
	"github.com/flsync/flsync/uploader"
)

// gaveUp tells whether an error is about the run as a whole, and not about one file or job.
func gaveUp(ctx context.Context, err error) bool {
	var up *uploader.GaveUpError
	return ctx.Err() != nil || errors.As(err, &up)
}

// fileCode is the "code" of an error event about a file.
func fileCode(err error) string {
	var walked *walk.Error
	switch {
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

// walkWarning tells of something that a walk met.
func (r *run) walkWarning(w walk.Warning) {
	r.Sink.Emit(report.Warning{Code: w.Code, Path: w.Path, Message: w.Message})
}
