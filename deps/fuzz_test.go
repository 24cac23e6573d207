package deps

import (
	"path"
	"strings"
	"testing"

	"github.com/flsync/flsync/internal/place"
)

// FuzzNumbering: what a numbering makes of a name it finds again, and the name itself belongs to its
// numbering.
func FuzzNumbering(f *testing.F) {
	for _, name := range []string{"shot_0001.png", "r.001.beauty.png", ".0001", "0", "a.b.c", "frame99999999999999999999.exr", "é٣.png", "\xff1.x"} {
		f.Add(name, 12)
	}
	f.Fuzz(func(t *testing.T, name string, number int) {
		for _, find := range []func(string) (numbering, bool){lastNumber, anyNumber, frameNumber} {
			n, ok := find(name)
			if !ok {
				continue
			}
			if n.head+n.tail != name && !strings.HasPrefix(name, n.head) {
				t.Fatalf("%q: %+v", name, n)
			}
			if got, ok := n.match(name, place.Rules{}); ok && n.digits > 0 && n.name(got) != name {
				t.Errorf("%q: number %d is %q", name, got, n.name(got))
			}
			if number >= 0 && n.digits < 100 {
				if got, ok := n.match(n.name(number), place.Rules{}); !ok || got != number {
					t.Errorf("%q: %q is number %d, %v", name, n.name(number), got, ok)
				}
			}
		}
		tilePath(name, number)
		(&Reference{Form: FormTiles}).Cut(name)
		cacheFrame(name, 0)
	})
}

// FuzzBlenderPath: what Blender makes of a path is absolute, has slashes, and cleaning it twice is cleaning
// it once.
func FuzzBlenderPath(f *testing.F) {
	for _, p := range []string{"//tex/a.png", "///a", `C:\tex\a.png`, `\\server\share\a`, "..\\a", "//../../..", "/", " ", "//", "C:/", "\xff"} {
		f.Add(p, true)
		f.Add(p, false)
	}
	f.Fuzz(func(t *testing.T, p string, windows bool) {
		folder := "/project/shots"
		if windows {
			folder = "C:/project/shots"
		}
		got := blenderPath(p, folder, windows)
		if got == "" || isShare(p) {
			return
		}
		if !strings.HasPrefix(got, "/") && !(windows && place.IsDrive(got)) {
			t.Errorf("%q: %q is not absolute", p, got)
		}
		if strings.Contains(got, `\`) {
			t.Errorf("%q: %q has a backslash", p, got)
		}
		clean := place.Clean(got)
		if place.Clean(clean) != clean {
			t.Errorf("%q: %q cleans to %q, and that to %q", p, got, clean, place.Clean(clean))
		}
		if dir, name := splitPath(got); dir+name != got || strings.Contains(name, "/") {
			t.Errorf("%q: folder %q, name %q", got, dir, name)
		}
		_, _, _ = folderOf(got), stem(got), path.Base(got)
	})
}
