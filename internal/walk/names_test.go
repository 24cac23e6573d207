package walk

import (
	"strings"
	"testing"
)

func TestCheckRel(t *testing.T) {
	for rel, ok := range map[string]bool{
		"a": true, "a/b.c": true, "ä/雪": true, "...": true, "a..b/c": true, "-": true, "a/c:d": true, "1:2": true, "line\nfeed": true,
		"": false, "/a": false, "a/": false, "a//b": false, ".": false, "..": false, "../a": false, "a/..": false, "a/../b": false, "a/./b": false,
		"c:": false, "C:/a": false, "c:a": false, `a\b`: false, `\a`: false, `..\a`: false, "a\x00b": false, "a/\x00": false, "\xff": false,
	} {
		if err := CheckRel(rel); (err == nil) != ok {
			t.Errorf("CheckRel(%q) = %v", rel, err)
		}
	}
}

func FuzzCheckRel(f *testing.F) {
	f.Add("a/../b")
	f.Fuzz(func(t *testing.T, rel string) {
		if CheckRel(rel) != nil {
			return
		}
		for _, part := range strings.FieldsFunc("/"+rel+"/", func(r rune) bool { return r == '/' || r == '\\' }) {
			if part == ".." || part == "." {
				t.Errorf("%q was accepted", rel)
			}
		}
	})
}

func TestFoldName(t *testing.T) {
	for _, pair := range [][2]string{
		{"wood.png", "WOOD.Png"}, {"é", "e\u0301"}, {"É", "e\u0301"}, {"Straße", "STRASSE"}, {"ﬁle", "file"}, {"Σ", "ς"}, {"Å", "\u212b"},
	} {
		if FoldName(pair[0]) != FoldName(pair[1]) || foldHash(pair[0]) != foldHash(pair[1]) {
			t.Errorf("%q and %q are one name", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"a", "b"}, {"é", "e"}, {"a[", "a{"}, {"a@", "a`"}} {
		if FoldName(pair[0]) == FoldName(pair[1]) || foldHash(pair[0]) == foldHash(pair[1]) {
			t.Errorf("%q and %q are two names", pair[0], pair[1])
		}
	}
}

func TestWindowsProblem(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "con1": true, "console": true, "com": true, "com10": true, "lpt0": true, "null.txt": true, ".con": true, "a.con": true, " a": true,
		"con": false, "CON.png": false, "nul.tar.gz": false, "Aux": false, "com1": false, "LPT9.x": false, "com¹": false, "prn .x": false,
		"a.": false, "a ": false, "a?b": false, "a:b": false, "a|b": false, "a\nb": false, `a"b`: false, "a*": false, "<a>": false,
		strings.Repeat("x", 255): true, strings.Repeat("x", 256): false, strings.Repeat("😀", 128): false, strings.Repeat("ä", 255): true,
	} {
		if got := WindowsProblem(name); (got == "") != ok {
			t.Errorf("WindowsProblem(%q) = %q", name, got)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		root, path string
		sep        byte
		want       bool
	}{
		{"/a", "/a", '/', true}, {"/a", "/a/b", '/', true}, {"/a", "/ab", '/', false}, {"/a", "/", '/', false}, {"/a/b", "/a", '/', false},
		{"/", "/a", '/', true}, {"/", "/", '/', true},
		{`C:\a`, `C:\a\b`, '\\', true}, {`C:\a`, `C:\ab`, '\\', false}, {`C:\`, `C:\a`, '\\', true}, {`C:\a`, `D:\a`, '\\', false},
	} {
		if got := within(c.root, c.path, c.sep); got != c.want {
			t.Errorf("within(%q, %q) = %v", c.root, c.path, got)
		}
	}
}

func BenchmarkFoldHash(b *testing.B) {
	for name, s := range map[string]string{"ascii": "frame.0001.exr", "unicode": "bäume.0001.exr"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				foldHash(s)
			}
		})
	}
}
