package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/flsync/flsync/internal/lab/long"
)

const (
	fruits Table = "fruits"
	tools  Table = "tools"
)

// warnings collects what a DB warns about.
type warnings struct {
	mu   sync.Mutex
	list []string
}

func (w *warnings) add(x Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, x.Code+": "+x.Message)
}

func (w *warnings) codes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	codes := []string{}
	for _, s := range w.list {
		code, _, _ := strings.Cut(s, ":")
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

func testOptions(w *warnings) Options {
	return Options{
		Format: 1, Tables: []Table{fruits, tools}, BatchAge: time.Hour, Wait: 50 * time.Millisecond, Warn: w.add, noSync: true,
	}
}

func mustOpen(t testing.TB, path string, opt Options) *DB {
	t.Helper()
	db, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func content(t testing.TB, db *DB, table Table) map[string]string {
	t.Helper()
	got := make(map[string]string)
	err := db.Each(table, -1, func(it Item) error {
		if !it.Sound {
			t.Errorf("%s: %q is not sound", table, it.Key)
		}
		got[string(it.Key)] = string(it.Value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPutGetDelete(t *testing.T) {
	var w warnings
	path := filepath.Join(t.TempDir(), "deep", "er", "c.db")
	db := mustOpen(t, path, testOptions(&w))
	want := func(step string, db *DB, key, value string) {
		t.Helper()
		got, ok := db.Get(fruits, []byte(key), []byte("prefix "))
		if ok != (value != "") || ok && string(got) != "prefix "+value {
			t.Errorf("%s: Get(%q) = %q, %v; want %q", step, key, got, ok, value)
		}
	}
	want("empty", db, "apple", "")
	db.Put(fruits, []byte("apple"), []byte("red"))
	want("pending", db, "apple", "red")
	if err := db.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("flushed", db, "apple", "red")
	want("flushed", db, "pear", "")

	other := mustOpen(t, path, testOptions(&w))
	want("other", other, "apple", "red")
	other.Put(fruits, []byte("apple"), []byte("green"))
	other.Put(tools, []byte("saw"), []byte("sharp"))
	other.Close()
	db.leaveView() // a view lives for some time; the next one shows what the other has written
	want("after the other", db, "apple", "green")

	db.Delete(fruits, []byte("apple"))
	if _, ok := db.Get(fruits, []byte("apple"), nil); ok {
		t.Error("deleted, pending: still there")
	}
	if err := db.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("deleted", db, "apple", "")
	if diff := cmp.Diff(map[string]string{"saw": "sharp"}, content(t, db, tools)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil {
		t.Error(err)
	} else if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	if codes := w.codes(); len(codes) > 0 {
		t.Error("warnings:", w.list)
	}
}

// fill writes n keys and returns them with their values.
func fill(t testing.TB, path string, n int) map[string]string {
	t.Helper()
	var w warnings
	db := mustOpen(t, path, testOptions(&w))
	all := make(map[string]string)
	for i := range n {
		key, value := fmt.Sprintf("%07d", i*7919%1000003), strings.Repeat(fmt.Sprint(i), 20)
		all[key] = value
		db.Put(fruits, []byte(key), []byte(value))
	}
	db.Put(tools, []byte("big"), []byte(strings.Repeat("0123456789", 2000))) // has overflow pages
	db.flush(nil)
	db.Put(tools, []byte("saw"), []byte("sharp")) // frees pages
	db.Delete(fruits, []byte("0000000"))
	delete(all, "0000000")
	db.Close()
	if len(w.list) > 0 {
		t.Fatal(w.list)
	}
	return all
}

func TestManyKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	want := fill(t, path, 5000)
	var w warnings
	db := mustOpen(t, path, testOptions(&w))
	if diff := cmp.Diff(want, content(t, db, fruits)); diff != "" {
		t.Error(diff)
	}
	heads := 0
	err := db.Each(tools, 3, func(it Item) error {
		heads++
		if len(it.Value) != 3 || string(it.Key) == "big" && it.Size != 20_000 {
			t.Errorf("head of %q: %q of %d bytes", it.Key, it.Value, it.Size)
		}
		return nil
	})
	if err != nil || heads != 2 {
		t.Errorf("heads: %d, %v", heads, err)
	}
	stop := errors.New("stop")
	if err := db.Each(fruits, -1, func(Item) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Each returned %v", err)
	}
}

// What is judged must not find fault with what bbolt makes of many changes.
func TestManyChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var w warnings
	db := mustOpen(t, filepath.Join(t.TempDir(), "c.db"), testOptions(&w))
	want := make(map[string]string)
	rounds := 20 // the last of which only delete
	if long.Wanted() {
		rounds = 60
	}
	for round := range rounds {
		for range r.IntN(400) {
			key := fmt.Sprintf("%03x", r.IntN(1+round*60))
			if r.IntN(3) == 0 || round%20 > 16 {
				delete(want, key)
				db.Delete(fruits, []byte(key))
			} else {
				want[key] = strings.Repeat("v", 1+r.IntN(60)*r.IntN(60)*r.IntN(10))
				db.Put(fruits, []byte(key), []byte(want[key]))
			}
		}
		db.flush(nil)
		if len(w.list) > 0 {
			t.Fatalf("round %d: %v", round, w.list)
		}
	}
	if diff := cmp.Diff(want, content(t, db, fruits)); diff != "" || len(w.list) > 0 {
		t.Error(diff, w.list)
	}
}

func TestCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	want := fill(t, path, 5000)
	var w warnings
	db := mustOpen(t, path, testOptions(&w))
	for key := range want {
		if key > "01" {
			db.Delete(fruits, []byte(key))
			delete(want, key)
		}
	}
	db.flush(nil)
	before, free, err := db.Size()
	if err != nil || free < before/2 {
		t.Fatalf("%d of %d bytes are free, %v", free, before, err)
	}
	if err := db.Compact(); err != nil {
		t.Fatal(err)
	}
	after, free, err := db.Size()
	if err != nil || after >= before || free > after/2 {
		t.Errorf("from %d to %d bytes, %d free, %v", before, after, free, err)
	}
	if diff := cmp.Diff(want, content(t, db, fruits)); diff != "" {
		t.Error(diff)
	}
	db.Put(fruits, []byte("new"), []byte("one"))
	if left := db.flush(nil); left != 0 {
		t.Error(left, "keys left")
	}
}

// A program that holds the file for long costs misses and keeps what is to be written in memory; it is no
// failure.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	want := fill(t, path, 100)
	for _, hold := range []string{"turnstile", "bbolt"} {
		t.Run(hold, func(t *testing.T) {
			var w warnings
			db := mustOpen(t, path, testOptions(&w))
			key := slices.Collect(maps.Keys(want))[0]
			var release func()
			if hold == "turnstile" {
				lock := flock.New(path + ".lock")
				if err := lock.Lock(); err != nil {
					t.Fatal(err)
				}
				release = func() { lock.Close() }
			} else {
				db.leaveView()
				bolt, err := bbolt.Open(path, 0o600, nil)
				if err != nil {
					t.Fatal(err)
				}
				release = func() { bolt.Close() }
			}
			defer release()
			db.leaveView()
			if _, ok := db.Get(fruits, []byte(key), nil); ok {
				t.Error("a lookup got through")
			}
			db.Put(fruits, []byte("mine"), []byte(hold))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			if err := db.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Flush: %v", err)
			}
			if v, ok := db.Get(fruits, []byte("mine"), nil); !ok || string(v) != hold {
				t.Errorf("what could not be written is gone: %q, %v", v, ok)
			}
			if err := db.Each(fruits, -1, func(Item) error { return nil }); !errors.Is(err, ErrBusy) {
				t.Errorf("Each: %v", err)
			}
			db.Close()
			if diff := cmp.Diff([]string{WarnUnsaved}, w.codes()); diff != "" {
				t.Error(diff, w.list)
			}
			release()

			db = mustOpen(t, path, testOptions(&w))
			if _, ok := db.Get(fruits, []byte(key), nil); !ok {
				t.Error("nobody holds it now, and still a miss")
			}
		})
	}
}

// Readers that never pause do not keep a writer out, and nobody loses a key.
func TestReadersDoNotStarveWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	fill(t, path, 100)
	var w warnings
	opt := testOptions(&w)
	opt.View, opt.Wait = 20*time.Millisecond, 10*time.Second
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 3 {
		reader := mustOpen(t, path, opt)
		group.Go(func() {
			for ctx.Err() == nil {
				if _, ok := reader.Get(tools, []byte("saw"), nil); !ok {
					t.Error("a lookup missed")
					return
				}
			}
		})
	}
	var writers sync.WaitGroup
	for id := range 2 {
		writer := mustOpen(t, path, opt)
		writers.Go(func() {
			for i := range 5 {
				writer.Put(fruits, fmt.Appendf(nil, "w%d-%d", id, i), []byte("x"))
				if left := writer.flush(nil); left != 0 {
					t.Error(left, "keys left")
				}
			}
		})
	}
	writers.Wait()
	stop()
	group.Wait()
	db := mustOpen(t, path, opt)
	got := content(t, db, fruits)
	for id := range 2 {
		for i := range 5 {
			if key := fmt.Sprintf("w%d-%d", id, i); got[key] != "x" {
				t.Errorf("%s is lost", key)
			}
		}
	}
	if len(w.list) > 0 {
		t.Error(w.list)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	var w warnings
	if _, err := Open(dir, testOptions(&w)); err == nil {
		t.Error("a folder was accepted")
	}
	foreign := filepath.Join(dir, "foreign.db")
	bolt, err := bbolt.Open(foreign, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = bolt.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("theirs"))
		if err != nil {
			return err
		}
		return b.Put([]byte("k"), []byte("v"))
	})
	if err := errors.Join(err, bolt.Close()); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(foreign)
	if _, err := Open(foreign, testOptions(&w)); !errors.Is(err, ErrForeign) {
		t.Errorf("somebody else's database: %v", err)
	}
	if after, _ := os.ReadFile(foreign); string(after) != string(before) {
		t.Error("somebody else's database was changed")
	}
}

// Memory stays bounded when nothing can be written.
func TestUnwritable(t *testing.T) {
	blocker := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var w warnings
	opt := testOptions(&w)
	opt.BatchKeys = 10
	db := mustOpen(t, filepath.Join(blocker, "c.db"), opt)
	for i := range 1000 {
		db.Put(fruits, fmt.Appendf(nil, "k%d", i), []byte("v"))
	}
	if _, ok := db.Get(fruits, []byte("k0"), nil); !ok {
		t.Error("the first keys should serve this run")
	}
	db.mu.Lock()
	keys := len(db.pending.values)
	db.mu.Unlock()
	if keys > 40 {
		t.Errorf("%d keys in memory", keys)
	}
	db.Close()
	if diff := cmp.Diff([]string{WarnUnsaved}, w.codes()); diff != "" {
		t.Error(diff, w.list)
	}
}

// A run that is to leave no trace makes no file, its lock included, and has nothing to warn about.
func TestReadOnlyLeavesNoTrace(t *testing.T) {
	for _, there := range []bool{false, true} {
		var w warnings
		dir := t.TempDir()
		folder := filepath.Join(dir, "cache")
		if there {
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		opt := testOptions(&w)
		opt.ReadOnly = true
		db := mustOpen(t, filepath.Join(folder, "c.db"), opt)
		db.Put(fruits, []byte("apple"), []byte("red"))
		if got, ok := db.Get(fruits, []byte("apple"), nil); !ok || string(got) != "red" {
			t.Errorf("it does not serve the run itself: %q, %v", got, ok)
		}
		db.Close()
		var left []string
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if path != dir && path != folder {
				left = append(left, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(left) > 0 || len(w.codes()) > 0 {
			t.Errorf("folder there: %v; it left %v and warned %v", there, left, w.codes())
		}
	}
}

// TestPages: for keys that are there and for such that are not, the pages say what bbolt does.
func TestPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	var w warnings
	db := mustOpen(t, path, testOptions(&w))
	for i := range 3000 {
		size := 1 + i%200
		if i%500 == 0 {
			size = 3 * os.Getpagesize()
		}
		db.Put(fruits, fmt.Appendf(nil, "%05d", 2*i+1), bytes.Repeat([]byte{byte(i)}, size))
	}
	db.flush(nil)
	b, err := db.openBolt(true)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close(nil)
	long := 0
	for i := range 6002 {
		key := fmt.Appendf(nil, "%05d", i)
		got, err := b.pages.get(b.roots[fruits], key, nil)
		k, want := b.cursors[fruits].Seek(key)
		switch {
		case err == errLong:
			long++
		case !bytes.Equal(k, key):
			if err != errMiss {
				t.Errorf("%s is not there: %q, %v", key, got, err)
			}
		case err != nil || !bytes.Equal(got, want):
			t.Errorf("%s: got %q, %v; want %q", key, got, err, want)
		}
		if _, there := db.Get(fruits, key, nil); there != bytes.Equal(k, key) {
			t.Errorf("%s: there %v", key, there)
		}
	}
	if long == 0 || long > 5000 {
		t.Errorf("%d lookups end at a page that is continued in others", long)
	}
}
