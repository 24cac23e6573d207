package pack

import (
	"path"
	"strings"
	"testing"
)

func TestOutsideName(t *testing.T) {
	for p, want := range map[string]string{
		"/mnt/lib/a.png":       "mnt/lib/a.png",
		"/a.png":               "a.png",
		"/":                    "",
		"C:/lib/a.png":         "C/lib/a.png",
		"c:/lib/a.png":         "C/lib/a.png",
		"//server/share/a.png": "unc/server/share/a.png",
		"/home/ü/ä b/日本.png":   "home/ü/ä b/日本.png",
	} {
		if got := outsideName(p); got != want {
			t.Errorf("outsideName(%q) = %q, want %q", p, got, want)
		}
	}
}

func TestParent(t *testing.T) {
	for p, want := range map[string]string{
		"/a/b.png": "/a", "/a": "/", "C:/a": "C:/", "C:/a/b": "C:/a", "//server/share/a": "//server/share",
	} {
		if got := parent(p); got != want {
			t.Errorf("parent(%q) = %q, want %q", p, got, want)
		}
	}
}

func TestSendable(t *testing.T) {
	for name, want := range map[string]string{
		"plain.png":         "plain.png",
		"ü日本🎬.png":          "ü日本🎬.png",
		"caf\xe9.png":       "caf%E9.png",
		"\xff\xfe/\x80.png": "%FF%FE/%80.png",
		"50%.png":           "50%.png",
	} {
		if got := sendable(name); got != want {
			t.Errorf("sendable(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestRelative(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{".", "tex/a.png", "tex/a.png"},
		{".", ".", ""},
		{"shots", "shots", ""},
		{"shots", "shots/a.png", "a.png"},
		{"shots", "tex/a.png", "../tex/a.png"},
		{"shots/sq010", "_outside_project/mnt/a.png", "../../_outside_project/mnt/a.png"},
		{"shots/sq010", ".", "../.."},
		{"a/b", "a/bc", "../bc"},
	} {
		got := relative(c.from, c.to)
		if got != c.want {
			t.Errorf("relative(%q, %q) = %q, want %q", c.from, c.to, got, c.want)
		}
		if back := follow(c.from, "//"+got); back != c.to {
			t.Errorf("//%s from %s leads to %q, want %q", got, c.from, back, c.to)
		}
	}
}

func TestFollow(t *testing.T) {
	for _, c := range []struct{ base, p, want string }{
		{"shots", "//a.png", "shots/a.png"},
		{"shots", `//..\tex\a.png`, "tex/a.png"},
		{"shots", "//../../up.png", "../up.png"},
		{".", "///c/w.png", "c/w.png"},
		{"shots", "//", "shots"},
	} {
		if got := follow(c.base, c.p); got != c.want {
			t.Errorf("follow(%q, %q) = %q, want %q", c.base, c.p, got, c.want)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct{ p, base, want string }{
		{"//tex/a.png", "/proj", "/proj/tex/a.png"},
		{`//..\tex\a.png`, "/proj/shots", "/proj/tex/a.png"},
		{"/abs/../b.png", "/proj", "/b.png"},
		{"bare/a.png", "/proj", "/proj/bare/a.png"},
		{`C:\tex\a.png`, "/proj", "/c/tex/a.png"},
		{`C:\tex\a.png`, "D:/proj", "C:/tex/a.png"},
		{`\\server\share\a.png`, "D:/proj", "//server/share/a.png"},
		{`\\server\share\..\a.png`, "//other/proj", "//server/share/a.png"},
		{`/\tex\a.png`, "/proj", "/tex/a.png"},
		{`//server\a.png`, "/proj", "/proj/server/a.png"},
		{`D:\tex\a.png`, "//server/share/proj", "D:/tex/a.png"},
		{"/tex/a.png", "D:/proj", "D:/tex/a.png"},
		{"//tex/a.png", "//server/share/proj", "//server/share/proj/tex/a.png"},
	} {
		if got := resolve(c.p, c.base); got != c.want {
			t.Errorf("resolve(%q, %q) = %q, want %q", c.p, c.base, got, c.want)
		}
	}
}

func TestShared(t *testing.T) {
	shared := Shared{"/mnt/farm", `S:\`, `\\nas\render`, "/Volumes/farm/"}
	if err := shared.Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		value, abs string
		want       bool
	}{
		{"/mnt/farm/tex/a.png", "/mnt/farm/tex/a.png", true},
		{"/mnt/farm", "/mnt/farm", true},
		{"/mnt/../mnt/farm/a.png", "/mnt/farm/a.png", true},
		{"/mnt/farmer/a.png", "/mnt/farmer/a.png", false},
		{"/mnt/farm/../other/a.png", "/mnt/other/a.png", false},
		{"/Volumes/farm/a.png", "", true},
		{"//../../mnt/farm/a.png", "/mnt/farm/a.png", false}, // would not lead there from a checkout
		{`S:\tex\a.png`, "/s/tex/a.png", true},
		{"s:/tex/a.png", "", true},
		{`T:\tex\a.png`, "", false},
		{`\\NAS\Render\a.png`, "", true},
		{`\\nas\renders\a.png`, "", false},
		{"//nas/render/a.png", "/proj/nas/render/a.png", false}, // relative to the blend file
		{"", "/mnt/farm/blendcache_x/a.bphys", false},
	} {
		if got := shared.Holds(c.value, c.abs); got != c.want && c.value != "" {
			t.Errorf("Holds(%q, %q) = %v", c.value, c.abs, got)
		}
	}
	for _, bad := range []string{"/", "", ".", "relative/folder", "/mnt/.."} {
		if (Shared{bad}).Validate() == nil {
			t.Errorf("shared storage %q is accepted", bad)
		}
	}
}

// FuzzRelative holds that a path that was made relative leads back.
func FuzzRelative(f *testing.F) {
	f.Add("shots/sq010", "tex/wood.png")
	f.Add(".", "_outside_project/C/a b/ü.png")
	f.Fuzz(func(t *testing.T, from, to string) {
		from, to = path.Join(".", from), path.Join(".", to)
		for _, p := range []string{from, to} {
			if strings.HasPrefix(p, "..") || strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\\\x00") {
				return
			}
		}
		if back := follow(from, "//"+relative(from, to)); back != to {
			t.Errorf("from %q to %q goes by %q, which leads to %q", from, to, relative(from, to), back)
		}
	})
}
