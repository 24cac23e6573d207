package openfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/flsync/flsync/internal/openfile"
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
	}{{file, 4, nil}, {link, 4, nil}, {dir, 4, openfile.ErrNotRegular}, {os.DevNull, 4, openfile.ErrNotRegular}, {filepath.Join(dir, "gone"), 4, fs.ErrNotExist}} {
		text, err := openfile.Read(test.path, test.limit)
		if !errors.Is(err, test.want) || err == nil && string(text) != "four" {
			t.Errorf("%s: %q, %v, want %v", test.path, text, err, test.want)
		}
	}
	if _, err := openfile.Read(file, 3); err == nil {
		t.Error("a file beyond the limit was read")
	}
}
