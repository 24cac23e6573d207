package main

import "testing"

func TestCutFolder(t *testing.T) {
	for _, tt := range []struct{ of, folder, rest string }{
		{"/a/b/c", "/a", "b/c"}, {"/a", "/a", "."}, {"/ab", "/a", ""}, {"/A/b", "/a", ""}, {"/x", "", "x"},
		{"R:/Render/x", "r:/render", "x"}, {"R:/x", "r:", "x"}, {"//SRV/share/x", "//srv/Share", "x"}, {"//srv/share2/x", "//srv/share", ""},
	} {
		rest, ok := cutFolder(tt.of, tt.folder)
		if ok != (tt.rest != "") || rest != tt.rest {
			t.Errorf("%s below %s: got %q, %v", tt.of, tt.folder, rest, ok)
		}
	}
}
