package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestMake(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	var made []string
	note := func(dir string) error { made = append(made, dir); return nil }
	for range 2 {
		if err := Make(deep, 0o777, note); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{filepath.Join(root, "a"), deep}; !slices.Equal(made, want) {
		t.Errorf("made %v, want %v", made, want)
	}
	if err := Make(filepath.Join(root, "c"), 0o777, func(string) error { return fs.ErrPermission }); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the error of made is lost: %v", err)
	}
}

func TestSetModeKeepsGroup(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("folders of Windows have no such bit")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, fs.ModeSetgid|0o700); err != nil {
		t.Fatal(err)
	}
	if err := SetMode(dir, 0o775); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode()&fs.ModeSetgid == 0 || info.Mode().Perm() != 0o775 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
