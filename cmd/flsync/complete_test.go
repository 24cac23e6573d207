package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOffers(t *testing.T) {
	all := []named{
		{"aaaa1111-0000-4000-8000-000000000001", "sq020/sh010"},
		{"aaaa2222-0000-4000-8000-000000000002", "two words"},
		{"bbbb1111-0000-4000-8000-000000000003", "twice"},
		{"bbbb2222-0000-4000-8000-000000000004", "twice"},
		{"cccc1111-0000-4000-8000-000000000005", "\x1b[31mred\n"},
	}
	for begun, want := range map[string]string{
		"":    "sq020/sh010\taaaa1111|two words\taaaa2222|bbbb1111\ttwice|bbbb2222\ttwice|cccc1111\t [31mred ",
		"s":   "sq020/sh010\taaaa1111",
		"two": "two words\taaaa2222",
		"bb":  "bbbb1111\ttwice|bbbb2222\ttwice",
		"x":   "",
	} {
		if diff := cmp.Diff(want, strings.Join(offers(all, begun), "|")); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", begun, diff)
		}
	}
}

// TestCompletions are what shells ask for: words from the Manager where a job, a type, a worker or a tag is
// wanted.
func TestCompletions(t *testing.T) {
	url, _ := newerManager(t, func(reply string) string { return reply })
	for line, want := range map[string]string{
		"jobs show ":                  "sh010",
		"jobs watch sh0":              "sh010",
		"jobs tag sh010 ":             "GPU",
		"jobs list --tag ":            "GPU",
		"jobs list --sort pr":         "priority",
		"workers sleep n":             "node1",
		"workers tags node1 ":         "GPU",
		"workers wake --tag ":         "GPU",
		"tags delete ":                "GPU",
		"tasks retry --failed ":       "sh010",
		"tasks log --job ":            "sh010",
		"submit --type ":              "echo",
		"jobs type e":                 "echo",
		"farm storage --audience ":    "workers",
		"farm version --manager emb":  "embedded",
		"jobs show --manager x nobod": ":",
	} {
		args := append([]string{"__complete", "--manager", url}, strings.Split(line, " ")...)
		if code, stdout, _ := program(t, "", args...); code != 0 || !strings.Contains("\n"+stdout, "\n"+want) {
			t.Errorf("%s: exit code %d, want %s\n%s", line, code, want, stdout)
		}
	}
	// Without a Manager there is nothing to offer, and no error.
	if code, stdout, stderr := program(t, "", "__complete", "--manager", "http://127.0.0.1:1", "jobs", "show", ""); code != 0 || !strings.HasPrefix(stdout, ":4") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}
