package gate

import "testing"

func TestFold(t *testing.T) {
	for _, pair := range [][2]string{
		{"wood.png", "WOOD.Png"}, {"é", "e\u0301"}, {"É", "e\u0301"}, {"Straße", "STRASSE"}, {"ﬁle", "file"}, {"Σ", "ς"}, {"Å", "\u212b"},
	} {
		if Fold(pair[0]) != Fold(pair[1]) {
			t.Errorf("%q and %q are one name", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"a", "b"}, {"é", "e"}, {"a[", "a{"}, {"a@", "a`"}} {
		if Fold(pair[0]) == Fold(pair[1]) {
			t.Errorf("%q and %q are two names", pair[0], pair[1])
		}
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		dir, path string
		want      bool
	}{
		{"/a", "/a", true}, {"/a", "/a/b", true}, {"/a", "/ab", false}, {"/a", "/", false}, {"/a/b", "/a", false}, {"/", "/a", true}, {"/", "/", true},
		{"C:/a", "C:/a/b", true}, {"C:/a", "C:/ab", false}, {"C:/", "C:/a", true}, {"C:/a", "D:/a", false},
	} {
		if got := Within(c.dir, c.path); got != c.want {
			t.Errorf("Within(%q, %q) = %v", c.dir, c.path, got)
		}
	}
}
