package hashcache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/blake3"

	"github.com/flsync/flsync/internal/lab/long"
)

// later is a clock on which every file that a test has written settled long ago.
func later() time.Time { return time.Now().Add(time.Hour) }

type warnings struct {
	mu   sync.Mutex
	list []Warning
}

func (w *warnings) add(x Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, x)
}

func (w *warnings) none(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) > 0 {
		t.Error("warnings:", w.list)
	}
}

func open(t testing.TB, path string, cfg Config) *Cache {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = later
	}
	if cfg.changeWait == 0 {
		cfg.changeWait = time.Millisecond
	}
	c, err := Open(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func stat(t testing.TB, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// sum asks for the digests of path and holds them against the file's contents.
func sum(t *testing.T, c *Cache, path string, want Source) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Sum(t.Context(), path, stat(t, path))
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := StampAt(path)
	if err != nil {
		t.Fatal(err)
	}
	wanted := Sum{SHA256: sha256.Sum256(content), Size: int64(len(content)), Source: want, Stamp: stamp}
	if c.cfg.BLAKE3 || got.BLAKE3 != [32]byte{} {
		wanted.BLAKE3 = blake3.Sum256(content)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s: %s", filepath.Base(path), diff)
	}
}

// TestSources goes through what happens to files between two runs. Sizes: in one read, and in a stream.
func TestSources(t *testing.T) {
	t.Run("SHA-256", func(t *testing.T) {
		long.Test(t) // the other does more
		testSources(t, false)
	})
	t.Run("both", func(t *testing.T) { testSources(t, true) })
}

func testSources(t *testing.T, both bool) {
	past := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, size := range []int{0, 100, 100_000, 1_000_000} {
		first, second := randomBytes(1, size), randomBytes(2, size)
		cases := map[string]struct {
			change func(t *testing.T, path string)
			want   Source
		}{
			"nothing": {func(*testing.T, string) {}, Cached},
			"new time": {func(t *testing.T, path string) {
				if err := os.Chtimes(path, past, past); err != nil {
					t.Fatal(err)
				}
			}, Rehashed},
			"other contents of the same size": {func(t *testing.T, path string) { write(t, path, second) }, Hashed},
			"other contents, old time": {func(t *testing.T, path string) {
				old := stat(t, path).ModTime()
				write(t, path, second)
				if err := os.Chtimes(path, old, old); err != nil {
					t.Fatal(err)
				}
			}, Hashed},
			"changed behind the head": {func(t *testing.T, path string) {
				changed := bytes.Clone(first)
				if size > 0 {
					changed[size-1] ^= 1
				}
				write(t, path, changed)
			}, Hashed},
			"another size": {func(t *testing.T, path string) { write(t, path, append(bytes.Clone(first), 'x')) }, Hashed},
			"replaced, same size and time": {func(t *testing.T, path string) {
				old := stat(t, path).ModTime()
				write(t, path+".new", second)
				if err := errors.Join(os.Chtimes(path+".new", old, old), os.Rename(path+".new", path)); err != nil {
					t.Fatal(err)
				}
			}, Hashed},
			"replaced by a copy": {func(t *testing.T, path string) {
				write(t, path+".new", first)
				if err := os.Rename(path+".new", path); err != nil {
					t.Fatal(err)
				}
			}, Rehashed},
		}
		for name, c := range cases {
			if size == 0 && c.want == Hashed && name != "another size" {
				c.want = Rehashed // there is only one empty file
			}
			t.Run(name+" "+byteCount(size), func(t *testing.T) {
				var w warnings
				db := filepath.Join(t.TempDir(), "c.db")
				path := filepath.Join(t.TempDir(), "file")
				write(t, path, first)
				cache := open(t, db, Config{Warn: w.add, BLAKE3: both})
				sum(t, cache, path, Hashed)
				sum(t, cache, path, Cached)
				_ = cache.Close()

				cache = open(t, db, Config{Warn: w.add, BLAKE3: both})
				c.change(t, path)
				sum(t, cache, path, c.want)
				sum(t, cache, path, Cached)
				_ = cache.Close()

				cache = open(t, db, Config{Warn: w.add, BLAKE3: both})
				sum(t, cache, path, Cached)
				cache.cfg.Verify = true
				sum(t, cache, path, Rehashed)
				w.none(t)
			})
		}
	}
}

func byteCount(n int) string {
	return map[int]string{0: "empty", 100: "small", 100_000: "medium", 1_000_000: "large"}[n]
}

// TestBLAKE3: it is taken where it is asked for, and of a file whose SHA-256 alone is known the file is read
// again.
func TestBLAKE3(t *testing.T) {
	for _, size := range []int{0, 100, 100_000, 1_000_000} {
		dir := t.TempDir()
		db, path := filepath.Join(dir, "c.db"), filepath.Join(dir, "file")
		write(t, path, randomBytes(1, size))
		cache := open(t, db, Config{})
		sum(t, cache, path, Hashed)
		sum(t, cache, path, Cached)
		if count, err := cache.Verify(t.Context(), true, func(string, Verdict) {}); err != nil || count[Good] != 1 {
			t.Errorf("%s: %v, %v", byteCount(size), count, err)
		}
		_ = cache.Close()

		cache = open(t, db, Config{BLAKE3: true})
		want := Cached
		if !blake3IsFaster {
			want = Rehashed
			if _, ok := cache.Lookup(path, stat(t, path)); ok {
				t.Errorf("%s: trusted without BLAKE3", byteCount(size))
			}
		}
		sum(t, cache, path, want)
		sum(t, cache, path, Cached)
		_ = cache.Close()

		cache = open(t, db, Config{})
		past := stat(t, path).ModTime().Add(-time.Hour)
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
		sum(t, cache, path, Rehashed)
		if e, _ := cache.entry(path); !e.hasBLAKE3() {
			t.Errorf("%s: BLAKE3 was known and is lost", byteCount(size))
		}
	}
}

// Only the file that was asked for is read, whatever has taken its place.
func TestReplaced(t *testing.T) {
	dir := t.TempDir()
	cache := open(t, filepath.Join(dir, "c.db"), Config{})
	path, secret := filepath.Join(dir, "file"), filepath.Join(dir, "secret")
	write(t, path, []byte("contents"))
	write(t, secret, []byte("password"))
	info := stat(t, path)
	if err := errors.Join(os.Remove(path), os.Symlink(secret, path)); err != nil {
		t.Skip("no links here:", err)
	}
	if sum, err := cache.Sum(t.Context(), path, info); !errors.Is(err, ErrReplaced) {
		t.Errorf("a link in its place: %v, %v", sum, err)
	}
	sum(t, cache, path, Hashed) // a link whose target was looked at
	if err := errors.Join(os.Remove(path), os.Rename(secret, path)); err != nil {
		t.Fatal(err)
	}
	if sum, err := cache.Sum(t.Context(), path, info); !errors.Is(err, ErrReplaced) {
		t.Errorf("another file in its place: %v, %v", sum, err)
	}
	if sum, err := cache.Sum(t.Context(), path, nil); err != nil || sum.SHA256 != sha256.Sum256([]byte("password")) {
		t.Errorf("whichever file is there: %v, %v", sum, err)
	}
}

// A file that is read in the tick of its last change may change again in that tick, and nothing would show
// it.
func TestRacyFileIsComparedNextTime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, []byte("contents"))
	changed := time.Unix(0, StampOf(stat(t, path)).changed())
	now := changed.Add(fineGrain / 2)
	cache := open(t, filepath.Join(dir, "c.db"), Config{Now: func() time.Time { return now }})
	sum(t, cache, path, Hashed)
	now = changed.Add(fineGrain * 3 / 4)
	sum(t, cache, path, Rehashed)
	now = changed.Add(3 * fineGrain)
	sum(t, cache, path, Rehashed) // the second reading was in the same tick as well
	sum(t, cache, path, Cached)

	// The clock is set back to before the entry was written: it proves nothing now.
	now = now.Add(-time.Nanosecond)
	sum(t, cache, path, Rehashed)
	now = changed.Add(-time.Hour) // and to before the file was
	sum(t, cache, path, Rehashed)
	sum(t, cache, path, Rehashed)
	now = changed.Add(time.Hour)
	sum(t, cache, path, Rehashed)
	sum(t, cache, path, Cached)
}

func TestChangeShows(t *testing.T) {
	const second = int64(time.Second)
	for _, c := range []struct {
		stamp Stamp
		read  int64
		want  bool
	}{
		{Stamp{Mtime: 100*second + 5, Ctime: 100*second + 5}, 100*second + int64(10*time.Millisecond), false},
		{Stamp{Mtime: 100*second + 5, Ctime: 100*second + 5}, 100*second + int64(30*time.Millisecond), true},
		{Stamp{Mtime: 100 * second, Ctime: 100 * second}, 101 * second, false}, // FAT
		{Stamp{Mtime: 100 * second, Ctime: 100 * second}, 103 * second, true},
		{Stamp{Mtime: 100*second + 5, Ctime: 100*second + 5}, 99 * second, false},
		{Stamp{Mtime: 100*second + 5}, 103 * second, true}, // no change time
		{Stamp{Mtime: 100*second + 5}, 100 * second, false},
	} {
		if got := c.stamp.changeShows(c.read); got != c.want {
			t.Errorf("%+v read at %d: settled %v", c.stamp, c.read, got)
		}
	}
	restored := Stamp{Mtime: 500 * second, Ctime: 100*second + 5} // a time in the future, from an archive
	if !restored.changeShows(101 * second) {
		t.Error("a modification time that somebody set must not matter where there is a change time")
	}
}

// changer changes a file whenever the reading of it asks whether the context is still alive.
type changer struct {
	context.Context
	change func()
}

func (c changer) Err() error { c.change(); return nil }

func TestFileThatChangesWhileItIsRead(t *testing.T) {
	for _, size := range []int{100, 100_000, 1_000_000} {
		first, second := randomBytes(1, size), randomBytes(2, size)
		changes := map[string]func(t *testing.T, path string){
			"grows":       func(t *testing.T, path string) { write(t, path, append(bytes.Clone(first), second...)) },
			"shrinks":     func(t *testing.T, path string) { write(t, path, first[:size/2]) },
			"emptied":     func(t *testing.T, path string) { write(t, path, nil) },
			"overwritten": func(t *testing.T, path string) { write(t, path, second) },
			"replaced": func(t *testing.T, path string) {
				old := stat(t, path).ModTime()
				write(t, path+".new", second)
				if err := errors.Join(os.Chtimes(path+".new", old, old), os.Rename(path+".new", path)); err != nil {
					t.Fatal(err)
				}
			},
		}
		for name, change := range changes {
			t.Run(name+" "+byteCount(size), func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "file")
				write(t, path, first)
				cache := open(t, filepath.Join(dir, "c.db"), Config{})
				times := 0
				ctx := changer{t.Context(), func() {
					if times++; times == 1 {
						change(t, path)
					}
				}}
				got, content, err := cache.SumKeep(ctx, path, stat(t, path), 4<<20)
				if name == "replaced" { // it is for the caller to decide whether the new file may be read
					if !errors.Is(err, ErrReplaced) {
						t.Fatalf("got %v", err)
					}
					got, content, err = cache.SumKeep(ctx, path, stat(t, path), 4<<20)
				}
				if err != nil {
					t.Fatal(err)
				}
				now, _ := os.ReadFile(path)
				if got.SHA256 != sha256.Sum256(now) || got.Size != int64(len(now)) || !bytes.Equal(content.Bytes(), now) {
					t.Error("the digests are not those of the file as it is now")
				}
				content.Release()
				sum(t, cache, path, Cached)
			})
		}
		t.Run("again and again "+byteCount(size), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			write(t, path, first)
			cache := open(t, filepath.Join(dir, "c.db"), Config{})
			n := 0
			ctx := changer{t.Context(), func() {
				n++
				write(t, path, bytes.Repeat([]byte{byte(n)}, size+n))
			}}
			_, content, err := cache.SumKeep(ctx, path, stat(t, path), 4<<20)
			if !errors.Is(err, ErrChanging) || !strings.HasPrefix(err.Error(), path+": it changed each of the 3 times it was read;") {
				t.Errorf("got %v", err)
			}
			if content != nil {
				t.Error("contents of a file that never held still")
			}
			if _, ok := cache.Lookup(path, stat(t, path)); ok {
				t.Error("an entry was kept")
			}
		})
		t.Run("vanishes "+byteCount(size), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			write(t, path, first)
			cache := open(t, filepath.Join(dir, "c.db"), Config{})
			ctx := changer{t.Context(), func() { _ = os.Remove(path) }}
			if _, err := cache.Sum(ctx, path, stat(t, path)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSumErrors(t *testing.T) {
	dir := t.TempDir()
	cache := open(t, filepath.Join(dir, "c.db"), Config{})
	if _, err := cache.Sum(t.Context(), dir, nil); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := cache.Sum(t.Context(), filepath.Join(dir, "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	path := filepath.Join(dir, "file")
	write(t, path, randomBytes(1, 1_000_000))
	info := stat(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, size := range []int64{1_000_000, 100} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if _, err := cache.Sum(ctx, path, info); !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes, cancelled: %v", size, err)
		}
	}
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.Sum(t.Context(), path, info); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a folder in the place of the file: %v", err)
	}
}

func TestSumKeep(t *testing.T) {
	dir := t.TempDir()
	cache := open(t, filepath.Join(dir, "c.db"), Config{})
	for _, size := range []int{0, 1, 4095, 4096, 100_000, 1 << 20, 1<<20 + 1} {
		path := filepath.Join(dir, "file")
		content := randomBytes(7, size)
		write(t, path, content)
		_, kept, err := cache.SumKeep(t.Context(), path, nil, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if size > 1<<20 {
			if kept != nil {
				t.Errorf("%d bytes were kept", size)
			}
			continue
		}
		if kept == nil || !bytes.Equal(kept.Bytes(), content) || !kept.Hashed() {
			t.Errorf("%d bytes: not kept, other ones, or not those of which SHA-256 was taken", size)
		}
		kept.Release()
		kept.Release()
		if kept.Bytes() != nil {
			t.Error("released contents can be read")
		}
		if _, kept, err := cache.SumKeep(t.Context(), path, nil, 1<<20); err != nil || kept != nil {
			t.Errorf("from the cache: %v, contents %v", err, kept != nil)
		}
	}
}

// TestKeptByBLAKE3: contents that were recognised are not those of which SHA-256 was taken.
func TestKeptByBLAKE3(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, []byte("abc"))
	cache := open(t, filepath.Join(dir, "c.db"), Config{BLAKE3: true})
	sum(t, cache, path, Hashed)
	if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	got, kept, err := cache.SumKeep(t.Context(), path, nil, 1<<20)
	if err != nil || got.Source != Rehashed || kept == nil || kept.Hashed() {
		t.Errorf("%+v, hashed %v, %v", got, kept.Hashed(), err)
	}
	kept.Release()
}

func TestHashFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, []byte("abc"))
	got, err := HashFile(t.Context(), path)
	if err != nil || got.SHA256 != sha256.Sum256([]byte("abc")) || got.BLAKE3 != blake3.Sum256([]byte("abc")) || got.Source != Hashed {
		t.Errorf("%+v, %v", got, err)
	}
}

// An entry that is in use must not look old to Prune.
func TestEntriesInUseStayYoung(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, []byte("abc"))
	now := later()
	cache := open(t, filepath.Join(dir, "c.db"), Config{Now: func() time.Time { return now }})
	sum(t, cache, path, Hashed)
	first := now
	now = now.Add(refreshAge + time.Hour)
	sum(t, cache, path, Cached)
	if e, ok := cache.entry(path); !ok || e.written != now.UnixNano() {
		t.Errorf("the entry is of %v, not renewed", time.Unix(0, e.written).Sub(first))
	}
}

func TestLongPaths(t *testing.T) {
	dir := t.TempDir()
	cache := open(t, filepath.Join(dir, "c.db"), Config{})
	deep := dir
	for len(deep) < 3000 {
		deep = filepath.Join(deep, string(bytes.Repeat([]byte("d"), 200)))
	}
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Skip("the system has no such long paths:", err)
	}
	path := filepath.Join(deep, "line\nfeed\xff"+string(bytes.Repeat([]byte("n"), 200)))
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Skip("the system has no such names:", err)
	}
	sum(t, cache, path, Hashed)
	if err := cache.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	sum(t, cache, path, Cached)
}
