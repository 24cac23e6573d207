package hashcache

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestStatsVerifyPrune(t *testing.T) {
	var w warnings
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	now := later()
	cache := open(t, filepath.Join(dir, "c.db"), Config{Warn: w.add, Now: func() time.Time { return now }})
	file := func(name string) string { return filepath.Join(tree, name) }
	sizes := map[string]int{"a": 10, "b": 100_000, "sub/c": 20, "sub/gone": 200_000, "old/d": 30, "touched": 40, "liar": 50}
	total := 0
	for name, size := range sizes {
		write(t, file(name), randomBytes(uint64(size), size))
		sum(t, cache, file(name), Hashed)
		total += size
	}
	cache.Facts("f").Put([]byte("k"), []byte("value"))
	if err := cache.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	stats, err := cache.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Stats{Path: filepath.Join(dir, "c.db"), Files: 7, ContentBytes: int64(total), Folders: 3, Facts: 1, Oldest: now, Newest: now}
	ignore := cmpopts.IgnoreFields(Stats{}, "FileBytes", "FreeBytes", "FactsBytes")
	if diff := cmp.Diff(want, stats, ignore, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Error(diff)
	}
	if stats.FileBytes == 0 || stats.FactsBytes == 0 {
		t.Errorf("%+v", stats)
	}

	if err := os.Remove(file("sub/gone")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file("touched"), now, now); err != nil {
		t.Fatal(err)
	}
	// An entry that says something else than its file does, as after a write that no time stamp shows.
	liar, _ := cache.entry(file("liar"))
	liar.sha256[0] ^= 1
	cache.learn(file("liar"), &liar, true)
	damaged := fileKey(nil, file("nonsense"))
	cache.store.Put(filesTable, damaged, []byte("not an entry"))

	seen := make(map[string]Verdict)
	counts, err := cache.Verify(t.Context(), false, func(path string, v Verdict) { seen[path] = v })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[Verdict]int{Unchecked: 5, Outdated: 1, Vanished: 1, Damaged: 1}, counts); diff != "" {
		t.Error(diff)
	}
	if seen[file("touched")] != Outdated || seen[file("sub/gone")] != Vanished {
		t.Error(seen)
	}
	counts, err = cache.Verify(t.Context(), true, func(string, Verdict) {})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[Verdict]int{Good: 4, Outdated: 1, Vanished: 1, Wrong: 1}, counts); diff != "" {
		t.Error(diff)
	}
	sum(t, cache, file("liar"), Hashed)

	pruned, err := cache.Prune(t.Context(), PruneOptions{Vanished: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Pruned{Files: 1}, pruned, cmpopts.IgnoreFields(Pruned{}, "FreedBytes")); diff != "" {
		t.Error(diff)
	}

	now = now.Add(100 * 24 * time.Hour)
	sum(t, cache, file("b"), Cached) // in use
	pruned, err = cache.Prune(t.Context(), PruneOptions{OlderThan: 90 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Pruned{Files: 5, Folders: 2, Facts: 1}, pruned, cmpopts.IgnoreFields(Pruned{}, "FreedBytes")); diff != "" {
		t.Error(diff)
	}
	sum(t, cache, file("b"), Cached)
	sum(t, cache, file("a"), Hashed)
	w.none(t)
}

func TestPruneGivesSpaceBack(t *testing.T) {
	dir := t.TempDir()
	now := later()
	cache := open(t, filepath.Join(dir, "c.db"), Config{Now: func() time.Time { return now }})
	for i := range 25_000 {
		path := filepath.Join(dir, fmt.Sprintf("folder%d/file%d", i/100, i))
		cache.learn(path, &entry{Stamp: Stamp{Size: 1}, written: now.UnixNano()}, false)
	}
	now = now.Add(time.Hour)
	pruned, err := cache.Prune(t.Context(), PruneOptions{OlderThan: time.Minute})
	if err != nil || pruned.Files != 25_000 || pruned.Folders != 250 || pruned.FreedBytes < 2<<20 {
		t.Errorf("%+v, %v", pruned, err)
	}
}
