package pipeline

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/settings"
)

// askFarm fetches job types, tags and shared storage, side by side.
func (s *submission) askFarm(ctx context.Context) error {
	env := s.run.env
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.farm.Types, err = ask(ctx, env, env.Manager.JobTypes)
		return err
	})
	if namesTag(s.opt.Jobs) {
		group.Go(func() (err error) {
			s.farm.Tags, err = ask(ctx, env, env.Manager.Tags)
			return err
		})
	}
	if entersPaused := func(j *manifest.Job) bool { return j.InitialStatus != "" }; s.opt.Hold || slices.ContainsFunc(s.opt.Jobs, entersPaused) {
		group.Go(func() error { return requireInitialStatus(ctx, env) })
	}
	group.Go(func() (err error) {
		s.storage, err = s.run.askStorage(ctx)
		return err
	})
	return group.Wait()
}

// namesTag reports whether a job is for the workers of a tag. Managers before 3.3 have none.
func namesTag(jobs []*manifest.Job) bool {
	return slices.ContainsFunc(jobs, func(j *manifest.Job) bool { return j.WorkerTag != "" })
}

// requireInitialStatus returns an error that wraps [ErrUnsupported] if the Manager would start jobs that are to enter
// paused.
func requireInitialStatus(ctx context.Context, env Env) error {
	version, err := ask(ctx, env, env.Manager.Version)
	if err != nil {
		return err
	}
	since := api.Since("SubmittedJob.initial_status")
	if release, ok := api.ParseRelease(version.Version); ok && release.Before(since) {
		return fmt.Errorf("%w: jobs cannot enter paused or held, because it is Flamenco %v and would start them at once (that came with %v): "+
			"leave out --paused, --hold and initial_status", ErrUnsupported, release, since)
	}
	return nil
}

// storage is what the Manager says of storage that the farm sees.
type storage struct {
	shared  pack.Shared // folders
	moved   pack.Shared // those of them that workers see at another path
	roots   []storageRoot
	outputs []string // shared, and the variables that stand for folders: "{storage}"
}

// askStorage asks for what the farm sees already: the Manager's storage, and the values of its variables that are
// paths.
func (r *run) askStorage(ctx context.Context) (storage, error) {
	env, config := r.env, r.farm
	if config == (api.ManagerConfiguration{}) { // a check opens no store
		var err error
		if config, err = ask(ctx, env, env.Manager.Configuration); err != nil {
			return storage{}, err
		}
	}
	var s storage
	add := func(list *pack.Shared, prefix string) {
		if one := (pack.Shared{prefix}); prefix != "" && isPath(prefix) && one.Validate() == nil {
			*list = append(*list, prefix)
		}
	}
	if config.ShamanEnabled { // the storage location is then the folder of checkouts in it
		add(&s.shared, path.Dir(filepath.ToSlash(config.StorageLocation)))
	}
	add(&s.shared, config.StorageLocation)
	seen := make(map[string]string) // by the name of a variable: the value that users have
	for _, audience := range []api.ManagerVariableAudience{api.ManagerVariableAudienceUsers, api.ManagerVariableAudienceWorkers} {
		variables, err := ask(ctx, env, func(ctx context.Context) (api.ManagerVariables, error) {
			return env.Manager.Variables(ctx, audience, runtime.GOOS)
		})
		if err != nil {
			return s, err
		}
		if audience == api.ManagerVariableAudienceUsers {
			s.roots = r.storageRoots(variables)
		}
		for name, v := range variables {
			if !v.IsTwoway && name != "jobs" && name != "shared_storage_path" {
				continue
			}
			if before := seen[name]; before != "" && before != v.Value {
				add(&s.moved, before)
			}
			seen[name] = v.Value
			add(&s.shared, v.Value)
			s.outputs = append(s.outputs, "{"+name+"}")
		}
	}
	s.outputs = append(s.outputs, s.shared...)
	return s, nil
}

// isPath reports whether the value of a variable is a path, and not a command line.
func isPath(value string) bool {
	return path.IsAbs(filepath.ToSlash(value)) || len(value) > 2 && value[1] == ':' || strings.HasPrefix(value, `\\`)
}

// ValidateWithManager adds to the mistakes that were found in a manifest those that the Manager's job types and tags
// reveal, so that somebody learns of all at once. A Manager that does not answer adds nothing. The error is a
// [manifest.Errors], or nil without mistakes.
func ValidateWithManager(ctx context.Context, env Env, platform string, jobs []*manifest.Job, found manifest.Errors) error {
	farm := settings.Farm{Platform: platform}
	var err error
	if farm.Types, err = env.Manager.JobTypes(ctx); err != nil {
		return found.Err()
	}
	if namesTag(jobs) {
		if farm.Tags, err = env.Manager.Tags(ctx); err != nil {
			return found.Err()
		}
	}
	return append(found, settings.Static(jobs, &farm)...).Err()
}
