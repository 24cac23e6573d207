package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/report"
)

// TestServeEnds: told to end, the Manager stays until its simulated workers have signed off, and nothing of
// it is an error.
func TestServeEnds(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	stdout, lines := io.Pipe()
	var stderr bytes.Buffer
	a := &app{stdout: lines, stderr: &stderr, version: "test", getenv: func(string) string { return "" },
		userConfigDir: func() (string, error) { return t.TempDir(), nil }, userCacheDir: func() (string, error) { return t.TempDir(), nil }}
	ended := make(chan int, 1)
	go func() {
		ended <- a.main(ctx, []string{"serve", "--json", "--storage", t.TempDir(), "--simulate-workers", "3"})
		lines.Close()
	}()
	var listening report.Listening
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &listening)
	}
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	go io.Copy(io.Discard, stdout)
	client, err := flamenco.New(flamenco.Config{URL: listening.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for awake := 0; awake < 3; time.Sleep(10 * time.Millisecond) {
		workers, err := client.Workers(ctx)
		if err != nil {
			t.Fatal(err)
		}
		awake = 0
		for _, w := range workers {
			if w.Status == "awake" {
				awake++
			}
		}
	}
	interrupt()
	if code := <-ended; code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d\n%s", code, &stderr)
	}
}
