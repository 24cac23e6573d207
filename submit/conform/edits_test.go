package conform

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// conformed plans an edit with the flags of flsync conform, for blend files that are all there.
func conformed(t *testing.T, edit *Edit, args ...string) (*Conform, error) {
	t.Helper()
	r := Rules{Project: t.TempDir()}
	var flags flag.FlagSet
	first := flags.Int("first-frame", -1, "")
	flags.StringVar(&r.Map, "map", "{name}.blend", "")
	flags.StringVar(&r.MediaStart, "media-start", "", "")
	flags.Float64Var(&r.FPS, "fps", 0, "")
	flags.IntVar(&r.Handles, "handles", 0, "")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if *first >= 0 {
		r.FirstFrame = first
	}
	m, err := newMapping(r.Map, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range edit.Clips {
		if blend, err := m.blend(c); err == nil {
			_ = os.WriteFile(filepath.Join(r.Project, blend), nil, 0o600)
		}
	}
	return Plan(edit, r)
}

// Edits as editing systems write them, each with the frames that must come out.
func TestEdits(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "edits", "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		File     string
		Args     []string
		Rate     float64
		Frames   map[string]string
		AtLeast  map[string]int
		Fails    bool
		Problems int
		Notes    []string
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, test := range cases {
		t.Run(test.File, func(t *testing.T) {
			f, err := os.Open(filepath.Join("testdata", "edits", test.File))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			edit, err := Read(test.File, f, Options{Rate: test.Rate})
			if (err != nil) != test.Fails {
				t.Fatalf("error %v, want one: %v", err, test.Fails)
			}
			if err != nil {
				return
			}
			plan, err := conformed(t, edit, test.Args...)
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]string)
			for _, s := range plan.Shots {
				if least, ok := test.AtLeast[s.Name]; ok && s.Frames.Count() < least {
					t.Errorf("%s: frames %s, want at least %d", s.Name, s.Frames, least)
				}
				got[s.Name] = s.Frames.String()
			}
			if diff := cmp.Diff(test.Frames, got); test.Frames != nil && diff != "" {
				t.Error(diff)
			}
			if len(plan.Problems) != test.Problems {
				t.Errorf("problems %v, want %d", plan.Problems, test.Problems)
			}
			for _, code := range test.Notes {
				if !slices.ContainsFunc(plan.Notes, func(n Note) bool { return n.Code == code }) {
					t.Errorf("no note %q in %v", code, plan.Notes)
				}
			}
		})
	}
}
