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
		s.storage, err = askStorage(ctx, env)
		return err
	})
	return group.Wait()
}

// storage is what the Manager says of storage that the farm sees.
type storage struct {
	shared  pack.Shared // folders
	moved   pack.Shared // those of them that workers see at another path
	outputs []string    // shared, and the variables that stand for folders: "{storage}"
}

// askStorage asks for what the farm sees already: the Manager's storage, and the values of its variables that are
// paths.
func askStorage(ctx context.Context, env Env) (storage, error) {
	var s storage
	add := func(list *pack.Shared, prefix string) {
		if one := (pack.Shared{prefix}); prefix != "" && isPath(prefix) && one.Validate() == nil {
			*list = append(*list, prefix)
		}
	}
	config, err := ask(ctx, env, env.Manager.Configuration)
	if err != nil {
		return s, err
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
	if farm.Tags, err = env.Manager.Tags(ctx); err != nil {
		return found.Err()
	}
	return append(found, settings.Static(jobs, &farm)...).Err()
}
