package deps

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/deps/blend/blendtest"
)

// shot writes a blend file that links an object of a library.
func shot(t testing.TB, path, library string) {
	f := blendtest.New(form5, dna5)
	f.Block("GLOB", "FileGlobal", 1, values{"curscene": uint64(0x30)})
	f.Block("SC", "Scene", 0x30, values{"id.name": "SCScene", "r.frs_sec": 24, "r.frs_sec_base": 1.001})
	f.Block("ID", "ID", 0x10, values{"name": "OBchair", "lib": uint64(0x100)})
	f.Block("LI", "Library", 0x100, values{"id.name": "LIkit", "name": library})
	writeFile(t, path, f.Bytes())
}

// kit writes a library with a chair of wood, and more that the chair does not use.
func kit(t testing.TB, path string, extra func(f *blendtest.File)) {
	f := blendtest.New(form5, dna5)
	f.Block("OB", "Object", 0x10, values{"id.name": "OBchair", "mat": uint64(0x1000)})
	f.Pointers(0x1000, 0x20)
	f.Block("MA", "Material", 0x20, values{"id.name": "MAwood", "image": uint64(0x30)})
	f.Block("IM", "Image", 0x30, values{"id.name": "IMwood", "name": "//tex/wood.png", "source": 1})
	f.Block("IM", "Image", 0x40, values{"id.name": "IMunused", "name": "//tex/unused.png", "source": 1})
	if extra != nil {
		extra(f)
	}
	writeFile(t, path, f.Bytes())
}

// memory keeps facts in a map.
type memory struct {
	mu   sync.Mutex
	kept map[string][]byte
	gets int
}

func (m *memory) Get(key []byte) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	v, ok := m.kept[string(key)]
	return v, ok
}

func (m *memory) Put(key, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string][]byte{}
	}
	m.kept[string(key)] = value
}

// TestMissingChain tells how the shot comes to want what is not there.
func TestMissingChain(t *testing.T) {
	dir := t.TempDir()
	shot(t, filepath.Join(dir, "shot.blend"), "//lib/kit.blend")
	kit(t, filepath.Join(dir, "lib", "kit.blend"), nil)
	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
	if err != nil {
		t.Fatal(err)
	}
	main, lib := filepath.Join(dir, "shot.blend"), filepath.Join(dir, "lib", "kit.blend")
	want := []*Dependency{{
		Path: filepath.Join(dir, "lib", "tex", "wood.png"), Kind: KindImage, Missing: true,
		UsedBy: lib, ID: "IMwood", Field: "Image.name",
		Chain: []Link{{main, "OBchair"}, {lib, "OBchair"}, {lib, "MAwood"}, {lib, "IMwood"}},
	}}
	if diff := cmp.Diff(want, trace.Missing(), cmpopts.IgnoreUnexported(Dependency{})); diff != "" {
		t.Error(diff)
	}
	if trace.Files[0].Path != lib || trace.Files[0].Kind != KindLibrary {
		t.Errorf("first file %+v", trace.Files[0])
	}
	if got := trace.Missing()[0].Message(); got != want[0].Path+" does not exist" {
		t.Error(got)
	}
}

// TestProblems traces on past libraries that are not what they should be.
func TestProblems(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		library func(path string)
		code    string
		missing bool
	}{
		"text":    {func(p string) { writeFile(t, p, []byte("no blend file")) }, ProblemNotBlend, false},
		"damaged": {func(p string) { writeFile(t, p, []byte("BLENDER-v304DATA")) }, ProblemUnreadable, false},
		"other": {func(p string) {
			writeFile(t, p, blendtest.New(form5, dna5).Block("OB", "Object", 1, values{"id.name": "OBtable"}).Bytes())
		}, ProblemNoData, false},
		"missing": {func(string) {}, "", true},
		"folder":  {func(p string) { os.MkdirAll(p, 0o777) }, "", true},
	} {
		path := filepath.Join(dir, name, "shot.blend")
		shot(t, path, "//kit.blend")
		test.library(filepath.Join(dir, name, "kit.blend"))
		trace, err := newTracer(t, Config{}).Trace(t.Context(), path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := len(trace.Missing()) == 1; got != test.missing {
			t.Errorf("%s: missing %v", name, trace.Missing())
		}
		switch {
		case test.code == "" && len(trace.Problems) > 0:
			t.Errorf("%s: problems %v", name, trace.Problems)
		case test.code != "" && (len(trace.Problems) != 1 || trace.Problems[0].Code != test.code):
			t.Errorf("%s: problems %v", name, trace.Problems)
		case test.code != "" && (trace.Problems[0].ID != "OBchair" || trace.Problems[0].UsedBy != path):
			t.Errorf("%s: %+v", name, trace.Problems[0])
		}
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "text.blend")
	tracer := newTracer(t, Config{})
	if _, err := tracer.Trace(t.Context(), filepath.Join(dir, "gone.blend")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := tracer.Inspect(t.Context(), filepath.Join(dir, "text.blend")); !errors.Is(err, blend.ErrNotBlend) {
		t.Errorf("a text: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	shot(t, filepath.Join(dir, "shot.blend"), "//kit.blend")
	for range 20 { // whether a slot or the end comes first is open
		if _, err := tracer.Trace(ctx, filepath.Join(dir, "shot.blend")); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	if _, err := tracer.Trace(t.Context(), filepath.Join(dir, "shot.blend")); err != nil {
		t.Errorf("after a cancelled one: %v", err)
	}
	for _, c := range []Config{{Workers: -1}, {Facts: &memory{}}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

// TestCircle traces libraries that link each other, and the shot.
func TestCircle(t *testing.T) {
	dir := t.TempDir()
	shot(t, filepath.Join(dir, "shot.blend"), "//a.blend")
	for name, other := range map[string]string{"a": "b", "b": "shot"} {
		f := blendtest.New(form5, dna5)
		f.Block("OB", "Object", 0x10, values{"id.name": "OBchair", "parent": uint64(0x20)})
		f.Block("ID", "ID", 0x20, values{"name": "OBchair", "lib": uint64(0x100)})
		f.Block("ID", "ID", 0x30, values{"name": "OBunused", "lib": uint64(0x110)})
		f.Block("LI", "Library", 0x100, values{"id.name": "LI" + other, "name": "//" + other + ".blend"})
		f.Block("LI", "Library", 0x110, values{"id.name": "LIunused", "name": "//unused.blend"})
		writeFile(t, filepath.Join(dir, name+".blend"), f.Bytes())
	}
	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
	if err != nil {
		t.Fatal(err)
	}
	// What the chair does not use is not followed.
	if diff := cmp.Diff([]string{"a.blend", "b.blend"}, paths(t, trace, dir)); diff != "" {
		t.Error(diff)
	}
	if len(trace.Problems) > 0 {
		t.Error(trace.Problems)
	}
}

// TestFacts does not open blend files again of which the contents are known.
func TestFacts(t *testing.T) {
	dir := t.TempDir()
	path, lib := filepath.Join(dir, "shot.blend"), filepath.Join(dir, "kit.blend")
	shot(t, path, "//kit.blend")
	kit(t, lib, nil)
	facts := &memory{}
	config := Config{Facts: facts, Digest: func(_ context.Context, path string) (string, error) {
		return filepath.Base(path), nil // the same, whatever becomes of the file
	}}
	first, err := newTracer(t, config).Trace(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(facts.kept) != 2 {
		t.Fatalf("%d facts are kept", len(facts.kept))
	}
	// The files are not opened: they could not be read. What they name is looked at.
	write(t, dir, "shot.blend", "kit.blend", "tex/wood.png")
	second, err := newTracer(t, config).Trace(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Missing()) != 1 || len(second.Missing()) != 0 {
		t.Errorf("missing first %v, then %v", first.Missing(), second.Missing())
	}
	if diff := cmp.Diff(first.Blend, second.Blend); diff != "" {
		t.Error(diff)
	}
	// A shot that becomes a library is read again, for what its data uses.
	kit(t, lib, nil)
	if _, err := newTracer(t, config).Trace(t.Context(), lib); err != nil {
		t.Fatal(err)
	}
	// Damaged facts are as good as none.
	for key := range facts.kept {
		facts.kept[key] = facts.kept[key][1:]
	}
	if _, err := newTracer(t, config).Trace(t.Context(), lib); err != nil {
		t.Fatal(err)
	}
}

// TestDigestTrouble traces without remembering when there is no digest, and
// when the file changes meanwhile.
func TestDigestTrouble(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kit.blend")
	kit(t, path, nil)
	trouble := errors.New("disk on fire")
	for name, digest := range map[string]func(context.Context, string) (string, error){
		"error":   func(context.Context, string) (string, error) { return "", trouble },
		"unknown": func(context.Context, string) (string, error) { return "", nil },
		"changed": func(_ context.Context, path string) (string, error) {
			later := time.Now().Add(time.Hour)
			return "digest", os.Chtimes(path, later, later)
		},
	} {
		facts, warned := &memory{}, 0
		tracer := newTracer(t, Config{Facts: facts, Digest: digest, Warn: func(err error) {
			if !errors.Is(err, trouble) {
				t.Error(err)
			}
			warned++
		}})
		if _, err := tracer.Trace(t.Context(), path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(facts.kept) != 0 {
			t.Errorf("%s: facts are kept", name)
		}
		if (warned > 0) != (name == "error") {
			t.Errorf("%s: %d warnings", name, warned)
		}
	}
}

// TestManyShots opens a library once, however many shots link it at once.
func TestManyShots(t *testing.T) {
	dir := t.TempDir()
	kit(t, filepath.Join(dir, "kit.blend"), nil)
	write(t, dir, "tex/wood.png")
	opened := map[string]int{}
	var mu sync.Mutex
	tracer := newTracer(t, Config{Workers: 2, Facts: &memory{}, Digest: func(_ context.Context, path string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		opened[filepath.Base(path)]++
		return "", nil
	}})
	var wg sync.WaitGroup
	for i := range 20 {
		path := filepath.Join(dir, fmt.Sprintf("sh%02d.blend", i))
		shot(t, path, "//kit.blend")
		wg.Go(func() {
			trace, err := tracer.Trace(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			if diff := cmp.Diff([]string{"kit.blend", "tex/wood.png"}, paths(t, trace, dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
	wg.Wait()
	if opened["kit.blend"] != 1 || len(opened) != 21 {
		t.Errorf("opened %v", opened)
	}
}

// TestBlends gives the tree of dependencies.
func TestBlends(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "shot.blend")
	shot(t, path, "//kit.blend")
	kit(t, filepath.Join(dir, "kit.blend"), nil)
	trace, err := newTracer(t, Config{}).Trace(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range trace.Blends {
		for _, u := range b.Uses {
			got = append(got, filepath.Base(b.Path)+" "+u.ID+" "+u.Path+" "+filepath.Base(u.From))
		}
	}
	want := []string{"shot.blend LIkit //kit.blend shot.blend", "kit.blend IMwood //tex/wood.png kit.blend"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if s := trace.Blend.Active(); s == nil || s.Name != "Scene" || s.FPSBase != 1.001 {
		t.Errorf("active scene %+v", s)
	}
}
