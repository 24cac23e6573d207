package uploader

import (
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flsync/flsync/flamenco/api"
)

func TestCheckPath(t *testing.T) {
	long := strings.Repeat("a", 255)
	for path, reason := range map[string]string{
		"shot.blend":                       "",
		"tex/wood grain.png":               "",
		"tex/Holz-Maserung ü 木.png":        "",
		"..hidden/...":                     "",
		"a:b":                              "has a drive letter", // of a Windows Manager
		"ab:c":                             "",
		long:                               "",
		long + "b":                         "has a component of more than 255 bytes",
		strings.Repeat(long+"/", 16) + "a": "is longer than 4095 bytes",
		"":                                 "is empty",
		"/etc/passwd":                      "is absolute",
		"//host/share":                     "is absolute",
		"C:/x":                             "has a drive letter",
		"z:x":                              "has a drive letter",
		"..":                               `has the component ".."`,
		"../x":                             `has the component ".."`,
		"a/../b":                           `has the component ".."`,
		"a/..":                             `has the component ".."`,
		"./a":                              `has the component "."`,
		"a/./b":                            `has the component "."`,
		"a//b":                             "has an empty component",
		"a/":                               "has an empty component",
		`a\b`:                              "has a backslash",
		`..\a`:                             "has a backslash",
		"a\x00b":                           "has the control character U+0000",
		"a\nb":                             "has the control character U+000A",
		"a\x7f":                            "has the control character U+007F",
		"a\u0085":                          "has the control character U+0085",
		"a\xff":                            "is not valid UTF-8",
	} {
		if got := badPath(path); got != reason {
			t.Errorf("%.60q: %q, want %q", path, got, reason)
		}
	}
}

// TestCheckFiles: what is wrong is found whatever the order of the files is.
func TestCheckFiles(t *testing.T) {
	digits := strings.Repeat("0123456789abcdef", 4)
	file := func(path string, size int64) api.ShamanFileSpec {
		return api.ShamanFileSpec{Path: path, Sha: digits, Size: size}
	}
	for name, c := range map[string]struct {
		files []api.ShamanFileSpec
		want  string
	}{
		"none":              {nil, ""},
		"in order":          {[]api.ShamanFileSpec{file("a", 1), file("b/c", 1), file("b/d", 1), file("b-", 1)}, ""},
		"twice":             {[]api.ShamanFileSpec{file("b", 1), file("a", 1), file("b", 1)}, ""},
		"of two sizes":      {[]api.ShamanFileSpec{file("b", 1), file("c", 1), file("a", 1), file("b", 2)}, "two files of different content"},
		"of two digests":    {[]api.ShamanFileSpec{file("b", 1), file("a", 1), {Path: "b", Sha: digits[1:] + "0", Size: 1}}, "two files of different content"},
		"below a file":      {[]api.ShamanFileSpec{file("a/b/c", 1), file("a-", 1), file("a", 1)}, `lies below "a", which is a file`},
		"upper-case digest": {[]api.ShamanFileSpec{{Path: "a", Sha: "A" + digits[1:]}}, "other than lower-case hex digits"},
		"no hex digest":     {[]api.ShamanFileSpec{{Path: "a", Sha: digits[1:] + "g"}}, "other than lower-case hex digits"},
		"short digest":      {[]api.ShamanFileSpec{{Path: "a", Sha: digits[1:]}}, "is not 64 hex digits"},
	} {
		keys, err := checkFiles(c.files)
		if c.want == "" && (err != nil || len(keys) != len(c.files)) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %d keys, %v, want %q", name, len(keys), err, c.want)
		}
		for _, k := range keys {
			if want := (key{[16]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}, 1}); k != want {
				t.Errorf("%s: key %x", name, k)
			}
		}
	}
}

func TestCheckoutName(t *testing.T) {
	for text, want := range map[string]string{
		"film/sh010":                    "film/sh010",
		"sq020: shot*":                  "sq020_ shot_",
		"../../etc":                     "etc",
		"/abs/olute/":                   "abs/olute",
		`C:\films\x`:                    "C__films_x",
		"":                              "checkout",
		" . /..":                        "checkout",
		"täst/木":                        "täst/木",
		"a\nb\xff":                      "a_b_",
		strings.Repeat("ü", 200) + "/x": strings.Repeat("ü", 95) + "/x",
	} {
		if got := CheckoutName(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzCheckPath(f *testing.F) {
	for _, seed := range []string{"a/b", "../x", `a\..\b`, "C:/x", "a\x00", "a//b", ".", "ü/木", "a/.. /b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if CheckPath(path) != nil {
			return
		}
		if !fs.ValidPath(path) || path == "." || !utf8.ValidString(path) || strings.ContainsAny(path, "\\\x00\n\r") {
			t.Errorf("%q was accepted", path)
		}
	})
}

func FuzzCheckoutName(f *testing.F) {
	for _, seed := range []string{"film/sh010", "../..", "a*?", " . ", strings.Repeat("x/", 3000), strings.Repeat("木", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := CheckoutName(text)
		if err := checkCheckoutPath(name); err != nil {
			t.Errorf("%q became %q: %v", text, name, err)
		}
		if again := CheckoutName(name); again != name {
			t.Errorf("%q became %q, and that %q", text, name, again)
		}
	})
}
