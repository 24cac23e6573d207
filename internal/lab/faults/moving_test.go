package faults

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
)

// bench is a farm and a tree that is sent to it.
type bench struct {
	tree      string
	cache     string
	checkouts string
	url       string
}

func newBench(t *testing.T) *bench {
	dir := t.TempDir()
	b := &bench{tree: filepath.Join(dir, "tree"), cache: filepath.Join(dir, "hashes.db"), url: embeddedIn(t, filepath.Join(dir, "farm"))}
	b.checkouts = filepath.Join(dir, "farm", "storage", "jobs")
	return b
}

// sync sends the tree and returns what of it is in the checkout, by path.
func (b *bench) sync(t *testing.T) (summary report.Summary, failed map[string]string, files map[string]string, err error) {
	t.Helper()
	client, err := flamenco.New(flamenco.Config{URL: b.url})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	warnings := 0
	cache, err := hashcache.Open(b.cache, hashcache.Config{Warn: func(hashcache.Warning) { warnings++ }})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	var told told
	summary, err = pipeline.Sync(t.Context(), pipeline.Env{Manager: client, Cache: cache, Sink: &told}, pipeline.SyncOptions{Paths: []string{b.tree}})
	files = make(map[string]string)
	for _, c := range summary.Checkouts {
		root := filepath.Join(b.checkouts, filepath.FromSlash(c.Path))
		werr := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			rel, _ := filepath.Rel(root, path)
			files[filepath.ToSlash(rel)] = string(data)
			return err
		})
		if werr != nil {
			t.Fatal(werr)
		}
	}
	return summary, told.failed(b.tree), files, err
}

// told collects errors and warnings.
type told struct {
	mu     sync.Mutex
	events []report.Event
}

func (c *told) Emit(e report.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

// failed maps what was told to be wrong with files, by path below the tree.
func (c *told) failed(tree string) map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := make(map[string]string)
	for _, e := range c.events {
		var path, code string
		switch e := e.(type) {
		case report.Error:
			path, code = e.Path, e.Code
		case report.Warning:
			path, code = e.Path, e.Code
		}
		if rel, err := filepath.Rel(tree, path); err == nil && path != "" {
			found[filepath.ToSlash(rel)] = code
		}
	}
	return found
}

// TestReplaced: the same size and time do not make it the same file.
func TestReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := filepath.Join(b.tree, "a.exr")
	writeText(t, b.tree, "a.exr", "before")
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	if _, _, files, err := b.sync(t); err != nil || files["a.exr"] != "before" {
		t.Fatalf("%v, %q", err, files)
	}
	writeText(t, b.tree, "new", "after!")
	if err := errors.Join(os.Rename(filepath.Join(b.tree, "new"), path), os.Chtimes(path, long, long)); err != nil {
		t.Fatal(err)
	}
	if _, _, files, err := b.sync(t); err != nil || files["a.exr"] != "after!" {
		t.Errorf("%v, the checkout has %q", err, files["a.exr"])
	}
}

// TestTreeInMotion sends a tree in which files grow, shrink, come, go and are replaced all the time. Of what
// stands still everything arrives; of what moves either a content that the file had, or a word that it did
// not.
func TestTreeInMotion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	still := make(map[string]string)
	for i := range 150 {
		name := fmt.Sprintf("still/%d.png", i)
		still[name] = fmt.Sprint("still ", i)
		writeText(t, b.tree, name, still[name])
		writeText(t, b.tree, fmt.Sprintf("moving/%d.png", i), strings.Repeat("m", 1+i*7))
	}
	ctx, stop := context.WithCancel(t.Context())
	var moving sync.WaitGroup
	for w := range 3 {
		moving.Go(func() {
			for i := w; ctx.Err() == nil; i = (i + 7) % 150 {
				path := filepath.Join(b.tree, fmt.Sprintf("moving/%d.png", i))
				switch i % 4 {
				case 0: // grows
					if f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0); err == nil {
						fmt.Fprint(f, "m")
						f.Close()
					}
				case 1: // goes, and comes back
					os.Remove(path)
					os.WriteFile(path, []byte("m"), 0o644)
				case 2: // shrinks
					os.Truncate(path, int64(i))
				case 3: // goes
					os.Remove(path)
				}
				time.Sleep(200 * time.Microsecond)
			}
		})
	}
	for range 3 {
		summary, failed, files, err := b.sync(t)
		if err != nil && !errors.Is(err, pipeline.ErrPartial) {
			t.Fatal(err)
		}
		for name, want := range still {
			if files[name] != want {
				t.Errorf("%s stood still and is %q in the checkout; told was %q", name, files[name], failed[name])
			}
		}
		for name, data := range files {
			if strings.HasPrefix(name, "moving/") && strings.Trim(data, "m\x00") != "" {
				t.Errorf("%s never held %q", name, data)
			}
		}
		if err != nil && summary.Files.Failed == 0 {
			t.Errorf("partly done, and no file failed: %+v", summary.Files)
		}
		for name := range failed {
			if !strings.HasPrefix(name, "moving/") {
				t.Errorf("%s is said to have failed: %s", name, failed[name])
			}
		}
	}
	stop()
	moving.Wait()
}

// TestNames sends names that file systems allow and others do not expect: what arrives arrives whole and
// under its name, what cannot is told.
func TestNames(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems do not allow these names")
	}
	b := newBench(t)
	deep := strings.Repeat(strings.Repeat("d", 200)+"/", 17) + "deep.png" // beyond 3,400 bytes below the tree
	names := []string{
		"plain.png", "with space.png", "ünïcode.png", "quote\"'.png", "-dash.png", strings.Repeat("n", 251) + ".png", "a\nnewline.png", "tab\t.png",
		"invalid\xff.png", "back\\slash.png", "colon:.png", "star*.png", "{brace}.png", "...dots.png", "$(echo).png", "%41.png", "semi;colon.png",
	}
	for i, name := range names {
		writeText(t, b.tree, name, fmt.Sprint("content ", i))
	}
	if err := os.MkdirAll(filepath.Join(b.tree, filepath.Dir(deep)), 0o755); err != nil {
		t.Fatal(err)
	}
	writeText(t, b.tree, deep, "deep")
	_, failed, files, err := b.sync(t)
	if err != nil && !errors.Is(err, pipeline.ErrPartial) {
		t.Fatal(err)
	}
	sent := 0
	for i, name := range names {
		switch content, there := files[name]; {
		case there && content != fmt.Sprint("content ", i):
			t.Errorf("%q holds %q", name, content)
		case there:
			sent++
		case failed[name] == "":
			t.Errorf("%q is not in the checkout, and nobody said so", name)
		}
	}
	if files[deep] != "deep" && failed[deep] == "" {
		t.Error("the deep file is not in the checkout, and nobody said so")
	}
	if sent < 6 {
		t.Errorf("only %d arrived: %q", sent, failed)
	}
	t.Logf("%d of %d arrived; told were %q; %v", sent, len(names), failed, err)
}

// TestSparseAndLinked: holes are zeros, and two names of one file are sent once.
func TestSparseAndLinked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	writeText(t, b.tree, "one.png", "linked")
	if err := os.Link(filepath.Join(b.tree, "one.png"), filepath.Join(b.tree, "two.png")); err != nil {
		t.Skip(err)
	}
	writeText(t, b.tree, "sparse.vdb", "begin")
	if err := os.Truncate(filepath.Join(b.tree, "sparse.vdb"), 20<<20); err != nil {
		t.Fatal(err)
	}
	summary, _, files, err := b.sync(t)
	if err != nil || files["two.png"] != "linked" || files["sparse.vdb"] != "begin"+strings.Repeat("\x00", 20<<20-5) {
		t.Errorf("%v, two.png %q, sparse.vdb %d bytes", err, files["two.png"], len(files["sparse.vdb"]))
	}
	if summary.Store.Unique != 2 || summary.Store.Uploaded != 2 {
		t.Errorf("two files under three names: %+v", summary.Store)
	}
}

// TestCacheThatCannotBeKept: a place for the cache that cannot be written to costs a warning, no more.
func TestCacheThatCannotBeKept(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(t *testing.T) string{
		"no such place": func(t *testing.T) string { return filepath.Join(os.DevNull, "flsync", "hashes.db") },
		"full disk":     fullDisk,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.cache = place(t)
			data := make([]byte, 1<<20)
			_, _ = rand.Read(data)
			for i := range 100 {
				writeText(t, b.tree, fmt.Sprintf("%d.png", i), string(data[i*1000:i*1000+2000]))
			}
			if _, failed, files, err := b.sync(t); err != nil || len(files) != 100 {
				t.Errorf("%v, %d files, %v", err, len(files), failed)
			}
		})
	}
}
