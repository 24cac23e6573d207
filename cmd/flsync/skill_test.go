package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// skillReference is all commands on one page, for an assistant: what each is for, and its own flags.
func skillReference() string {
	var b strings.Builder
	root := new(app).rootCommand(nil)
	b.WriteString("# Commands\n\nMade by `make generate` from the program itself. Flags of all commands:\n\n```\n" + root.PersistentFlags().FlagUsages() + "```\n")
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			add(c)
		}
		if cmd.HasSubCommands() || cmd.Hidden {
			return
		}
		text := cmd.Short
		if cmd.Long != "" {
			text += ".\n\n" + cmd.Long
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", strings.TrimSuffix(cmd.UseLine(), " [flags]"), text)
		if usages := cmd.LocalFlags().FlagUsages(); usages != "" {
			b.WriteString("\n```\n" + usages + "```\n")
		}
	}
	add(root)
	return b.String()
}

var skill = filepath.Join("..", "..", "integrations", "skill")

// TestSkillReference: the reference of the skill is what the commands themselves say.
func TestSkillReference(t *testing.T) {
	name := filepath.Join(skill, "reference.md")
	if *updateDocs {
		if err := os.WriteFile(name, []byte(skillReference()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(got), "\r\n", "\n") != skillReference() {
		t.Error("integrations/skill/reference.md is stale, run make generate")
	}
}

// TestSkillExamples runs every example of the skill, in order, in a copy of a project: all end well, and
// standard output is JSON Lines.
func TestSkillExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(skill, "SKILL.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^---\r?\nname: flsync\r?\ndescription: .+\r?\n---\r?\n`).Match(text) {
		t.Error("SKILL.md begins with no name and description")
	}
	project := t.TempDir()
	if err := os.CopyFS(project, os.DirFS(filepath.Join("..", "..", "testdata", "project"))); err != nil {
		t.Fatal(err)
	}
	url := embeddedManager(t)
	t.Chdir(project)
	base, remarks := quietApp(t)
	examples := 0
	for _, block := range regexp.MustCompile("(?s)```sh\r?\n(.*?)```").FindAllSubmatch(text, -1) {
		for line := range strings.Lines(string(block[1])) {
			args := strings.Fields(line)
			examples++
			one := *base
			var out bytes.Buffer
			one.stdout = &out
			remarks.Reset()
			code := one.main(context.WithoutCancel(t.Context()), append(args[1:], "--manager", url))
			if code != exitOK {
				t.Errorf("%s: exit code %d\n%s%s", strings.TrimSpace(line), code, out.String(), remarks)
			}
			for row := range strings.Lines(out.String()) {
				if !json.Valid([]byte(row)) {
					t.Errorf("%s: %s is no JSON", strings.TrimSpace(line), row)
				}
			}
		}
	}
	if examples < 10 {
		t.Errorf("only %d examples were found", examples)
	}
}
