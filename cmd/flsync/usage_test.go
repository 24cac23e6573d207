package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestUsage: a command line that cannot be understood ends with 2, says where to look, and with --json has a summary.
func TestUsage(t *testing.T) {
	for _, line := range []string{
		"frobnicate", "jobs frobnicate", "farm config frobnicate", "farm version x", "cache path x", "version x",
		"jobs priority", "tags create", "tags create a b", "jobs list --limit x", "sync --no-such-flag", "sync a -q -v",
		"sync", "submit", "deps", "inspect", "hash", "conform",
	} {
		for _, asJSON := range []bool{false, true} {
			var stdout, stderr bytes.Buffer
			dir := t.TempDir()
			a := &app{
				stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" },
				userConfigDir: func() (string, error) { return dir, nil }, userCacheDir: func() (string, error) { return dir, nil },
			}
			args := strings.Fields(line)
			if asJSON {
				args = append(args, "--json")
			}
			if code := a.main(t.Context(), args); code != exitUsage {
				t.Errorf("%q: exit code %d, want %d: %s", args, code, exitUsage, &stderr)
			}
			if !asJSON {
				if !strings.HasPrefix(stderr.String(), "error: ") {
					t.Errorf("%q says %q", args, &stderr)
				}
				continue
			}
			lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
			var last struct {
				Type string
				Exit int `json:"exit_code"`
			}
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Type != "summary" || last.Exit != exitUsage {
				t.Errorf("%q: the last line is %s", args, lines[len(lines)-1])
			}
		}
	}
}
