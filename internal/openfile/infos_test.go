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

// listed is an entry of a listing that gives ids, or none, whatever this system's listings do.
type listed struct {
	fs.DirEntry
	path   string
	hasIDs bool
}

func (l listed) Info() (fs.FileInfo, error) {
	info, err := os.Lstat(l.path)
	if !l.hasIDs {
		info = noID{info}
	}
	return info, err
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
			info, err := infoOf(listed{e, filepath.Join(dir, e.Name()), hasIDs})
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
