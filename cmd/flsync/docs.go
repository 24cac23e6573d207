package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// docsCommand makes the command reference and the man pages out of the commands themselves, so that they
// cannot differ. It is for this repository and for packagers.
func (a *app) docsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "docs DIR", Short: "Write the command reference (Markdown) and man pages", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			root.DisableAutoGenTag = true
			commands, man := filepath.Join(args[0], "commands"), filepath.Join(args[0], "man")
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
		},
	}
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
