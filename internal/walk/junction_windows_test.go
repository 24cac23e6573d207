package walk

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestJunctions: a junction is followed as a link is. Wine makes none.
func TestJunctions(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "real", "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"in": filepath.Join(root, "real"), "out": outside, `real\loop`: root} {
		if out, err := exec.Command("cmd", "/c", "mklink", "/J", filepath.Join(root, name), target).CombinedOutput(); err != nil {
			t.Skipf("mklink /J: %v: %s", err, out)
		}
	}
	var w warnings
	got, err := collect(t, Options{Root: root}, &w)
	if want := []string{"in/f", "real/f"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	w.want(t, CodeLinkOutside+" out", CodeLoop+" real/loop", CodeLoop+" in/loop")
}
