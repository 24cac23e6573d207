//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipes: a pipe that nobody writes into is an error wherever a file is named, and never waited for.
func TestPipes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"p.blend", "m.yaml", "e.edl", "h", "c.yaml"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Skip(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	manager := embeddedManager(t)
	for _, line := range []string{
		"submit p.blend", "submit *.blend", "submit m.yaml", "inspect p.blend", "deps p.blend", "hash p.blend", "conform e.edl",
		"submit a.txt --header-file h", "sync a.txt --config c.yaml", "hash a.txt --cache h", "sync p.blend",
	} {
		t.Run(line, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var out bytes.Buffer
			a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &out, version: "test", getenv: func(string) string { return "" },
				userConfigDir: func() (string, error) { return filepath.Join(dir, "config"), nil },
				userCacheDir:  func() (string, error) { return filepath.Join(dir, "cache"), nil }}
			args := strings.Fields(line)
			for i, arg := range args {
				if strings.Contains(arg, ".") || arg == "h" {
					args[i] = filepath.Join(dir, arg)
				}
			}
			ended := make(chan int, 1)
			go func() { ended <- a.main(ctx, append(args, "--manager", manager)) }()
			select {
			case code := <-ended:
				if code == 0 || code == 4 {
					t.Errorf("exit code %d: %s", code, &out)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it waits for the pipe")
			}
		})
	}
}
