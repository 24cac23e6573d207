package pipeline

import (
	"context"

	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/settings"
)

// Mistakes adds to those that a manifest has by itself what the Manager's job types and tags show, so that
// somebody learns of all in one go. A Manager that does not answer adds nothing.
func Mistakes(ctx context.Context, env Env, jobs []*manifest.Job, found manifest.Errors) error {
	var farm settings.Farm
	var err error
	if farm.Types, err = env.Manager.JobTypes(ctx); err != nil {
		return found.Err()
	}
	if farm.Tags, err = env.Manager.Tags(ctx); err != nil {
		return found.Err()
	}
	return append(found, settings.Static(jobs, &farm)...).Err()
}
