package pack

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWriteOverOpenFile holds that a file which another run has made, and is sending, is used: Windows
// refuses to rename over it.
func TestWriteOverOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.blend")
	if err := os.WriteFile(path, []byte("contents"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	err = writeAtomically(path, func(f *os.File) error {
		_, err := f.WriteString("contents")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
