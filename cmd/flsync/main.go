// Command flsync moves a night's work to a Flamenco render farm: it finds every file that a set of Blender
// files needs, sends the farm only what it lacks, and submits the jobs.
//
// A file holds a command or a group of them; exit.go maps errors to exit codes, app.go holds what all
// commands share. What a command does lies in internal/pipeline.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"
)

//go:generate go test -count=1 -run "TestDocs|TestSkillReference" . -update-docs

// version is set by the linker for released programs.
var version string

func main() { os.Exit(run(2 * time.Second)) } // a shell that waits longer for names seems to hang

// run returns the exit code. A shell that asks for names waits for them no longer than completionTime.
func run(completionTime time.Duration) int {
	// The first signal asks for a clean stop; after it, a second one ends the process as usual.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()
	defer useANSI(os.Stdout, os.Stderr)()

	a := &app{
		stdin:          os.Stdin,
		stdout:         os.Stdout,
		stderr:         os.Stderr,
		interactive:    term.IsTerminal(int(os.Stdin.Fd())),
		terminal:       term.IsTerminal(int(os.Stderr.Fd())),
		getenv:         os.Getenv,
		userConfigDir:  os.UserConfigDir,
		userCacheDir:   os.UserCacheDir,
		version:        buildVersion(),
		completionTime: completionTime,
		greetingTime:   greetingTime,
	}
	return a.main(ctx, os.Args[1:])
}

// buildVersion is the linker's, else what the Go tool recorded of the module.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
