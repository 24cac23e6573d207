package workload

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tree reads a folder back: size and contents by path.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		found[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTotals(t *testing.T) {
	tests := []struct {
		spec        Spec
		files       int
		least, most int64 // megabytes
	}{
		{SmallFiles(20_000), 20_000, 107, 111},
		{Textures(2_000), 2_000, 210, 228},
		{Caches(16, 100*mB), 16, 1600, 1600},
		{Film(1), 6_084, 950, 1150},
		{Tiny(125_000), 125_000, 3, 3},
	}
	for _, tt := range tests {
		files, bytes := tt.spec.Totals()
		if files != tt.files || bytes < tt.least*mB || bytes > tt.most*mB {
			t.Errorf("%s: %d files, %d bytes; want %d files, %d to %d MB", tt.spec.Name, files, bytes, tt.files, tt.least, tt.most)
		}
	}
}

func TestCreateWritesWhatAllSays(t *testing.T) {
	for _, spec := range []Spec{SmallFiles(450), Textures(3), Caches(2, 100_000), Tiny(1234)} {
		root := t.TempDir()
		if err := spec.Create(t.Context(), root, 7); err != nil {
			t.Fatal(err)
		}
		want, got := map[string]int64{}, map[string]int64{}
		for f := range spec.All() {
			want[f.Path] = f.Size
		}
		contents := map[string]string{}
		for path, data := range tree(t, root) {
			got[path] = int64(len(data))
			if other, twice := contents[data]; twice && data != "" {
				t.Errorf("%s and %s are the same", path, other)
			}
			contents[data] = path
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: said (-), written (+):\n%s", spec.Name, diff)
		}
	}
}

func TestContentsAreThoseOfTheSeed(t *testing.T) {
	spec := SmallFiles(30)
	first, again, fresh := t.TempDir(), t.TempDir(), t.TempDir()
	for dir, seed := range map[string]uint64{first: 1, again: 1, fresh: 2} {
		if err := spec.Create(t.Context(), dir, seed); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(tree(t, first), tree(t, again)); diff != "" {
		t.Errorf("one seed, two trees:\n%s", diff)
	}
	if err := spec.Freshen(t.Context(), first, 2); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(heads(tree(t, fresh)), heads(tree(t, first))); diff != "" {
		t.Errorf("made with a seed (-), freshened to it (+):\n%s", diff)
	}
	before := tree(t, again)
	for path, data := range tree(t, first) {
		if data == before[path] {
			t.Errorf("%s was not freshened", path)
		}
	}
}

func heads(files map[string]string) map[string]string {
	out := map[string]string{}
	for path, data := range files {
		out[path] = data[:min(len(data), markSize)]
	}
	return out
}

func TestTinyIsDeep(t *testing.T) {
	folders := map[string]int{}
	for f := range Tiny(100_000).All() {
		dir := filepath.Dir(f.Path)
		if folders[dir]++; folders[dir] > 100 {
			t.Fatalf("%s has more than 100 files", dir)
		}
		if levels := strings.Count(f.Path, "/"); levels != 5 {
			t.Fatalf("%s is %d levels deep", f.Path, levels)
		}
	}
	if len(folders) != 1_000 {
		t.Errorf("%d folders", len(folders))
	}
}

func TestManifestKnowsTheDigests(t *testing.T) {
	spec := Spec{"one", []Group{{Dir: "d", Ext: ".x", Files: 1, Size: Fixed(0)}}}
	root := t.TempDir()
	if err := spec.Create(t.Context(), root, 1); err != nil {
		t.Fatal(err)
	}
	got, err := spec.Manifest(t.Context(), root)
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got[0].Sha != empty || got[0].Size != 0 || got[0].Path != "d/f0000000.x" {
		t.Errorf("%+v", got[0])
	}
}

func TestTouch(t *testing.T) {
	spec := SmallFiles(20)
	from, to := t.TempDir(), t.TempDir()
	if err := spec.Create(t.Context(), from, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := Touch(t.Context(), from, when); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, from), tree(t, to)); diff != "" {
		t.Errorf("the copy differs:\n%s", diff)
	}
	for f := range spec.All() {
		if info, err := os.Stat(filepath.Join(from, f.Path)); err != nil || !info.ModTime().Equal(when) {
			t.Errorf("%s: %v, %v", f.Path, info.ModTime(), err)
		}
	}
}

func TestBatch(t *testing.T) {
	root := t.TempDir()
	batch := Batch{Shots: 2}
	if err := batch.Create(t.Context(), root, 9); err != nil {
		t.Fatal(err)
	}
	shots, err := batch.Specs(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	if len(shots) != 2 || len(shots[0]) != 501 || shots[0][0].Path != "shots/sh0001.blend" || shots[0][500].Path != "textures/tex_0500.png" {
		t.Errorf("%d shots, %d files", len(shots), len(shots[0]))
	}
	if shots[0][0].Sha == shots[1][0].Sha || shots[0][7] != shots[1][7] {
		t.Error("shots are to differ, and their textures are not")
	}
	blend, err := os.ReadFile(filepath.Join(root, "shots/sh0002.blend"))
	if err != nil || !strings.HasPrefix(string(blend), "BLENDER-v304") {
		t.Errorf("no Blender file: %.12q, %v", blend, err)
	}
	if _, err := os.Stat(filepath.Join(root, BatchManifest)); err != nil {
		t.Error(err)
	}
}

func TestWorkStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Tiny(1_000_000).Create(ctx, t.TempDir(), 1); err == nil {
		t.Error("a million files were made for nobody")
	}
}

func BenchmarkCreate(b *testing.B) {
	for _, spec := range []Spec{SmallFiles(1000), Caches(1, 100*mB)} {
		b.Run(spec.Name, func(b *testing.B) {
			_, bytes := spec.Totals()
			b.SetBytes(bytes)
			root, seed := b.TempDir(), uint64(0)
			for b.Loop() {
				seed++
				if err := spec.Create(b.Context(), filepath.Join(root, fmt.Sprint(seed)), seed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
