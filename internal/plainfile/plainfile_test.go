package plainfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("four"), 0o600), os.Symlink(file, link)); err != nil {
		t.Skip(err) // of Windows without the right to make links
	}
	for _, test := range []struct {
		path  string
		limit int64
		want  error // nil for the text
	}{{file, 4, nil}, {link, 4, nil}, {dir, 4, ErrKind}, {os.DevNull, 4, ErrKind}, {filepath.Join(dir, "gone"), 4, fs.ErrNotExist}} {
		text, err := Read(test.path, test.limit)
		if !errors.Is(err, test.want) || err == nil && string(text) != "four" {
			t.Errorf("%s: %q, %v, want %v", test.path, text, err, test.want)
		}
	}
	if _, err := Read(file, 3); err == nil {
		t.Error("a file beyond the limit was read")
	}
}
