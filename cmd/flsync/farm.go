package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
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
		a.farmVersionCommand(), a.farmStatusCommand(), a.farmWatchCommand(), a.farmVariablesCommand(), a.farmStorageCommand(),
		a.farmFindBlenderCommand(), a.farmCheckBlenderCommand(), a.farmCheckStorageCommand(),
		a.farmStoredCommand(), a.farmSetupCommand(), a.farmConfigCommand(), a.farmDoctorCommand(),
	)
	return farm
}

// showCommand is a command that fetches one object and shows it as fields.
func showCommand[T any](a *app, use, short string, path []string, fields func(T) []field) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: a.withManager(func(ctx context.Context, m *link, _ []string) error {
			o, err := fetch[T](ctx, m, path...)
			if err != nil {
				return err
			}
			if a.json {
				return a.printRaw(o.raw)
			}
			return a.printFields(fields(o.v))
		}),
	}
}

func (a *app) farmVersionCommand() *cobra.Command {
	return showCommand(a, "version", "Show the Manager's name and version", []string{"version"}, func(v api.FlamencoVersion) []field {
		return []field{{"name", v.Name}, {"version", v.Version}, {"short", v.Shortversion}, {"git", v.Git}}
	})
}

func (a *app) farmStatusCommand() *cobra.Command {
	return showCommand(a, "status", "Show whether the farm works, waits or sleeps", []string{"status"}, func(s api.FarmStatusReport) []field {
		return []field{{"status", string(s.Status)}}
	})
}

// audience are the flags of commands that show things as others see them.
type audience struct{ audience, platform string }

func (v *audience) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&v.audience, "audience", "users", "as these see it: `WHO` is users or workers")
	cmd.Flags().StringVar(&v.platform, "platform", runtime.GOOS, "as this `PLATFORM` sees it: linux, windows or darwin")
}

func (v *audience) check() error {
	if v.audience != "users" && v.audience != "workers" {
		return usagef("--audience %q: it is users or workers", v.audience)
	}
	return nil
}

func (a *app) farmVariablesCommand() *cobra.Command {
	var v audience
	cmd := &cobra.Command{
		Use: "variables", Short: "Show the Manager's variables", Args: cobra.NoArgs,
		RunE: a.withManager(func(ctx context.Context, m *link, _ []string) error {
			if err := v.check(); err != nil {
				return err
			}
			vars, err := fetch[api.ManagerVariables](ctx, m, "configuration", "variables", v.audience, v.platform)
			if err != nil {
				return err
			}
			if a.json {
				return a.printRaw(vars.raw)
			}
			return printTable(a, sortedKeys(vars.v), []column[string]{
				{title: "name", cell: func(name string) string { return name }},
				{title: "value", cell: func(name string) string { return vars.v[name].Value }, gives: true},
				{title: "two-way", cell: func(name string) string { return strconv.FormatBool(vars.v[name].IsTwoway) }},
			})
		}),
	}
	v.flags(cmd)
	return cmd
}

func (a *app) farmStorageCommand() *cobra.Command {
	var v audience
	cmd := &cobra.Command{
		Use: "storage", Short: "Show where the shared storage is", Args: cobra.NoArgs,
		RunE: a.withManager(func(ctx context.Context, m *link, _ []string) error {
			if err := v.check(); err != nil {
				return err
			}
			s, err := fetch[api.SharedStorageLocation](ctx, m, "configuration", "shared-storage", v.audience, v.platform)
			if err != nil {
				return err
			}
			if a.json {
				return a.printRaw(s.raw)
			}
			return a.printFields([]field{
				{"location", s.v.Location}, {"audience", string(s.v.Audience)}, {"platform", s.v.Platform}, {"shaman", strconv.FormatBool(s.v.ShamanEnabled)},
			})
		}),
	}
	v.flags(cmd)
	return cmd
}

func blenderColumns() []column[api.BlenderPathCheckResult] {
	return []column[api.BlenderPathCheckResult]{
		{title: "usable", cell: func(r api.BlenderPathCheckResult) string { return strconv.FormatBool(r.IsUsable) }},
		{title: "input", cell: func(r api.BlenderPathCheckResult) string { return r.Input }, gives: true},
		{title: "path", cell: func(r api.BlenderPathCheckResult) string { return r.Path }, gives: true},
		{title: "source", cell: func(r api.BlenderPathCheckResult) string { return string(r.Source) }},
		{title: "cause", cell: func(r api.BlenderPathCheckResult) string { return r.Cause }, gives: true},
	}
}

func blenderID(r api.BlenderPathCheckResult) string { return r.Path }

func (a *app) farmFindBlenderCommand() *cobra.Command {
	return &cobra.Command{
		Use: "find-blender", Short: "Let the Manager look for Blender on its own host", Args: cobra.NoArgs,
		RunE: a.withManager(func(ctx context.Context, m *link, _ []string) error {
			found, err := fetchList[api.BlenderPathCheckResult](ctx, m, "", "configuration", "check", "blender")
			if err != nil {
				return err
			}
			return printList(a, found, blenderID, blenderColumns())
		}),
	}
}

// errUnusable is the answer of a check that went well and found something bad.
var errUnusable = errors.New("not usable")

func (a *app) farmCheckBlenderCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check-blender PATH", Short: "Let the Manager check a path or command for being a Blender", Args: cobra.ExactArgs(1),
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			r, err := ask[api.BlenderPathCheckResult](ctx, m, api.PathCheckInput{Path: args[0]}, "configuration", "check", "blender")
			if err != nil {
				return err
			}
			if err := printList(a, []object[api.BlenderPathCheckResult]{r}, blenderID, blenderColumns()); err != nil {
				return err
			}
			if !r.v.IsUsable {
				return fmt.Errorf("%s is %w: %s", args[0], errUnusable, r.v.Cause)
			}
			return nil
		}),
	}
}

func (a *app) farmCheckStorageCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check-storage PATH", Short: "Let the Manager check a folder for being fit as shared storage", Args: cobra.ExactArgs(1),
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			r, err := ask[api.PathCheckResult](ctx, m, api.PathCheckInput{Path: args[0]}, "configuration", "check", "shared-storage")
			if err != nil {
				return err
			}
			if a.json {
				err = a.printRaw(r.raw)
			} else {
				err = a.printFields([]field{{"path", r.v.Path}, {"usable", strconv.FormatBool(r.v.IsUsable)}, {"cause", r.v.Cause}})
			}
			if err == nil && !r.v.IsUsable {
				err = fmt.Errorf("%s is %w: %s", args[0], errUnusable, r.v.Cause)
			}
			return err
		}),
	}
}

// ask posts a question and decodes the answer.
func ask[T any](ctx context.Context, m *link, question any, path ...string) (object[T], error) {
	var o object[T]
	raw, err := m.Do(ctx, http.MethodPost, question, path...)
	if err != nil {
		return o, err
	}
	return o, o.UnmarshalJSON(raw)
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
			if err != nil {
				return err
			}
			if !s.IsUsable {
				return fmt.Errorf("storage %s is %w: %s", storage, errUnusable, s.Cause)
			}
			b, err := m.CheckBlender(ctx, blender)
			if err != nil {
				return err
			}
			if !b.IsUsable {
				return fmt.Errorf("blender %s is %w: %s", blender, errUnusable, b.Cause)
			}
			a.remark("storage  " + s.Path + ": " + s.Cause)
			a.remark("blender  " + b.Path + ": " + b.Cause)
			if err := a.confirm(yes, "save this and restart the Manager"); err != nil {
				return err
			}
			if err := m.SaveSetup(ctx, api.SetupAssistantConfig{StorageLocation: s.Path, BlenderExecutable: b}); err != nil {
				return err
			}
			if a.json {
				return a.printValue(api.SetupAssistantConfig{StorageLocation: s.Path, BlenderExecutable: b})
			}
			a.did("saved; the Manager restarts")
			return nil
		}),
	}
	cmd.Flags().StringVar(&storage, "storage", "", "`PATH` of the shared storage, as the Manager sees it")
	cmd.Flags().StringVar(&blender, "blender", "", "`PATH` or command of Blender, as workers see it")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
