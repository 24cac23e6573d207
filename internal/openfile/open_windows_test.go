package openfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/flsync/flsync/internal/openfile"
)

// Programs save by renaming a new file over the old one, which must work while we read the old one.
func TestOpenShares(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shot.blend")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !openfile.Same(seen, seen) {
		t.Fatal("a file is not the same as itself")
	}
	f, err := openfile.Open(path, seen)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+"1"); err != nil {
		t.Errorf("renamed while it is open: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openfile.Open(path, seen); !errors.Is(err, openfile.ErrReplaced) {
		t.Errorf("another file at the path: got %v, want ErrReplaced", err)
	}
	if _, err := openfile.Open(filepath.Dir(path), nil); !errors.Is(err, openfile.ErrNotRegular) {
		t.Errorf("a folder: got %v, want ErrNotRegular", err)
	}
}

// A file that another program keeps to itself for a moment is waited for.
func TestOpenWaitsForOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tex.exr")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := windows.CreateFile(name, windows.GENERIC_READ, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { windows.CloseHandle(handle) })
	f, err := openfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
