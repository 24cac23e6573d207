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
