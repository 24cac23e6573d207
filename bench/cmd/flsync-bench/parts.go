package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/bench"
	"github.com/flsync/flsync/bench/baseline"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/netsim"
)

// lineCommand is the simulated line on its own, for the lab and for trying
// things by hand.
func lineCommand() *cobra.Command {
	var target string
	var link netsim.Link
	cmd := &cobra.Command{Use: "line", Short: "Put a simulated line before a server and print where it begins", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&target, "target", "", "`HOST:PORT` at the far end")
	cmd.Flags().DurationVar(&link.RTT, "rtt", 40*time.Millisecond, "round trip `TIME`")
	cmd.Flags().Float64Var(&link.BitsPerSecond, "rate", 0, "`BITS` per second in each direction; 0: no limit")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		line, err := netsim.Listen(cmd.Context(), target, link)
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), line.Addr())
		<-cmd.Context().Done()
		return line.Close()
	}
	return cmd
}

// measureCommand runs one program and writes down what it took. The lab runs
// everything by way of it.
func measureCommand() *cobra.Command {
	var result string
	cmd := &cobra.Command{Use: "measure --result FILE -- PROGRAM ARGS…", Short: "Run a program and write down what it took", Args: cobra.MinimumNArgs(1), Hidden: true}
	cmd.Flags().StringVar(&result, "result", "", "`FILE` for the sample")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sample, err := bench.Measure(cmd.Context(), args[0], args[1:]...)
		if err != nil {
			return err
		}
		data, err := json.Marshal(sample)
		if err != nil {
			return err
		}
		return os.WriteFile(result, data, 0o666)
	}
	return cmd
}

// baselineCommand is what the lab runs beside flsync, each in its own process.
func baselineCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "baseline", Short: "Run one of the baselines once", Hidden: true}
	var (
		url, root, list, name  string
		connections            int
		part                   string
		pass                   baseline.HashPass
		upper, serial, batches cobra.Command
	)
	upper = cobra.Command{Use: "upper", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		var files []api.ShamanFileSpec
		if err := readJSON(list, &files); err != nil {
			return err
		}
		parts, known := map[string]baseline.Parts{
			"whole": baseline.Whole, "requirements": baseline.CheckOnly, "checkout": baseline.CheckoutOnly,
		}[part]
		if !known {
			return fmt.Errorf("--part %q: whole, requirements or checkout", part)
		}
		return say(cmd)(baseline.Upper(cmd.Context(), url, root, files, connections, parts, checkout()))
	}}
	serial = cobra.Command{Use: "serial", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		var files []api.ShamanFileSpec
		if err := readJSON(list, &files); err != nil {
			return err
		}
		return say(cmd)(baseline.Serial(cmd.Context(), url, root, files, checkout()))
	}}
	batches = cobra.Command{Use: "batch", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		var shots [][]api.ShamanFileSpec
		if err := readJSON(list, &shots); err != nil {
			return err
		}
		return say(cmd)(baseline.Batch(cmd.Context(), url, shots, connections, name))
	}}
	hash := cobra.Command{Use: "hash", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return say(cmd)(pass.Run(cmd.Context(), root))
	}}
	for _, c := range []*cobra.Command{&upper, &serial, &batches} {
		c.Flags().StringVar(&url, "url", "", "the Manager")
		c.Flags().StringVar(&list, "list", "", "files and digests, as JSON")
		c.Flags().IntVar(&connections, "connections", 1, "at once")
	}
	for _, c := range []*cobra.Command{&upper, &serial, &hash} {
		c.Flags().StringVar(&root, "root", "", "the tree")
	}
	upper.Flags().StringVar(&part, "part", "whole", "whole, requirements or checkout")
	batches.Flags().StringVar(&name, "name", "", "of checkouts and jobs")
	hash.Flags().StringSliceVar(&pass.Digests, "digests", nil, "sha256, blake3 or both")
	hash.Flags().IntVar(&pass.Threads, "threads", 1, "at once")
	hash.Flags().IntVar(&pass.Block, "block", 64<<10, "bytes at a time")
	hash.Flags().BoolVar(&pass.Memory, "memory", false, "hash memory instead of the files")
	cmd.AddCommand(&upper, &serial, &batches, &hash)
	return cmd
}

// checkout is a name that nobody else takes.
func checkout() string {
	return fmt.Sprintf("bench/baseline-%d-%d", os.Getpid(), time.Now().UnixNano())
}

// say prints an outcome, if there is one.
func say(cmd *cobra.Command) func(baseline.Outcome, error) error {
	return func(o baseline.Outcome, err error) error {
		if err != nil {
			return err
		}
		return json.NewEncoder(cmd.OutOrStdout()).Encode(o)
	}
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
