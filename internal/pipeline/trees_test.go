package pipeline

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/flsync/flsync/hashcache"
)

// A tree of a million files is kept in some 100 MB.
func TestMemoryForEachTreeFile(t *testing.T) {
	const n = 50_000
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	files := &trees{late: true, folders: make(map[string]*treeFolder)}
	for i := range n {
		at := fmt.Sprintf("a/folder/of/some/length/%03d/%05d.png", i/200, i)
		files.add(t.Context(), filepath.Join("/the/project", filepath.FromSlash(at)), at, hashcache.Sum{Source: hashcache.Cached}, nil)
	}
	files.waiting = nil
	each := (heap() - before) / n
	t.Logf("%d bytes for each file", each)
	if each > 130 {
		t.Errorf("%d bytes for each file, want at most 130", each)
	}
	if got, want := files.files[n-1].checkoutPath(), "a/folder/of/some/length/249/49999.png"; got != want {
		t.Errorf("the last one is at %s, want %s", got, want)
	}
}

// Files are in the order of their whole paths, whatever folders they are in.
func TestTreeFilesInOrder(t *testing.T) {
	files := &trees{late: true, folders: make(map[string]*treeFolder)}
	want := []string{"a", "a.b/c", "a/b/c", "a/b/d", "a/b0", "b"}
	for _, i := range []int{3, 0, 5, 2, 4, 1} {
		files.add(t.Context(), filepath.Join("/p", filepath.FromSlash(want[i])), want[i], hashcache.Sum{Source: hashcache.Cached}, nil)
	}
	for i, spec := range files.specs() {
		if spec.Path != want[i] {
			t.Errorf("file %d is %s, want %s", i, spec.Path, want[i])
		}
	}
}
