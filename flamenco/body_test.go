package flamenco

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestUnreadable: a file whose position the system has moved on is not one that got shorter.
func TestUnreadable(t *testing.T) {
	for _, tt := range []struct {
		name          string
		length, size  int64 // of the file now, and as announced
		left          int64
		position      int64
		wantShortened bool
	}{
		{"the connection broke, nothing was sent", 10, 10, 10, 10, false},
		{"it broke in the middle", 10, 10, 4, 10, false},
		{"all was sent", 10, 10, 0, 10, false},
		{"the file got shorter", 5, 10, 5, 5, true},
	} {
		path := filepath.Join(t.TempDir(), "a.bin")
		if err := os.WriteFile(path, make([]byte, tt.length), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.Seek(tt.position, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		source := &bodySource{size: tt.size}
		body := &fileBody{contents: file, file: file, left: tt.left, source: source}
		if got := body.unreadable(); got != tt.wantShortened || got != errors.Is(source.failure(), io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v, %v", tt.name, got, source.failure())
		}
	}
}
