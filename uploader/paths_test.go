package uploader

import (
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"
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
