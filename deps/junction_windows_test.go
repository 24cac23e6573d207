package deps

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJunction: a folder of a cache that is a junction is read as a link is. Wine makes none.
func TestJunction(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	write(t, dir, "real/config_0001.uni", "fluid/x")
	link := filepath.Join(dir, "fluid", "data")
	if out, err := exec.Command("cmd", "/c", "mklink", "/J", link, filepath.Join(dir, "real")).CombinedOutput(); err != nil {
		t.Skipf("mklink /J: %v: %s", err, out)
	}
	want := []entry{{"data", true}, {"x", false}}
	if diff := cmp.Diff(want, newDisk(nil).list(dir+"/fluid"), cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
