package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/openfile"
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
		blenderKind.listCommand(a, &cobra.Command{Use: "find-blender", Short: "Let the Manager look for Blender on its own host"}),
		a.farmCheckBlenderCommand(), a.farmCheckStorageCommand(),
		a.farmStoredCommand(), a.farmSetupCommand(), a.farmConfigCommand(), a.farmDoctorCommand(),
	)
	return farm
}

// showCommand makes of cmd a command that fetches one object and shows it, with --json as it came.
func showCommand[T any](a *app, cmd *cobra.Command, path func() ([]string, error), show func(T) error) *cobra.Command {
	cmd.Args = cobra.NoArgs
	return a.managed(cmd, func(ctx context.Context, m *link, _ []string) error {
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

// blenderKind is the kind of what the Manager finds out about Blenders on its host.
var blenderKind = kind[api.BlenderPathCheckResult]{
	fetch: listAt[api.BlenderPathCheckResult]("", "configuration", "check", "blender"),
	name:  func(r api.BlenderPathCheckResult) named { return named{id: r.Path} },
	columns: []column[api.BlenderPathCheckResult]{
		{title: "usable", cell: func(r api.BlenderPathCheckResult) string { return strconv.FormatBool(r.IsUsable) }},
		{title: "input", cell: func(r api.BlenderPathCheckResult) string { return r.Input }, gives: true},
		{title: "path", cell: func(r api.BlenderPathCheckResult) string { return r.Path }, gives: true},
		{title: "source", cell: func(r api.BlenderPathCheckResult) string { return string(r.Source) }},
		{title: "cause", cell: func(r api.BlenderPathCheckResult) string { return r.Cause }, gives: true},
	},
}

// unusable returns the error of a check that went well and found something bad.
func unusable(what string, usable bool, cause string) error {
	if usable {
		return nil
	}
	return fmt.Errorf("%s is not usable: %s", what, cause)
}

func (a *app) farmCheckBlenderCommand() *cobra.Command {
	return a.managed(&cobra.Command{
		Use: "check-blender PATH", Short: "Let the Manager check a path or command for being a Blender", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, m *link, args []string) error {
		r, err := ask[api.BlenderPathCheckResult](ctx, m, http.MethodPost, api.PathCheckInput{Path: args[0]}, "configuration", "check", "blender")
		if err != nil {
			return err
		}
		err = blenderKind.print(a, []object[api.BlenderPathCheckResult]{r})
		return cmp.Or(err, unusable(args[0], r.v.IsUsable, r.v.Cause))
	})
}

func (a *app) farmCheckStorageCommand() *cobra.Command {
	return a.managed(&cobra.Command{
		Use: "check-storage PATH", Short: "Let the Manager check a folder for being fit as shared storage", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, m *link, args []string) error {
		r, err := ask[api.PathCheckResult](ctx, m, http.MethodPost, api.PathCheckInput{Path: args[0]}, "configuration", "check", "shared-storage")
		if err != nil {
			return err
		}
		err = printObject(a, r, func(p api.PathCheckResult) []field {
			return []field{{"path", p.Path}, {"usable", strconv.FormatBool(p.IsUsable)}, {"cause", p.Cause}}
		})
		return cmp.Or(err, unusable(args[0], r.v.IsUsable, r.v.Cause))
	})
}

func (a *app) farmSetupCommand() *cobra.Command {
	var storage, blender string
	var yes bool
	cmd := a.managed(&cobra.Command{
		Use: "setup", Short: "Give a new Manager its storage and Blender, as its setup assistant does", Args: cobra.NoArgs,
		Long: `Checks the storage folder and the Blender path with the Manager, then saves them. The Manager
restarts with the new configuration.`,
		Example: "  flsync farm setup --storage /mnt/flamenco --blender /usr/bin/blender --yes",
	}, func(ctx context.Context, m *link, _ []string) error {
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
	})
	cmd.Flags().StringVar(&storage, "storage", "", "`PATH` of the shared storage, as the Manager sees it")
	cmd.Flags().StringVar(&blender, "blender", "", "`PATH` or command of Blender, as workers see it")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (a *app) farmStoredCommand() *cobra.Command {
	return a.managed(&cobra.Command{
		Use: "stored FILE…", Short: "Tell whether the Manager's store has files", Args: cobra.MinimumNArgs(1),
		Long: `Asks the Manager about each file's contents. A file is stored, unknown, or uploading: on its way,
or left behind by an upload that never ended.`,
		Example: "  flsync farm stored textures/*.exr",
	}, func(ctx context.Context, m *link, files []string) error {
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
	})
}

func (a *app) farmConfigCommand() *cobra.Command {
	config := &cobra.Command{Use: "config", Short: "Look at the Manager's configuration and change it"}
	config.AddCommand(
		showCommand(a, &cobra.Command{Use: "show", Short: "Show where the Manager keeps files and whether it takes uploads"}, at("configuration"),
			func(c api.ManagerConfiguration) error {
				return a.printFields([]field{
					{"storage", c.StorageLocation}, {"shaman", fmt.Sprint(c.ShamanEnabled)}, {"first run", fmt.Sprint(c.IsFirstRun)},
				})
			}),
		a.farmConfigFileCommand(), a.farmConfigPutCommand(),
	)
	return config
}

func (a *app) farmConfigFileCommand() *cobra.Command {
	return a.managed(&cobra.Command{
		Use: "file", Short: "Print the Manager's configuration file", Args: cobra.NoArgs,
		Example: "  flsync farm config file > flamenco-manager.yaml",
	}, func(ctx context.Context, m *link, _ []string) error {
		raw, err := m.ConfigurationFile(ctx)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(raw)
		}
		text, err := toYAML(raw)
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(text)
		return err
	})
}

func (a *app) farmConfigPutCommand() *cobra.Command {
	var yes bool
	cmd := a.managed(&cobra.Command{
		Use: "put FILE", Short: "Replace the Manager's configuration file", Args: cobra.ExactArgs(1),
		Long: `FILE is YAML or JSON; "-" is standard input. What would change is shown first. The Manager
neither checks the file nor reads it before its next start.`,
		Example: "  flsync farm config file > m.yaml; $EDITOR m.yaml; flsync farm config put m.yaml",
	}, func(ctx context.Context, m *link, args []string) error {
		wanted, err := a.readConfigFile(args[0])
		if err != nil {
			return err
		}
		now, err := m.ConfigurationFile(ctx)
		if err != nil {
			return err
		}
		before, err := toYAML(now)
		if err != nil {
			return err
		}
		after, err := toYAML(wanted)
		if err != nil {
			return err
		}
		changes := diff.Diff("now", before, args[0], after)
		if len(changes) == 0 {
			a.remark("nothing would change")
			return nil
		}
		a.stderr.Write(changes)
		if err := a.confirm(yes, "replace the Manager's configuration"); err != nil {
			return err
		}
		if err := m.UpdateConfigurationFile(ctx, wanted); err != nil {
			return err
		}
		return a.result(wanted, "saved; it counts from the Manager's next start on")
	})
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// maxConfigFile bounds what is read as a configuration; real ones have a few KB.
const maxConfigFile = 16 << 20

// readConfigFile reads YAML, of which JSON is a part, as a JSON object.
func (a *app) readConfigFile(name string) (json.RawMessage, error) {
	var in io.Reader = a.stdin
	if name != "-" {
		f, err := openfile.Named(name)
		if err != nil {
			return nil, usageError(err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxConfigFile))
	if err != nil {
		return nil, err
	}
	var value map[string]any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	if len(value) == 0 {
		return nil, usagef("%s: the configuration would be empty", name)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	return raw, nil
}

// toYAML renders a JSON object with sorted keys. JSON is read as the YAML that it is: its large whole numbers
// stay as they are.
func toYAML(raw json.RawMessage) ([]byte, error) {
	var value any
	if err := yaml.Unmarshal(raw, &value); err != nil {
		return nil, fmt.Errorf("the Manager's configuration cannot be read: %w", err)
	}
	return yaml.Marshal(value)
}
