package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/bench"
)

func reportCommand() *cobra.Command {
	var in, out string
	cmd := &cobra.Command{Use: "report", Short: "Write the results as tables and charts", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&in, "in", filepath.Join("bench", "results.json"), "`FILE` that run wrote")
	cmd.Flags().StringVar(&out, "out", filepath.Join("bench", "RESULTS.md"), "`FILE` to write; charts go to charts/ beside it")
	cmd.RunE = func(*cobra.Command, []string) error {
		results, err := bench.Load(in)
		if err != nil {
			return err
		}
		charts, err := results.Charts(filepath.Join(filepath.Dir(out), "charts"))
		if err != nil {
			return err
		}
		for name, file := range charts {
			charts[name] = "charts/" + file
		}
		var text bytes.Buffer
		if err := results.Markdown(&text, charts); err != nil {
			return err
		}
		return os.WriteFile(out, text.Bytes(), 0o666)
	}
	return cmd
}

func compareCommand() *cobra.Command {
	return &cobra.Command{
		Use: "compare BEFORE.json AFTER.json", Short: "Tell what became slower by more than noise", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := bench.Load(args[0])
			if err != nil {
				return err
			}
			after, err := bench.Load(args[1])
			if err != nil {
				return err
			}
			if n := bench.Compare(cmd.OutOrStdout(), before, after); n > 0 {
				return fmt.Errorf("%d became slower", n)
			}
			return nil
		},
	}
}
