package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChoose(t *testing.T) {
	known := []named{
		{"aaaa1111-0000-4000-8000-000000000001", "sq020/sh010"},
		{"aaaa2222-0000-4000-8000-000000000002", "sq020/sh020"},
		{"bbbb1111-0000-4000-8000-000000000003", "twice"},
		{"bbbb2222-0000-4000-8000-000000000004", "twice"},
		{"cccc1111-0000-4000-8000-000000000005", "take [v2]"},
		{"dddd1111-0000-4000-8000-000000000006", "take v"},
		{"eeee1111-0000-4000-8000-000000000007", "cccc1111"},
	}
	const nobody = "99999999-0000-4000-8000-000000000000"
	for _, test := range []struct {
		words, stdin string
		want         string // the last digits of ids, or a part of the message
		usage        bool
	}{
		{words: "sq020/sh010", want: "1"},
		{words: "aaaa2", want: "2"},
		{words: "AAAA2222-0000-4000-8000-000000000002", want: "2"},
		{words: "*", want: "1 2 3 4 5 6 7"},
		{words: "sq020*,aaaa1111", want: "1 2"}, // each once
		{words: "sq020/*20", want: "2"},
		{words: "take [v2]", want: "5"}, // a name, although it looks like a glob
		{words: "take [uv]", want: "6"},
		{words: "cccc1111", want: "7"}, // a name goes before an id
		{words: nobody, want: "0"},     // the Manager will say that there is none
		{words: "-", stdin: "twice*\n\n  sq020/sh010 \n", want: "3 4 1"},

		{words: "twice", want: `could be any of 2 jobs: bbbb1111`, usage: true},
		{words: "bbbb", want: `could be any of 2 jobs`, usage: true},
		{words: "[", want: "is no valid glob", usage: true},
		{words: "nobody", want: `there is no job "nobody"`},
		{words: "nobody*", want: `there is no job "nobody*"`},
		{words: "a", want: `there is no job "a"`}, // too little of an id to act on
		{words: "", want: `there is no job ""`},
	} {
		a := &app{stdin: strings.NewReader(test.stdin), stdout: io.Discard, stderr: io.Discard}
		chosen, err := a.choose(strings.Split(test.words, ","), chooser{kind: "job", all: func() ([]named, error) { return known, nil }})
		if err != nil {
			if !strings.Contains(err.Error(), test.want) || errors.Is(err, errUsage) != test.usage {
				t.Errorf("%q: %v (usage %v), want %q (usage %v)", test.words, err, errors.Is(err, errUsage), test.want, test.usage)
			}
			continue
		}
		var got []string
		for _, n := range chosen {
			got = append(got, n.id[len(n.id)-1:])
		}
		if diff := cmp.Diff(strings.Fields(test.want), got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", test.words, diff)
		}
	}
}

// TestChooseAsksOnce: ids need no list; it is asked for once and not for each word.
func TestChooseAsksOnce(t *testing.T) {
	asked := 0
	c := chooser{kind: "job", all: func() ([]named, error) { asked++; return []named{{"aaaa1111-0000-4000-8000-000000000001", "a"}}, nil }}
	ids := []string{"99999999-0000-4000-8000-000000000000"}
	if _, err := new(app).choose(ids, c); err != nil || asked != 0 {
		t.Errorf("asked %d times for the list, %v", asked, err)
	}
	if _, err := new(app).choose(append(slices.Clone(ids), "a", "a*"), c); err != nil || asked != 1 {
		t.Errorf("asked %d times for the list, %v", asked, err)
	}
}
