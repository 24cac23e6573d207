// Command flsync-bench measures flsync side by side with an upper bound and
// with other tools, and writes the report of it. See flsync-bench help.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "flsync-bench:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "flsync-bench",
		Short: "Measure flsync side by side with what it could be at best",
		Example: `  flsync-bench run --flsync bin/flsync && flsync-bench report
  flsync-bench run --only 'first-|warm-' --manager-command ./start-manager.sh
  flsync-bench smoke --flsync bin/flsync
  flsync-bench compare before.json bench/results.json`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(runCommand(), smokeCommand(), listCommand(), reportCommand(), compareCommand(), lineCommand(), measureCommand(), baselineCommand())
	return root
}
