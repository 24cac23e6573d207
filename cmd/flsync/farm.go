package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
)

func (a *app) farmCommand() *cobra.Command {
	farm := &cobra.Command{
		Use:   "farm",
		Short: "Look at the farm as a whole: version, status, configuration, storage, health",
		Example: `  flsync farm doctor
  flsync farm config file > flamenco-manager.yaml
  flsync farm variables --audience workers --platform windows`,
	}
	farm.AddCommand(
		showCommand(a, &cobra.Command{Use: "version", Short: "Show the Manager's name and version"}, at("version"), func(v api.FlamencoVersion) error {
			return a.printFields([]field{{"name", v.Name}, {"version", v.Version}, {"short", v.Shortversion}, {"git", v.Git}})
		}),
		showCommand(a, &cobra.Command{Use: "status", Short: "Show whether the farm works, waits or sleeps"}, at("status"), func(s api.FarmStatusReport) error {
			return a.printFields([]field{{"status", string(s.Status)}})
		}),
		a.farmWatchCommand(), a.farmVariablesCommand(), a.farmStorageCommand(),
		a.farmFindBlenderCommand(), a.farmCheckBlenderCommand(), a.farmCheckStorageCommand(),
		a.farmStoredCommand(), a.farmSetupCommand(), a.farmConfigCommand(), a.farmDoctorCommand(),
	)
	return farm
}

// showCommand makes of cmd a command that fetches one object and shows it, with --json as it came.
func showCommand[T any](a *app, cmd *cobra.Command, path func() ([]string, error), show func(T) error) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.RunE = a.withManager(func(ctx context.Context, m *link, _ []string) error {
		where, err := path()
		if err != nil {
			return err
		}
		o, err := fetch[T](ctx, m, where...)
		switch {
		case err != nil:
			return err
		case a.json:
			return a.printJSON(o.raw)
		}
		return show(o.v)
	})
	return cmd
}

// at is the path of what is always in the same place.
func at(path ...string) func() ([]string, error) {
	return func() ([]string, error) { return path, nil }
}

// seenBy gives cmd the flags of commands that show things as others see them. It returns the path of the
// configuration of that name, which ends with what the flags say.
func seenBy(cmd *cobra.Command, name string) func() ([]string, error) {
	audience := cmd.Flags().String("audience", "users", "as these see it: `WHO` is users or workers")
	platform := cmd.Flags().String("platform", runtime.GOOS, "as this `PLATFORM` sees it: linux, windows or darwin")
	return func() ([]string, error) {
		return []string{"configuration", name, *audience, *platform}, oneOf("audience", *audience, "users", "workers")
	}
}

func (a *app) farmVariablesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "variables", Short: "Show the Manager's variables"}
	return showCommand(a, cmd, seenBy(cmd, "variables"), func(vars api.ManagerVariables) error {
		return printTable(a, sortedKeys(vars), []column[string]{
			{title: "name", cell: func(name string) string { return name }},
			{title: "value", cell: func(name string) string { return vars[name].Value }, gives: true},
			{title: "two-way", cell: func(name string) string { return strconv.FormatBool(vars[name].IsTwoway) }},
		})
	})
}

func (a *app) farmStorageCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "storage", Short: "Show where the shared storage is"}
	return showCommand(a, cmd, seenBy(cmd, "shared-storage"), func(s api.SharedStorageLocation) error {
		return a.printFields([]field{
			{"location", s.Location}, {"audience", string(s.Audience)}, {"platform", s.Platform}, {"shaman", strconv.FormatBool(s.ShamanEnabled)},
		})
	})
}

// printBlenders writes what the Manager found out about Blenders.
func (a *app) printBlenders(found []object[api.BlenderPathCheckResult]) error {
	return printList(a, found, func(r api.BlenderPathCheckResult) string { return r.Path }, []column[api.BlenderPathCheckResult]{
		{title: "usable", cell: func(r api.BlenderPathCheckResult) string { return strconv.FormatBool(r.IsUsable) }},
		{title: "input", cell: func(r api.BlenderPathCheckResult) string { return r.Input }, gives: true},
		{title: "path", cell: func(r api.BlenderPathCheckResult) string { return r.Path }, gives: true},
		{title: "source", cell: func(r api.BlenderPathCheckResult) string { return string(r.Source) }},
		{title: "cause", cell: func(r api.BlenderPathCheckResult) string { return r.Cause }, gives: true},
	})
}

func (a *app) farmFindBlenderCommand() *cobra.Command {
	return &cobra.Command{
		Use: "find-blender", Short: "Let the Manager look for Blender on its own host", Args: cobra.NoArgs,
		RunE: a.withManager(func(ctx context.Context, m *link, _ []string) error {
			found, err := fetch[[]object[api.BlenderPathCheckResult]](ctx, m, "configuration", "check", "blender")
			if err != nil {
				return err
			}
			return a.printBlenders(found.v)
		}),
	}
}

// unusable returns the error of a check that went well and found something bad.
func unusable(what string, usable bool, cause string) error {
	if usable {
		return nil
	}
	return fmt.Errorf("%s is not usable: %s", what, cause)
}

func (a *app) farmCheckBlenderCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check-blender PATH", Short: "Let the Manager check a path or command for being a Blender", Args: cobra.ExactArgs(1),
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			r, err := ask[api.BlenderPathCheckResult](ctx, m, http.MethodPost, api.PathCheckInput{Path: args[0]}, "configuration", "check", "blender")
			if err != nil {
				return err
			}
			err = a.printBlenders([]object[api.BlenderPathCheckResult]{r})
			return cmp.Or(err, unusable(args[0], r.v.IsUsable, r.v.Cause))
		}),
	}
}

func (a *app) farmCheckStorageCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check-storage PATH", Short: "Let the Manager check a folder for being fit as shared storage", Args: cobra.ExactArgs(1),
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			r, err := ask[api.PathCheckResult](ctx, m, http.MethodPost, api.PathCheckInput{Path: args[0]}, "configuration", "check", "shared-storage")
			if err != nil {
				return err
			}
			err = printObject(a, r, func(p api.PathCheckResult) []field {
				return []field{{"path", p.Path}, {"usable", strconv.FormatBool(p.IsUsable)}, {"cause", p.Cause}}
			})
			return cmp.Or(err, unusable(args[0], r.v.IsUsable, r.v.Cause))
		}),
	}
}

func (a *app) farmSetupCommand() *cobra.Command {
	var storage, blender string
	var yes bool
	cmd := &cobra.Command{
		Use: "setup", Short: "Give a new Manager its storage and Blender, as its setup assistant does", Args: cobra.NoArgs,
		Long: `Checks the storage folder and the Blender path with the Manager, then saves them. The Manager
restarts with the new configuration.`,
		Example: "  flsync farm setup --storage /mnt/flamenco --blender /usr/bin/blender --yes",
		RunE: a.withManager(func(ctx context.Context, m *link, _ []string) error {
			if storage == "" || blender == "" {
				return usagef("give both --storage PATH and --blender PATH")
			}
			s, err := m.CheckSharedStorage(ctx, storage)
			if err = cmp.Or(err, unusable("storage "+storage, s.IsUsable, s.Cause)); err != nil {
				return err
			}
			b, err := m.CheckBlender(ctx, blender)
			if err = cmp.Or(err, unusable("blender "+blender, b.IsUsable, b.Cause)); err != nil {
				return err
			}
			a.remark("storage  %s: %s", s.Path, s.Cause)
			a.remark("blender  %s: %s", b.Path, b.Cause)
			if err := a.confirm(yes, "save this and restart the Manager"); err != nil {
				return err
			}
			setup := api.SetupAssistantConfig{StorageLocation: s.Path, BlenderExecutable: b}
			if err := m.SaveSetup(ctx, setup); err != nil {
				return err
			}
			return a.result(setup, "saved; the Manager restarts")
		}),
	}
	cmd.Flags().StringVar(&storage, "storage", "", "`PATH` of the shared storage, as the Manager sees it")
	cmd.Flags().StringVar(&blender, "blender", "", "`PATH` or command of Blender, as workers see it")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (a *app) farmStoredCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stored FILE…", Short: "Tell whether the Manager's store has files", Args: cobra.MinimumNArgs(1),
		Long: `Asks the Manager about each file's contents. A file is stored, unknown, or uploading: on its way,
or left behind by an upload that never ended.`,
		Example: "  flsync farm stored textures/*.exr",
		RunE: a.withManager(func(ctx context.Context, m *link, files []string) error {
			targets := make([]named, len(files))
			for i, file := range files {
				targets[i].id = file
			}
			return a.useCache(func(cache *hashcache.Cache) error {
				return a.each(ctx, targets, func(ctx context.Context, n named) error {
					sum, err := cache.Sum(ctx, n.id, nil)
					if err != nil {
						return err
					}
					digest := hex.EncodeToString(sum.SHA256[:])
					status, err := m.ShamanFileStatus(ctx, digest, sum.Size)
					if err != nil {
						return err
					}
					return a.result(struct {
						api.ShamanFileSpec
						Status api.ShamanFileStatus `json:"status"`
					}{api.ShamanFileSpec{Sha: digest, Size: sum.Size, Path: n.id}, status}, "%-9s  %s", status, n.id)
				})
			})
		}),
	}
}
