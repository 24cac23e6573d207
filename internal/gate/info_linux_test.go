package gate

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/openfile"
)

func TestCompactKeepsWhatIsCompared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	if err := os.WriteFile(path, []byte("four"), 0o640); err != nil {
		t.Fatal(err)
	}
	whole, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	kept := compact(path, whole)
	if kept.Name() != whole.Name() || kept.Size() != whole.Size() || kept.Mode() != whole.Mode() || kept.IsDir() ||
		!kept.ModTime().Equal(whole.ModTime()) || !openfile.Same(kept, whole) || hashcache.StampOf(kept) != hashcache.StampOf(whole) {
		t.Errorf("kept %+v of %+v", kept, whole)
	}
}
