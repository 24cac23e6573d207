package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestUsage: every command refuses arguments that are too few or too many and flags that it does not know,
// with exit code 2 and a word on where to read more; a word that is no command is no reason to print help and
// be content.
func TestUsage(t *testing.T) {
	var visit func(cmd *cobra.Command, path []string)
	visit = func(cmd *cobra.Command, path []string) {
		lines := [][]string{{"--no-such-flag"}}
		if cmd.HasSubCommands() {
			lines = append(lines, []string{"nonsense"})
			for _, c := range cmd.Commands() {
				visit(c, append(path[:len(path):len(path)], c.Name()))
			}
		} else {
			for n := range 4 { // "x" to "x x x"
				if args := strings.Fields(strings.Repeat("x ", n)); cmd.Args != nil && cmd.Args(cmd, args) != nil {
					lines = append(lines, args)
				}
			}
		}
		for _, line := range lines {
			line = append(path[:len(path):len(path)], line...)
			code, stdout, stderr := program(t, "", line...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, "see flsync") || !strings.Contains(stderr, " --help") {
				t.Errorf("flsync %s: exit code %d\n%s%s", strings.Join(line, " "), code, stdout, stderr)
			}
		}
	}
	visit(new(app).rootCommand(nil), nil)
}

// TestUsageAsJSON: a program that wrote a wrong command line gets a summary, too.
func TestUsageAsJSON(t *testing.T) {
	for _, line := range []string{"nonsense", "jobs nonsense", "jobs priority", "jobs list --limit x", "sync tree -q -v", "sync", "submit", "hash"} {
		code, stdout, _ := program(t, "", append(strings.Fields(line), "--json")...)
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		if last := lines[len(lines)-1]; code != exitUsage || !strings.Contains(last, `"type":"summary","ok":false,"exit_code":2`) {
			t.Errorf("flsync %s --json: exit code %d, the last line is %s", line, code, last)
		}
	}
}

// TestNearCommand: a slip in a command's name is answered with the commands that it may be.
func TestNearCommand(t *testing.T) {
	for line, want := range map[string]string{
		"syncc":      `unknown command "syncc" for "flsync" (did you mean sync?); see flsync --help`,
		"jobs lisst": `unknown command "lisst" for "flsync jobs" (did you mean list?); see flsync jobs --help`,
		"work":       `unknown command "work" for "flsync" (did you mean workers?); see flsync --help`,
		"nonsense":   `unknown command "nonsense" for "flsync"; see flsync --help`,
	} {
		if code, _, stderr := program(t, "", strings.Fields(line)...); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("flsync %s: exit code %d, want %s\n%s", line, code, want, stderr)
		}
	}
}
