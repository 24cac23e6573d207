package openfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// noID is a FileInfo of a listing that does not give the file's id.
type noID struct{ fs.FileInfo }

func (noID) Sys() any { return nil }

type listed struct{ fs.DirEntry }

func (l listed) Info() (fs.FileInfo, error) {
	info, err := l.DirEntry.Info()
	return noID{info}, err
}

// TestInfos: a volume whose listings have no file ids, as FAT, ReFS and Wine have none.
func TestInfos(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, hasIDs := range []bool{true, false} {
		looks := 0
		lstat := func(path string) (fs.FileInfo, error) { looks++; return os.Lstat(path) }
		same := func(a, b fs.FileInfo) bool {
			_, lacks := a.(noID)
			return !lacks && os.SameFile(a, b)
		}
		infoOf := infos(dir, lstat, same)
		for _, e := range entries {
			if !hasIDs {
				e = listed{e}
			}
			info, err := infoOf(e)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Open(filepath.Join(dir, e.Name()), info)
			if err != nil {
				t.Errorf("listing with ids %v: %v", hasIDs, err)
				continue
			}
			f.Close()
		}
		if want := map[bool]int{true: 1, false: 3}[hasIDs]; looks != want {
			t.Errorf("listing with ids %v: looked at %d files, want %d", hasIDs, looks, want)
		}
	}
}
