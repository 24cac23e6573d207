package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/internal/report"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print flsync's version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.sink().Emit(versionEvent{a.version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
			return nil
		},
	}
}

type versionEvent struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (versionEvent) Type() string        { return "version" }
func (versionEvent) Level() report.Level { return report.Result }
func (v versionEvent) Text() string {
	return fmt.Sprintf("flsync %s (%s, %s)", v.Version, v.Go, v.Platform)
}
