package main

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra/doc"
)

var updateDocs = flag.Bool("update-docs", false, "write the command reference and the man pages")

// TestDocs: docs/commands (Markdown) and docs/man are what the commands themselves say. It is a test and no
// command of flsync, because the libraries for it would take their time at every start of the program.
func TestDocs(t *testing.T) {
	made := t.TempDir()
	if *updateDocs {
		made = filepath.Join("..", "..", "docs")
	}
	if err := writeDocs(made); err != nil {
		t.Fatal(err)
	}
	if *updateDocs {
		return
	}
	for _, dir := range []string{"commands", "man"} {
		want, got := pages(t, filepath.Join(made, dir)), pages(t, filepath.Join("..", "..", "docs", dir))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("docs/%s is stale, run make generate: (-want +got)\n%s", dir, diff)
		}
	}
}

// pages are the files of a folder by name.
func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		found[path] = strings.ReplaceAll(string(data), "\r\n", "\n") // as Git may have checked it out
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// writeDocs makes the folders commands and man anew.
func writeDocs(to string) error {
	root := new(app).rootCommand(nil)
	root.InitDefaultHelpCmd() // as running it would
	root.InitDefaultCompletionCmd()
	commands, man := filepath.Join(to, "commands"), filepath.Join(to, "man")
	for _, dir := range []string{commands, man} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := doc.GenMarkdownTree(root, commands); err != nil {
		return err
	}
	// A fixed date keeps pages the same from day to day.
	date := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	header := &doc.GenManHeader{Title: "FLSYNC", Section: "1", Source: "flsync", Manual: "flsync", Date: &date}
	if err := doc.GenManTree(root, header, man); err != nil {
		return err
	}
	return index(commands)
}

// index lists the pages of the reference.
func index(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Commands\n\nMade by `make generate` from the program itself.\n\n")
	for _, e := range entries {
		name := strings.ReplaceAll(strings.TrimSuffix(e.Name(), ".md"), "_", " ")
		b.WriteString("- [" + name + "](" + e.Name() + ")\n")
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(b.String()), 0o644)
}
