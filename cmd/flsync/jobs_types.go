package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/settings"
)

// typeKind is the kind of job types.
var typeKind = kind[api.AvailableJobType]{
	noun: "job type", fetch: listAt[api.AvailableJobType]("job_types", "jobs", "types"),
	name: func(t api.AvailableJobType) named { return named{t.Name, t.Name} },
	columns: []column[api.AvailableJobType]{
		{title: "name", cell: func(t api.AvailableJobType) string { return t.Name }},
		{title: "label", cell: func(t api.AvailableJobType) string { return t.Label }, gives: true},
		{title: "settings", cell: func(t api.AvailableJobType) string { return fmt.Sprint(len(t.Settings)) }, right: true},
		{title: "description", cell: func(t api.AvailableJobType) string { return t.Description }, gives: true},
	},
}

func (a *app) jobsTypeCommand() *cobra.Command {
	var skeleton bool
	cmd := a.managed(&cobra.Command{
		Use: "type NAME", Short: "Show the settings of a job type, and a manifest to start from", Args: cobra.ExactArgs(1), ValidArgsFunction: a.complete(typeKind.chooser),
		Example: "  flsync jobs type simple-blender-render\n  flsync jobs type simple-blender-render --manifest > night.yaml",
	}, func(ctx context.Context, m *link, args []string) error {
		t, err := fetch[api.AvailableJobType](ctx, m, "jobs", "type", args[0])
		if err != nil {
			return err
		}
		switch {
		case a.json:
			return a.printJSON(t.raw)
		case skeleton:
			return writeSkeleton(a.stdout, t.v)
		}
		fmt.Fprintf(a.stdout, "%s\n\n", report.Printable(t.v.Name+": "+t.v.Label+"\n"+t.v.Description))
		if err := printTable(a, t.v.Settings, settingColumns); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "\nA manifest to start from (also: --manifest):\n\n")
		return writeSkeleton(a.stdout, t.v)
	})
	cmd.Flags().BoolVar(&skeleton, "manifest", false, "only a manifest to start from")
	return cmd
}

var settingColumns = []column[api.AvailableJobSetting]{
	{title: "setting", cell: func(s api.AvailableJobSetting) string { return s.Key }},
	{title: "type", cell: func(s api.AvailableJobSetting) string { return string(s.Type) }},
	{title: "needed", cell: needed},
	{title: "default", cell: func(s api.AvailableJobSetting) string { return compact(s.Default) }, gives: true},
	{title: "choices", cell: func(s api.AvailableJobSetting) string { return strings.Join(s.Choices, " ") }, gives: true},
	{title: "description", cell: func(s api.AvailableJobSetting) string { return s.Description }, gives: true},
}

// needed says where a setting comes from.
func needed(s api.AvailableJobSetting) string {
	switch {
	case s.Key == settings.Blendfile:
		return "the blend file"
	case s.Eval != "":
		return "from the scene"
	case s.Required && s.Default == nil:
		return "yes"
	}
	return "no"
}

func compact(v any) string {
	if v == nil {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// writeSkeleton writes a manifest in which everything that a person has to give stands ready, and the rest as
// remarks.
func writeSkeleton(w io.Writer, t api.AvailableJobType) error {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nproject: .\ndefaults:\n  type: %s\n  settings:\n", t.Name)
	jobs := "  - name: a job\n"
	for _, s := range t.Settings {
		switch needed(s) {
		case "yes":
			fmt.Fprintf(&b, "    %s: # needed, %s\n", s.Key, strings.TrimSuffix(string(s.Type)+": "+oneLine(s.Description), ": "))
		case "no":
			value, err := yaml.Marshal(s.Default)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "    # %s: %s\n", s.Key, oneLine(strings.TrimSpace(string(value))))
		case "from the scene":
			fmt.Fprintf(&b, "    # %s: from the scene: %s\n", s.Key, oneLine(s.Eval))
		default:
			jobs = "  - glob: shots/*.blend\n"
		}
	}
	b.WriteString("jobs:\n" + jobs)
	_, err := io.WriteString(w, b.String())
	return err
}
