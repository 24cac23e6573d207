package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/place"
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
	if s.opt.Check != nil {
		group.Go(func() error {
			variables, err := s.run.variables(ctx, api.ManagerVariableAudienceWorkers, cmp.Or(s.opt.Platform, runtime.GOOS))
			if v, known := variables["blenderArgs"]; known {
				runs := func(arg string) bool { return arg == "-y" || arg == "--enable-autoexec" }
				s.opt.Check.noScripts = !slices.ContainsFunc(strings.Fields(v.Value), runs)
			}
			return err
		})
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

// requireInitialStatus returns an error that wraps [ErrUnsupported] if the Manager would start jobs that are
// to enter paused.
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
	shared  pack.Shared // folders that all workers see at the same path
	roots   []storageRoot
	outputs []string // folders of users and workers here, and the variables that stand for them: "{storage}"
}

// askStorage asks for what the farm sees already: the Manager's storage, and the values of its variables that
// are paths.
func (r *run) askStorage(ctx context.Context) (storage, error) {
	env := r.env
	if r.farm == (api.ManagerConfiguration{}) { // a check opens no store
		var err error
		if r.farm, err = askOnce(ctx, env, "configuration", env.Manager.Configuration); err != nil {
			return storage{}, err
		}
	}
	config := r.farm
	var s storage
	add := func(prefix string) {
		if one := (pack.Shared{prefix}); prefix != "" && isPath(prefix) && one.Validate() == nil {
			s.shared = append(s.shared, prefix)
		}
	}
	if config.ShamanEnabled { // the storage location is then the folder of checkouts in it
		add(path.Dir(filepath.ToSlash(config.StorageLocation)))
	}
	add(config.StorageLocation)
	var found [3]api.ManagerVariables
	var users api.ManagerVariables
	group, asking := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		users, err = r.folders(asking, api.ManagerVariableAudienceUsers, runtime.GOOS)
		return err
	})
	for i, platform := range []string{"linux", "windows", "darwin"} {
		group.Go(func() (err error) {
			found[i], err = r.folders(asking, api.ManagerVariableAudienceWorkers, platform)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return s, err
	}
	s.roots = r.storageRoots(users)
	seen := map[string]api.ManagerVariables{"linux": found[0], "windows": found[1], "darwin": found[2]} // as workers see them
	for _, variables := range []api.ManagerVariables{users, seen[runtime.GOOS]} {
		for _, name := range slices.Sorted(maps.Keys(variables)) {
			s.outputs = append(s.outputs, "{"+name+"}", variables[name].Value)
		}
	}
	seen, err := r.ofWorkers(ctx, seen)
	if err != nil {
		return s, err
	}
	s.outputs = append(s.outputs, s.shared...)
	for _, variables := range seen {
		for _, v := range variables {
			if opensSame(v.Value, seen) {
				add(v.Value)
			}
		}
	}
	return s, nil
}

// variables returns the Manager's variables, as an earlier run with the same configuration had them.
func (r *run) variables(ctx context.Context, audience api.ManagerVariableAudience, platform string) (api.ManagerVariables, error) {
	return askOnce(ctx, r.env, "variables "+string(audience)+" "+platform, func(ctx context.Context) (api.ManagerVariables, error) {
		return r.env.Manager.Variables(ctx, audience, platform)
	})
}

// folders returns the Manager's variables that stand for folders.
func (r *run) folders(ctx context.Context, audience api.ManagerVariableAudience, platform string) (api.ManagerVariables, error) {
	variables, err := r.variables(ctx, audience, platform)
	maps.DeleteFunc(variables, func(name string, v api.ManagerVariable) bool {
		return !v.IsTwoway && name != "jobs" && name != "shared_storage_path"
	})
	return variables, err
}

// maxAsked bounds how many workers are asked for their platforms.
const maxAsked = 200

// ofWorkers keeps the folders of the platforms that the farm's workers run on. Without workers that is this
// machine's.
func (r *run) ofWorkers(ctx context.Context, folders map[string]api.ManagerVariables) (map[string]api.ManagerVariables, error) {
	same := func(platform string) bool { return maps.Equal(folders[platform], folders[runtime.GOOS]) }
	if same("linux") && same("windows") && same("darwin") {
		return folders, nil
	}
	platforms, err := r.platforms(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string]api.ManagerVariables)
	for _, platform := range platforms {
		found[platform] = folders[platform]
	}
	return found, nil
}

// platforms returns those that the farm's workers run on, each once. Without workers that is this machine's.
func (r *run) platforms(ctx context.Context) ([]string, error) {
	workers, err := ask(ctx, r.env, r.env.Manager.Workers)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	found := make(map[string]bool)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, w := range workers[:min(len(workers), maxAsked)] {
		group.Go(func() error {
			platform, err := askOnce(ctx, r.env, "platform of "+w.ID, func(ctx context.Context) (string, error) {
				worker, err := r.env.Manager.Worker(ctx, w.ID)
				return worker.Platform, err
			})
			if flamenco.IsNotFound(err) {
				return nil // removed meanwhile
			}
			mu.Lock()
			defer mu.Unlock()
			found[platform] = true
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		found[runtime.GOOS] = true
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// opensSame reports whether a folder of the storage is one at the same path on each of the platforms. Values
// of a platform that is not known open nothing.
func opensSame(folder string, platforms map[string]api.ManagerVariables) bool {
	for _, variables := range platforms {
		if !slices.ContainsFunc(slices.Collect(maps.Values(variables)), func(v api.ManagerVariable) bool { return v.Value == folder }) {
			return false
		}
	}
	return true
}

// isPath reports whether the value of a variable is a path, and not a command line.
func isPath(value string) bool {
	return path.IsAbs(filepath.ToSlash(value)) || place.HasDrive(value) && len(value) > 2 || strings.HasPrefix(value, `\\`)
}

// ValidateWithManager adds to the mistakes that were found in a manifest those that the Manager's job types
// and tags reveal, so that somebody learns of all at once. A Manager that does not answer adds nothing. The
// error is a [manifest.Errors], or nil without mistakes.
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
