package deps

import (
	"os"
	"path"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/flsync/flsync/internal/place"
)

func TestBlenderPath(t *testing.T) {
	const folder = "/projects/robot/shots"
	for _, test := range []struct {
		path, posix, windows string
	}{
		{"", "", ""},
		{"//", "", ""},
		{"  ", "", ""},
		{`\`, "", ""},
		{"//tex/a.png", folder + "/tex/a.png", `P:/shots/tex/a.png`},
		{"///tex/a.png", folder + "//tex/a.png", `P:/shots//tex/a.png`},
		{"//../tex/a.png", folder + "/../tex/a.png", `P:/shots/../tex/a.png`},
		{`//..\tex\a.png`, folder + "/../tex/a.png", `P:/shots/../tex/a.png`},
		{"/abs/a.png", "/abs/a.png", `P:/abs/a.png`},
		{`\abs\a.png`, "/abs/a.png", `P:/abs/a.png`},
		{`C:\tex\a.png`, "/c/tex/a.png", `C:/tex/a.png`},
		{`c:/tex/a.png`, "/c/tex/a.png", `c:/tex/a.png`},
		{`Z:\..\a.png`, "/z/../a.png", `Z:/../a.png`},
		{`\\server\share\a.png`, `\\server\share\a.png`, "//server/share/a.png"},
		{`\\server/share\a.png`, `\\server/share\a.png`, "//server/share/a.png"},
		{`//server\share\a.png`, folder + "/server/share/a.png", `P:/shots/server/share/a.png`},
		{`//C:\tex\a.png`, folder + "/C:/tex/a.png", `P:/shots/C:/tex/a.png`},
		{`C:tex\a.png`, folder + "/C:tex/a.png", `P:/shots/C:tex/a.png`},
		{"tex/a.png", folder + "/tex/a.png", `P:/shots/tex/a.png`},
		{"1:/a.png", folder + "/1:/a.png", `P:/shots/1:/a.png`},
		{"//caf\xe9.png", folder + "/caf\xe9.png", "P:/shots/caf\xe9.png"},
	} {
		if got := blenderPath(test.path, folder, false); got != test.posix {
			t.Errorf("%q is %q, want %q", test.path, got, test.posix)
		}
		if got := blenderPath(test.path, "P:/shots", true); got != test.windows {
			t.Errorf("%q on Windows is %q, want %q", test.path, got, test.windows)
		}
	}
}

// TestBlenderPathBase has blend files in places that are told from others by how they begin.
func TestBlenderPathBase(t *testing.T) {
	for _, test := range []struct {
		path, self string
		windows    bool
		want       string
	}{
		{"//tex/a.png", "/shot.blend", false, "/tex/a.png"},
		{`..\a.png`, "/shot.blend", false, "/../a.png"},
		{"//tex/a.png", `\\server\share\kit.blend`, false, `\\server\share/tex/a.png`},
		{"//tex/a.png", `\\kit.blend`, false, `\\/tex/a.png`},
		{"/tex/a.png", `\\server\share\kit.blend`, false, "/tex/a.png"},
		{"//tex/a.png", "P:/shot.blend", true, "P:/tex/a.png"},
		{`//..\tex\a.png`, "//server/share/shots/a.blend", true, "//server/share/shots/../tex/a.png"},
		{`D:\tex\a.png`, "//server/share/shots/a.blend", true, "D:/tex/a.png"},
	} {
		if got := blenderPath(test.path, folderOf(test.self), test.windows); got != test.want {
			t.Errorf("%q in %s is %q, want %q", test.path, test.self, got, test.want)
		}
	}
}

func TestPathWords(t *testing.T) {
	for _, test := range []struct{ folder, name, want string }{
		{"//", "a.png", "//a.png"},
		{"//tex", "a.png", "//tex/a.png"},
		{"//tex/", "a.png", "//tex/a.png"},
		{`//tex\`, "a.png", `//tex\a.png`},
		{"", "//a.png", "//a.png"},
	} {
		if got := joinName(test.folder, test.name); got != test.want {
			t.Errorf("%q and %q give %q, want %q", test.folder, test.name, got, test.want)
		}
	}
	if folder, name := splitPath(`//tex\a.png`); folder != `//tex\` || name != "a.png" {
		t.Errorf("split: %q %q", folder, name)
	}
	for path, want := range map[string]string{"/a/shot.blend": "shot", "/a/s.v1.blend": "s.v1", "/a/shot": "shot", "/a/sim.blend1": "sim."} {
		if got := stem(path); got != want {
			t.Errorf("stem of %q is %q", path, got)
		}
	}
	for path, want := range map[string]bool{
		"//a": true, "/a": true, `C:\a`: true, `\\s\a`: true, "hello": false, "": false, "a/b": false,
	} {
		if isRooted(path) != want {
			t.Errorf("isRooted(%q) is %v", path, !want)
		}
	}
}

func TestFolders(t *testing.T) {
	for _, test := range []struct{ path, clean, folder string }{
		{"/a/b/../c.png", "/a/c.png", "/a"},
		{"/c.png", "/c.png", "/"},
		{"//server/share/tex/../a.png", "//server/share/a.png", "//server/share"},
		{"C:/tex/./a.png", "C:/tex/a.png", "C:/tex"},
	} {
		clean := place.Clean(test.path)
		if clean != test.clean || folderOf(clean) != test.folder {
			t.Errorf("%s is %s in %s", test.path, clean, folderOf(clean))
		}
		if got := below(test.folder, path.Base(clean)); got != clean {
			t.Errorf("%s below %s is %s", path.Base(clean), test.folder, got)
		}
	}
}

// TestClean follows .. as the system does: after links.
func TestClean(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"far/away", "project/tex"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(root, "far", "away"), filepath.Join(root, "project", "link")); err != nil {
		t.Fatal(err)
	}
	d := newDisk(nil)
	for path, want := range map[string]string{
		"/project/tex/./a.png":          "/project/tex/a.png",
		"/project/tex/../a.png":         "/project/a.png",
		"/project/tex/../../a.png":      "/a.png",
		"/project/gone/../a.png":        "/project/a.png",
		"/project/link/a.png":           "/project/link/a.png",
		"/project/link/../b/a.png":      "/far/b/a.png",
		"/project/link/../../x.png":     "/x.png",
		"/project/tex/../link/../a.png": "/far/a.png",
	} {
		if got := d.clean(root + path); got != root+want {
			t.Errorf("%s is %s, want %s", path, got, root+want)
		}
	}
}
