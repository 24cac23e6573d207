package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/openfile"
)

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
	return &cobra.Command{
		Use: "file", Short: "Print the Manager's configuration file", Args: cobra.NoArgs,
		Example: "  flsync farm config file > flamenco-manager.yaml",
		RunE: a.withManager(func(ctx context.Context, m *link, _ []string) error {
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
		}),
	}
}

func (a *app) farmConfigPutCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "put FILE", Short: "Replace the Manager's configuration file", Args: cobra.ExactArgs(1),
		Long: `FILE is YAML or JSON; "-" is standard input. What would change is shown first. The Manager
neither checks the file nor reads it before its next start.`,
		Example: "  flsync farm config file > m.yaml; $EDITOR m.yaml; flsync farm config put m.yaml",
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
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
		}),
	}
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
