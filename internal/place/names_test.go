package place

import (
	"strings"
	"testing"
)

func TestForWindows(t *testing.T) {
	long := strings.Repeat("x", 200)
	for rel, bad := range map[string]bool{
		"tex/wood.png": false, "tex/con": true, "CON.png": true, "aux.tar.gz": true, "Nul .txt": true, "nul/x": true, "console.png": false, "con1": false,
		"com1.exr": true, "com10": false, "COM²": true, "lpt0": true, "com": false, "lpt": false, "a.com1": false,
		"a:b.exr": true, "a?": true, "a*b": true, `a"b`: true, "a<b": true, "a|b": true, "tab\t": true,
		"x .png": false, "x.": true, "x ": true, "dir./x": true, ".hidden": false, " x": false, "...": true,
		"日本/é.png": false, long: false, long + "/" + long[:55]: false, long + "/" + long[:56]: true, strings.Repeat("日", 255): false, strings.Repeat("😀", 130): true,
	} {
		if err := ForWindows("S:/", rel); (err != nil) != bad {
			t.Errorf("%q: got %v", rel, err)
		}
	}
}
