package deps

import "testing"

// TestCleanPath stays in its drive or share, whatever climbs.
func TestCleanPath(t *testing.T) {
	for p, want := range map[string]string{
		"/a/./b/../c":                     "/a/c",
		"/../a":                           "/a",
		"C:/a/../../lib/robot.blend":      "C:/lib/robot.blend",
		"C:/":                             "C:/",
		"//server/share/a/../../../b.png": "//server/share/b.png",
		"//server/share/a//b.png":         "//server/share/a/b.png",
		"/c:/a":                           "/c:/a",
	} {
		if got := cleanPath(p); got != want {
			t.Errorf("%s is %s, want %s", p, got, want)
		}
	}
	if got := folderOf("C:/a.blend"); got != "C:/" {
		t.Error(got)
	}
}
