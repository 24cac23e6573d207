package pack_test

import (
	"encoding/json"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/lab/long"
)

// mains gives each vector's name and the blend file that it is about, in the
// folder blend of testdata or one below it.
func mains(t *testing.T, folder string) map[string]string {
	t.Helper()
	truths, err := filepath.Glob(filepath.Join(testdata, "blend", folder, "*.truth.json"))
	if err != nil || len(truths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	found := map[string]string{}
	for _, file := range truths {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var truth struct{ Main string }
		if err := json.Unmarshal(data, &truth); err != nil {
			t.Fatal(err)
		}
		found[path.Join(folder, strings.TrimSuffix(filepath.Base(file), ".truth.json"))] = truth.Main
	}
	return found
}

// TestVectors packs every vector in four ways. What a tracer finds in the
// checkout must be what it found at home, in the places that were planned, and
// nothing that lies outside of the checkout.
func TestVectors(t *testing.T) {
	vectors := mains(t, "")
	for _, version := range []string{"b522", "b283", "b432"} { // of other versions of Blender
		if version != "b522" && !long.Wanted() {
			break
		}
		maps.Copy(vectors, mains(t, version))
	}
	for name, main := range vectors {
		for _, how := range []struct {
			name     string
			absolute bool
			project  func(vector, main string) string
		}{
			{"inside", false, func(vector, _ string) string { return vector }},
			{"inside absolute", true, func(vector, _ string) string { return vector }},
			{"shot folder", false, func(_, main string) string { return filepath.Dir(main) }},
			{"all outside absolute", true, func(vector, _ string) string { return filepath.Join(filepath.Dir(vector), "elsewhere") }},
		} {
			if (strings.Contains(name, "/") || !long.Wanted()) && how.name != "all outside absolute" {
				continue // the other ways have nothing to do with the version, and share code with this one
			}
			t.Run(name+"/"+how.name, func(t *testing.T) {
				t.Parallel()
				vector := filepath.Join(t.TempDir(), "home", "project")
				copyTree(t, filepath.Join(testdata, "blend", name), vector)
				main := filepath.Join(vector, filepath.FromSlash(main))
				mkdir(t, filepath.Join(filepath.Dir(vector), "elsewhere"))
				if how.absolute {
					makeAbsolute(t, main)
				}
				checkPacked(t, main, pack.Config{
					Gate: newGate(t, how.project(vector, main), gate.Policy{Outside: gate.OutsideAll}),
				})
			})
		}
	}
}

// TestPolicyLetsThrough holds that the default policy sends the files that
// Blender itself wrote for the vectors, and those made in its formats.
func TestPolicyLetsThrough(t *testing.T) {
	truths, err := filepath.Glob(filepath.Join(testdata, "blend", "*.truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	outside := newGate(t, t.TempDir(), gate.Policy{})
	for _, file := range truths {
		var truth struct {
			Deps []struct{ Path, Status, Kind, Why string }
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &truth); err != nil {
			t.Fatal(err)
		}
		for _, d := range truth.Deps {
			stub := d.Kind == "mesh-cache" || strings.Contains(d.Why, "no blend file that can be read")
			if d.Status != "required" || d.Kind == "text" || stub {
				continue
			}
			p := filepath.Join(strings.TrimSuffix(file, ".truth.json"), filepath.FromSlash(d.Path))
			if _, err := outside.Decide(p); err != nil {
				t.Error(err)
			}
			passed++
		}
	}
	if passed < 200 {
		t.Errorf("only %d files were looked at", passed)
	}
}

// checkPacked packs what main needs, and traces it again in the checkout.
func checkPacked(t *testing.T, main string, cfg pack.Config) (*pack.Plan, string) {
	t.Helper()
	before := trace(t, main)
	plan, err := together(t, cfg, before).Plan(0)
	if err != nil {
		t.Fatal(err)
	}
	root := checkout(t, plan)
	place, ok := plan.Place(before.Path)
	if !ok {
		t.Fatalf("%s has no place", before.Path)
	}
	after := trace(t, filepath.Join(root, filepath.FromSlash(place)))

	want := []string{}
	for _, d := range before.Files {
		if d.Missing {
			continue // where a missing file would be, is nobody's business
		}
		place, ok := plan.Place(d.Path)
		if !ok {
			t.Errorf("%s has no place", d.Path)
		}
		want = append(want, place)
	}
	slices.Sort(want)
	got := slices.DeleteFunc(places(after, root), func(p string) bool { return strings.HasSuffix(p, " (missing)") })
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("files found in the checkout (-planned +found):\n%s", diff)
	}
	for _, b := range after.Blends {
		for _, u := range b.Uses {
			checkRelative(t, b.Path, u)
		}
	}
	return plan, root
}

// checkRelative reports a path that leads to a file, and would not if the
// checkout stood elsewhere.
func checkRelative(t *testing.T, file string, u deps.Use) {
	t.Helper()
	if len(u.Files) == 0 {
		return
	}
	for _, p := range u.Parts {
		if p.Role != deps.RoleName && !strings.HasPrefix(strings.ReplaceAll(p.Raw, `\`, "/"), "//") {
			t.Errorf("%s: %s of %s is still %q", file, u.Field, u.ID, p.Raw)
		}
	}
}
