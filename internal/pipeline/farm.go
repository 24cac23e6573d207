package pipeline

import (
	"context"
	"path"
	"path/filepath"
	"runtime"
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
	group.Go(func() (err error) {
		s.farm.Tags, err = ask(ctx, env, env.Manager.Tags)
		return err
	})
	group.Go(func() (err error) {
		s.sharedStorage, err = askSharedStorage(ctx, env)
		return err
	})
	return group.Wait()
}

// askSharedStorage asks for what the farm sees already: the Manager's storage, and the values of its variables
// that are paths.
func askSharedStorage(ctx context.Context, env Env) (pack.Shared, error) {
	var shared pack.Shared
	add := func(prefix string) {
		if one := (pack.Shared{prefix}); prefix != "" && isPath(prefix) && one.Validate() == nil {
			shared = append(shared, prefix)
		}
	}
	config, err := ask(ctx, env, env.Manager.Configuration)
	if err != nil {
		return nil, err
	}
	if config.ShamanEnabled { // the storage location is then the folder of checkouts in it
		add(path.Dir(filepath.ToSlash(config.StorageLocation)))
	}
	add(config.StorageLocation)
	for _, audience := range []api.ManagerVariableAudience{api.ManagerVariableAudienceUsers, api.ManagerVariableAudienceWorkers} {
		variables, err := ask(ctx, env, func(ctx context.Context) (api.ManagerVariables, error) {
			return env.Manager.Variables(ctx, audience, runtime.GOOS)
		})
		if err != nil {
			return nil, err
		}
		for name, v := range variables {
			if v.IsTwoway || name == "jobs" || name == "shared_storage_path" {
				add(v.Value)
			}
		}
	}
	return shared, nil
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
	if farm.Tags, err = env.Manager.Tags(ctx); err != nil {
		return found.Err()
	}
	return append(found, settings.Static(jobs, &farm)...).Err()
}
