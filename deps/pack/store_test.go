package pack

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func testStore(t *testing.T, config StoreConfig) *Store {
	t.Helper()
	if config.Dir == "" {
		config.Dir = filepath.Join(t.TempDir(), "cache", "rewritten")
	}
	s, err := OpenStore(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sampleFile makes a blend file with something to change.
func sampleFile(t *testing.T) (Changed, sample) {
	t.Helper()
	s := dialects()[0].sample(1000)
	file := filepath.Join(t.TempDir(), "shot.blend")
	if err := os.WriteFile(file, s.data, 0o600); err != nil {
		t.Fatal(err)
	}
	return Changed{File{file, "shots/shot.blend"}, s.edits("//new.png", "//new.py")}, s
}

func mustRewrite(t *testing.T, s *Store, c Changed, digest string) string {
	t.Helper()
	file, err := s.Rewritten(t.Context(), c, digest)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestStore(t *testing.T) {
	s := testStore(t, StoreConfig{})
	c, smp := sampleFile(t)
	first := mustRewrite(t, s, c, "digest")
	got, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	want, err := rewriteBytes(smp.data, c.Edits)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the copy is not what rewriting gives (%v)", err)
	}
	before, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}

	// The same again opens nothing: the source may even be gone.
	if err := os.Remove(c.Path); err != nil {
		t.Fatal(err)
	}
	if again := mustRewrite(t, s, c, "digest"); again != first {
		t.Errorf("%s the second time, %s the first", again, first)
	}
	after, err := os.Stat(first)
	if err != nil || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Errorf("the copy was touched: digests kept for it are lost (%v)", err)
	}
	if _, err := s.Rewritten(t.Context(), c, "another digest"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("other contents: %v, want that the source is gone", err)
	}
	if _, err := s.Rewritten(t.Context(), c, ""); err == nil {
		t.Error("a copy is kept under no digest")
	}
}

func TestStoreKey(t *testing.T) {
	c, _ := sampleFile(t)
	keys := map[string]string{key("digest", c.Edits): "as it is"}
	for name, change := range map[string]func(e *Edit){
		"path":   func(e *Edit) { e.New += "x" },
		"offset": func(e *Edit) { e.Offset++ },
		"size":   func(e *Edit) { e.Size++ },
		"block":  func(e *Edit) { e.Block++ },
		"length": func(e *Edit) { e.Length++ },
	} {
		edits := append([]Edit(nil), c.Edits...)
		change(&edits[1])
		k := key("digest", edits)
		if other, same := keys[k]; same {
			t.Errorf("another %s has the key of the file %s", name, other)
		}
		keys[k] = name
	}
}

// TestStoreKeepsNothingHalf holds that a failure leaves no copy behind.
func TestStoreKeepsNothingHalf(t *testing.T) {
	s := testStore(t, StoreConfig{})
	c, _ := sampleFile(t)
	c.Edits[1].Old = "//other.py" // after the first edit was written
	if _, err := s.Rewritten(t.Context(), c, "digest"); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), c.Path) {
		t.Errorf("error %v, want one that names the file", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Rewritten(ctx, c, "digest"); err == nil {
		t.Error("a cancelled run rewrites")
	}
	files, err := filepath.Glob(filepath.Join(s.config.Dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f, usedSuffix) {
			t.Errorf("%s is left", f)
		}
	}
}

func TestStoreAtOnce(t *testing.T) {
	dir := t.TempDir()
	c, _ := sampleFile(t)
	var wg sync.WaitGroup
	for range 4 { // four programs with two goroutines each
		s := testStore(t, StoreConfig{Dir: dir})
		for range 2 {
			wg.Go(func() {
				if _, err := s.Rewritten(t.Context(), c, "digest"); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.blend"))
	if err != nil || len(files) != 1 {
		t.Errorf("%d copies (%v), want 1", len(files), err)
	}
}

func TestPrune(t *testing.T) {
	s := testStore(t, StoreConfig{MaxBytes: 3500, KeepFor: 24 * time.Hour})
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	s.now = func() time.Time { return start }
	c, smp := sampleFile(t)
	size := int64(len(mustRead(t, mustRewrite(t, s, c, "0"))))
	if size < 1000 || size > 2*int64(len(smp.data)) {
		t.Fatalf("a copy has %d bytes", size)
	}
	files := []string{mustRewrite(t, s, c, "0")}
	for day, digest := range []string{"1", "2", "3"} {
		s.now = func() time.Time { return start.AddDate(0, 0, day+1) }
		files = append(files, mustRewrite(t, s, c, digest))
	}
	crashed := filepath.Join(filepath.Dir(files[0]), tempPrefix+"123")
	if err := os.WriteFile(crashed, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(crashed, start, start); err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return start.AddDate(0, 0, 4) }
	mustRewrite(t, s, c, "0") // used today, though it is the oldest

	s.config.MaxBytes = 2 * size
	done, err := s.Prune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := (Pruned{Files: 2, Bytes: 2 * size, Kept: 2 * size}); done != want {
		t.Errorf("%+v, want %+v", done, want)
	}
	for i, want := range []bool{true, false, false, true} {
		if _, err := os.Stat(files[i]); (err == nil) != want {
			t.Errorf("copy %d: there is %v, want %v", i, err == nil, want)
		}
	}
	if _, err := os.Stat(crashed); err == nil {
		t.Error("what a crash left is still there")
	}

	// What was used within KeepFor stays, however little is allowed.
	s.config.MaxBytes = 1
	s.config.KeepFor = 36 * time.Hour
	if done, err := s.Prune(t.Context()); err != nil || done.Kept != 2*size {
		t.Errorf("%+v, %v: want to keep what is in use", done, err)
	}
	empty := testStore(t, StoreConfig{})
	if done, err := empty.Prune(t.Context()); err != nil || done != (Pruned{}) {
		t.Errorf("a store that was never used: %+v, %v", done, err)
	}
}

// A copy that was used while the clock stood in the future does not count as used until then.
func TestPruneAfterTheFuture(t *testing.T) {
	s := testStore(t, StoreConfig{MaxBytes: 1, KeepFor: time.Hour})
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	c, _ := sampleFile(t)
	for _, at := range []time.Time{now.AddDate(12, 0, 0), now} {
		s.now = func() time.Time { return at }
		mustRewrite(t, s, c, "0")
	}
	s.now = func() time.Time { return now.AddDate(0, 0, 1) }
	if done, err := s.Prune(t.Context()); err != nil || done.Files != 1 {
		t.Errorf("%+v, %v: want it removed, a day after it was used", done, err)
	}
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestStoreConfig(t *testing.T) {
	for _, c := range []StoreConfig{{}, {Dir: "x", MaxBytes: -1}, {Dir: "x", KeepFor: -1}} {
		if _, err := OpenStore(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
