//go:build unix

package blend

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// TestPipe does not wait for the other end of a pipe.
func TestPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "shot.blend")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := Open(t.Context(), pipe, Options{}); !errors.Is(err, ErrNotBlend) {
		t.Error(err)
	}
}
