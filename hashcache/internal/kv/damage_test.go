package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/internal/lab/long"
)

// survives opens a copy of a file with some fault, reads all, writes, reads again: no value may be wrong,
// nothing may panic or fail, and what is written must be there afterwards.
func survives(t *testing.T, path, what string, file []byte, want map[string]string) (found int) {
	t.Helper()
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	setUsed(t, path)
	var w warnings
	round := func(put string) {
		db, err := Open(path, testOptions(&w))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		defer db.Close()
		for key, value := range want {
			got, ok := db.Get(fruits, []byte(key), nil)
			if ok && string(got) != value {
				t.Fatalf("%s: %q became %q", what, value, got)
			}
			if ok && put != "" {
				found++
			}
		}
		_ = db.Each(fruits, -1, func(Item) error { return nil })
		if put != "" {
			db.Put(fruits, []byte(put), []byte("new"))
			db.Delete(fruits, []byte("0000001"))
			if left := db.flush(nil); left != 0 {
				t.Fatalf("%s: %d keys left; warnings %q", what, left, w.list)
			}
		}
		if got, ok := db.Get(fruits, []byte("0000002x"), nil); put != "" && (!ok || string(got) != "new") {
			t.Fatalf("%s: what was written is not there: %q; warnings %q", what, got, w.list)
		}
	}
	round("0000002x")
	round("")
	for _, suffix := range []string{"", ".damaged", ".lock"} {
		_ = os.Remove(path + suffix)
	}
	return found
}

func TestFlippedBytes(t *testing.T) {
	dir := t.TempDir()
	want := fill(t, filepath.Join(dir, "good.db"), 400)
	good, err := os.ReadFile(filepath.Join(dir, "good.db"))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	step, rare := 9001, 16
	if long.Wanted() {
		step, rare = 211, 1
	}
	sample := make(map[string]string)
	for key, value := range want {
		if len(sample) < 40 {
			sample[key] = value
		}
	}
	for i := 0; i < len(good); i++ {
		// Headers of pages and of their first element, meta pages, and samples of the rest.
		dense := i%page < 32 && i%5 == 0 || i < 2*page && i%page < 80 && i%2 == 0
		free := i >= 2*page+16 && i < 2*page+32 // the list of free pages
		if !free && (!dense || i%rare != 0) && i%step != 0 || allZero(good[i/page*page:][:page]) {
			continue
		}
		masks := []byte{1 << (i % 8), 0xFF}
		if !free {
			masks = masks[i%2:][:1]
		}
		for _, mask := range masks {
			bad := bytes.Clone(good)
			bad[i] ^= mask
			survives(t, filepath.Join(dir, "bad.db"), fmt.Sprintf("byte %d xor %#x", i, mask), bad, sample)
		}
	}
}

func allZero(p []byte) bool { return len(bytes.Trim(p, "\x00")) == 0 }

func TestTruncated(t *testing.T) {
	dir := t.TempDir()
	want := fill(t, filepath.Join(dir, "good.db"), 400)
	good, err := os.ReadFile(filepath.Join(dir, "good.db"))
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(good, "\x00")) // the file grows by more than it needs
	step := 2560
	if long.Wanted() {
		step = 512
	}
	for n := 0; n < used; n += step {
		survives(t, filepath.Join(dir, "bad.db"), fmt.Sprintf("cut to %d bytes", n), good[:n], want)
	}
	for _, junk := range [][]byte{{}, []byte("x"), append(magic(), bytes.Repeat([]byte("junk"), 10_000)...), append(magic(), make([]byte, 100_000)...)} {
		survives(t, filepath.Join(dir, "bad.db"), fmt.Sprintf("%d bytes of junk", len(junk)), junk, want)
	}
}

// TestFileIsSmall: bbolt would make a file of 16 MiB for the first entry.
func TestFileIsSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "small.db")
	fill(t, path, 10)
	if info, err := os.Stat(path); err != nil || info.Size() > 2<<20 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
}

// A loop among pages would make bbolt recurse until the program ends.
func TestLoopAmongPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	want := fill(t, path, 3000)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size, word := os.Getpagesize(), binary.NativeEndian
	harmed := 0
	for id := 2; id < len(file)/size; id++ { // each branch page leads to itself instead of to its fourth child
		if page := file[id*size:]; word.Uint64(page) == uint64(id) && word.Uint16(page[8:]) == 1 && word.Uint16(page[10:]) > 4 {
			word.PutUint64(page[16+3*16+8:], uint64(id))
			harmed++
		}
	}
	if harmed == 0 {
		t.Fatal("the file has no branch page")
	}
	survives(t, path, "a loop", file, want)
}

// setUsed marks path as one at which a run of ours has been.
func setUsed(t testing.TB, path string) {
	t.Helper()
	if err := os.WriteFile(path+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// magic is how a bbolt file begins: the first 16 bytes are the number and kind of the page.
func magic() []byte {
	return binary.NativeEndian.AppendUint32(append(make([]byte, 8), 4, 0, 0, 0, 0, 0, 0, 0), 0xED0CDAED)
}

// Files that are not ours are an error, and stay.
func TestForeignFiles(t *testing.T) {
	for name, content := range map[string][]byte{
		"text": []byte("to be or not to be"), "short": []byte("x"), "SQLite": append([]byte("SQLite format 3\x00"), make([]byte, 20_000)...),
		"damaged database": append(magic(), bytes.Repeat([]byte("junk"), 10_000)...),
	} {
		for _, readOnly := range []bool{false, true} {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			var w warnings
			opt := testOptions(&w)
			opt.ReadOnly = readOnly
			if _, err := Open(path, opt); !errors.Is(err, ErrForeign) {
				t.Errorf("%s: Open returned %v", name, err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
				t.Errorf("%s was changed: %v", name, err)
			}
			if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
				t.Errorf("%s: files were made beside it: %v, %v", name, files, err)
			}
		}
	}
}

func TestDamagedFileIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	setUsed(t, path)
	var w warnings
	for n := range 3 {
		bad := append(magic(), bytes.Repeat(fmt.Append(nil, "junk", n), 5000)...)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		w.list = nil
		db := mustOpen(t, path, testOptions(&w))
		db.Put(fruits, []byte("apple"), []byte("red"))
		db.Close()
		if diff := cmp.Diff([]string{WarnDamaged}, w.codes()); diff != "" {
			t.Error(diff, w.list)
		}
		kept, err := filepath.Glob(path + ".damaged*") // none replaces an earlier one
		if err != nil || len(kept) != n+1 {
			t.Fatalf("kept are %v, %v", kept, err)
		}
		if data, err := os.ReadFile(kept[n]); err != nil || !bytes.Equal(data, bad) {
			t.Errorf("the damaged file was not kept as %s: %v", kept[n], err)
		}
	}
	db := mustOpen(t, path, testOptions(&w))
	if diff := cmp.Diff(map[string]string{"apple": "red"}, content(t, db, fruits)); diff != "" {
		t.Error(diff)
	}
}

func TestNewerFormatIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	var w warnings
	opt := testOptions(&w)
	opt.Format = 2
	db := mustOpen(t, path, opt)
	db.Put(fruits, []byte("apple"), []byte("red"))
	db.Close()

	db = mustOpen(t, path, testOptions(&w))
	if got := content(t, db, fruits); len(got) > 0 {
		t.Errorf("read from a newer format: %v", got)
	}
	db.Put(fruits, []byte("pear"), []byte("green"))
	db.Close()
	if diff := cmp.Diff([]string{WarnNewer}, w.codes()); diff != "" {
		t.Error(diff, w.list)
	}
	kept := mustOpen(t, path+".newer", opt)
	if diff := cmp.Diff(map[string]string{"apple": "red"}, content(t, kept, fruits)); diff != "" {
		t.Error(diff)
	}
}

// A file that somebody cuts off while it is mapped is a page fault inside bbolt.
func TestCutOffWhileInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	want := fill(t, path, 3000)
	var w warnings
	opt := testOptions(&w)
	db := mustOpen(t, path, opt)
	if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	for key := range want {
		if v, ok := db.Get(fruits, []byte(key), nil); ok && string(v) != want[key] {
			t.Fatalf("%q became %q", want[key], v)
		}
	}
	db.Put(fruits, []byte("new"), []byte("one"))
	db.Close()
	if !slices.Contains(w.codes(), WarnDamaged) {
		t.Error("no warning:", w.list)
	}
	db = mustOpen(t, path, opt)
	if v, ok := db.Get(fruits, []byte("new"), nil); !ok || string(v) != "one" {
		t.Errorf("after it was set aside: %q, %v", v, ok)
	}
}

// TestPowerCut replays the writes of a batch and stops after each of them: the file must be what it was
// before the batch or after it. bbolt writes the pages in order, flushes, and then writes one meta page.
func TestPowerCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	keys := 500
	if long.Wanted() {
		keys = 1500
	}
	old := fill(t, path, keys)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var w warnings
	db := mustOpen(t, path, testOptions(&w))
	changed := make(map[string]string)
	for key, value := range old {
		changed[key] = value
		if len(changed)%10 == 0 {
			changed[key] = "changed " + key
			db.Put(fruits, []byte(key), []byte(changed[key]))
		}
	}
	db.Close()
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := os.Getpagesize()
	disk := append(bytes.Clone(before), make([]byte, max(0, len(after)-len(before)))...)
	cut := filepath.Join(t.TempDir(), "cut.db")
	try := func(what string, want map[string]string) {
		t.Helper()
		if err := os.WriteFile(cut, disk, 0o600); err != nil {
			t.Fatal(err)
		}
		var w warnings
		db := mustOpen(t, cut, testOptions(&w))
		if diff := cmp.Diff(want, content(t, db, fruits)); diff != "" {
			t.Fatalf("%s: %s", what, diff)
		}
		if len(w.list) > 0 {
			t.Fatalf("%s: %v", what, w.list)
		}
		db.Close()
	}
	for p := 2; p < len(after)/size; p++ {
		from, to := p*size, (p+1)*size
		if bytes.Equal(disk[from:to], after[from:to]) {
			continue
		}
		copy(disk[from:from+size/2], after[from:])
		try(fmt.Sprintf("half of page %d", p), old)
		copy(disk[from:to], after[from:])
		try(fmt.Sprintf("page %d", p), old)
	}
	for i := range 2 * size {
		if disk[i] == after[i] {
			continue
		}
		disk[i] = after[i]
		want := old
		if bytes.Equal(disk, after) {
			want = changed
		}
		try(fmt.Sprintf("byte %d of the meta pages", i), want)
	}
	try("all of it", changed)
}

func FuzzDamage(f *testing.F) {
	dir := f.TempDir()
	want := fill(f, filepath.Join(dir, "good.db"), 300)
	good, err := os.ReadFile(filepath.Join(dir, "good.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{1}, uint32(0xFFFFFFFF))
	f.Add(uint32(3*4096+8), []byte{1, 0, 9, 0}, uint32(0xFFFFFFFF))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, size uint32) {
		bad := bytes.Clone(good[:min(int(size), len(good))])
		if len(bad) > 0 {
			copy(bad[int(at)%len(bad):], patch)
		}
		survives(t, filepath.Join(t.TempDir(), "bad.db"), "fuzzed", bad, want)
	})
}
