package openfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/openfile"
)

func TestCompactKeepsWhatIsCompared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	if err := os.WriteFile(path, []byte("four"), 0o640); err != nil {
		t.Fatal(err)
	}
	whole, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := openfile.Compact(path, whole)
	if kept.Name() != whole.Name() || kept.Size() != whole.Size() || kept.Mode() != whole.Mode() || kept.IsDir() ||
		!kept.ModTime().Equal(whole.ModTime()) || !openfile.Same(kept, whole) || hashcache.StampOf(kept) != hashcache.StampOf(whole) {
		t.Errorf("kept %+v of %+v", kept, whole)
	}
}

// TestList: what a listing says is what os.Lstat does, for each kind of entry.
func TestList(t *testing.T) {
	dir := t.TempDir()
	err := errors.Join(os.WriteFile(filepath.Join(dir, "file"), []byte("four"), 0o640), os.Mkdir(filepath.Join(dir, "folder"), 0o750),
		os.Symlink("file", filepath.Join(dir, "link")), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	open, oerr := os.Open(dir)
	if err := errors.Join(err, oerr); err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	seen := 0
	for err == nil {
		_, err = openfile.List(open, dir, 3, func(name string, info fs.FileInfo, err error) {
			whole, lerr := os.Lstat(filepath.Join(dir, name))
			if err := errors.Join(err, lerr); err != nil {
				t.Fatal(err)
			}
			seen++
			if info.Name() != name || info.Size() != whole.Size() || info.Mode() != whole.Mode() || info.IsDir() != whole.IsDir() ||
				!info.ModTime().Equal(whole.ModTime()) || !openfile.Same(info, whole) || hashcache.StampOf(info) != hashcache.StampOf(whole) {
				t.Errorf("%s: listed as %+v, is %+v", name, info, whole)
			}
		})
	}
	if !errors.Is(err, io.EOF) || seen != 4 {
		t.Errorf("%d entries, error %v", seen, err)
	}
}

// TestListVanishes: an entry that goes away while its folder is read costs none of the others.
func TestListVanishes(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a", "b", "c"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	var found, gone []string
	n, err := openfile.List(open, dir, -1, func(name string, _ fs.FileInfo, err error) {
		if errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, name)
			return
		} else if err != nil {
			t.Error(err)
		}
		if found = append(found, name); len(found) == 1 { // the second of the listing is not looked at yet
			for _, other := range slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == name })[:1] {
				if err := os.Remove(filepath.Join(dir, other)); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	if err != nil || n != 3 || len(found) != 2 || len(gone) != 1 {
		t.Errorf("%d entries, found %q, gone %q, error %v", n, found, gone, err)
	}
}
