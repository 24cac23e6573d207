package place

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

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

// The rules of the systems: Linux, Windows (NTFS), macOS (APFS), and APFS where somebody wants case to count.
var (
	onLinux   = Rules{}
	onWindows = Rules{Case: true}
	onMac     = Rules{Case: true, Form: true}
	onAPFS    = Rules{Form: true}
)

func TestKey(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same []Rules
	}{
		{"a.png", "A.PNG", []Rules{onWindows, onMac}},
		{"Ä.png", "ä.png", []Rules{onWindows, onMac}},
		{"é.png", "e\u0301.png", []Rules{onMac, onAPFS}},
		{"É.png", "e\u0301.png", []Rules{onMac}},
		{"straße", "STRASSE", []Rules{onMac}}, // NTFS compares letter by letter
		{"a.png", "b.png", nil},
	} {
		for _, r := range []Rules{onLinux, onWindows, onMac, onAPFS} {
			if got := r.Key(c.a) == r.Key(c.b); got != slices.Contains(c.same, r) {
				t.Errorf("%q and %q by %+v: same is %v", c.a, c.b, r, got)
			}
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		rules                    Rules
		name, prefix, suffix     string
		afterPrefix, beforeSuffx string // "-" for none
	}{
		{onLinux, "Frame_01.PNG", "frame_", ".png", "-", "-"},
		{onLinux, "frame_01.png", "frame_", ".png", "01.png", "frame_01"},
		{onWindows, "Frame_01.PNG", "frame_", ".png", "01.PNG", "Frame_01"},
		{onWindows, "Frame", "frames", "xframe", "-", "-"},
		{onWindows, "É_01.ÄXR", "é_", ".äxr", "01.ÄXR", "É_01"},
		{onWindows, "e\u0301_01.x", "é_", "", "-", "e\u0301_01.x"},
		{onMac, "e\u0301_01.x", "É_", "1.X", "01.x", "e\u0301_0"},
		{onAPFS, "e\u0301_01.x", "é_", ".X", "01.x", "-"},
		{onMac, "e\u0301", "e", "", "\u0301", "e\u0301"}, // the exact prefix counts first
	} {
		none := func(s string, ok bool) string {
			if !ok {
				return "-"
			}
			return s
		}
		if got := none(c.rules.CutPrefix(c.name, c.prefix)); got != c.afterPrefix {
			t.Errorf("%+v: %q behind %q: got %q, want %q", c.rules, c.name, c.prefix, got, c.afterPrefix)
		}
		if got := none(c.rules.CutSuffix(c.name, c.suffix)); got != c.beforeSuffx {
			t.Errorf("%+v: %q before %q: got %q, want %q", c.rules, c.name, c.suffix, got, c.beforeSuffx)
		}
	}
}

func TestBelow(t *testing.T) {
	for _, c := range []struct {
		rules     Rules
		dir, path string
		want      string // "-" for none
	}{
		{onLinux, "/a", "/a", "."}, {onLinux, "/a", "/a/b", "b"}, {onLinux, "/a", "/ab", "-"}, {onLinux, "/a", "/", "-"}, {onLinux, "/a/b", "/a", "-"},
		{onLinux, "/", "/a", "a"}, {onLinux, "/", "/", "."}, {onLinux, "/A", "/a/b", "-"},
		{onLinux, "C:/a", "C:/a/b", "b"}, {onLinux, "C:/a", "C:/ab", "-"}, {onLinux, "C:/", "C:/a", "a"}, {onLinux, "C:/a", "D:/a", "-"},
		{onWindows, "C:/Proj", "c:/PROJ/Tex/a.png", "Tex/a.png"}, {onWindows, "//srv/x", "//SRV/X/y", "y"}, {onWindows, "C:/Proj", "c:/PROJECT", "-"},
		{onMac, "/V/Bäume", "/v/BA\u0308UME/x", "x"}, {onWindows, "/V/Bäume", "/v/BA\u0308UME/x", "-"},
	} {
		got, ok := c.rules.Below(c.dir, c.path)
		if !ok {
			got = "-"
		}
		if got != c.want {
			t.Errorf("%+v: %q below %q: got %q, want %q", c.rules, c.path, c.dir, got, c.want)
		}
	}
}

func TestProbe(t *testing.T) {
	for name, c := range map[string]struct {
		usual Rules
		names []string
		disk  Rules // what the volume does
		want  Rules
	}{
		"nothing to see":           {onMac, nil, onLinux, onMac},
		"nothing that has letters": {onWindows, []string{"1", "2"}, onLinux, onWindows},
		"Linux":                    {onLinux, []string{"1", "a", "é"}, onLinux, onLinux},
		"a share that ignores":     {onLinux, []string{"a", "é"}, onMac, onMac},
		"macOS, case counts":       {onMac, []string{"a", "é"}, onAPFS, onAPFS},
		"no accent":                {onMac, []string{"a"}, onWindows, onMac},
		"Windows":                  {onWindows, []string{"a", "e\u0301"}, onWindows, onWindows},
	} {
		same := func(name, other string) (bool, bool) { return c.disk.Key(name) == c.disk.Key(other), true }
		if got := probe(c.names, c.usual, same); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	for p, want := range map[string]string{
		"/a/../b": "/b", "/a/./b/../c": "/a/c", "/../../x": "/x", "/": "/",
		"C:/a/../b": "C:/b", "C:/../../lib/x": "C:/lib/x", "c:/..": "c:/", "C:/": "C:/",
		"//srv/share/a/../../../b": "//srv/share/b", "//srv/share/": "//srv/share", "//srv/share": "//srv/share", "//srv": "/srv",
		"a/../b": "b",
	} {
		if got := Clean(p); got != want {
			t.Errorf("%q: got %q, want %q", p, got, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	device := func(drive string) string {
		return map[string]string{
			"C:": `\Device\HarddiskVolume3`, "S:": `\??\C:\proj`, "T:": `\??\S:\robot`, "R:": `\??\C:\`,
			"P:": `\Device\LanmanRedirector\;P:000000000001a2b3\srv\projects`,
			"Q:": `\Device\Mup\;LanmanRedirector\;Q:000000000001a2b3\srv\projects\deep`,
			"Z:": `\??\unix\tmp`, "L:": `\??\L:\x`, "U:": `\??\UNC\SRV\Projects\robot`,
			"/Volumes/projects": "//anna@Srv/Projects", "/Volumes/projects-1": "//srv/projects", "/Volumes/My Disk": "/dev/disk2s1",
			"/Volumes/tex": "//anna:@srv._smb._tcp.local/my%20tex",
		}[drive]
	}
	for p, want := range map[string]string{
		`c:\proj`: `C:\proj`, `C:\PROJ`: `C:\PROJ`, `p:\robot\x`: `\\srv\projects\robot\x`, `P:\`: `\\srv\projects`, `\\SRV\Projects\`: `\\srv\projects`, `\\Srv\Projects\Robot`: `\\srv\projects\Robot`, `Q:\a`: `\\srv\projects\deep\a`,
		`S:\robot`: `C:\proj\robot`, `t:\shots`: `C:\proj\robot\shots`, `R:\proj`: `C:\proj`, `Z:\a`: `Z:\a`, `\\srv\x\y`: `\\srv\x\y`, `/mnt/a:b`: `/mnt/a:b`,
		`\\?\c:\proj`: `C:\proj`, `\\.\P:\x`: `\\srv\projects\x`, `\\?\UNC\SRV\X\y`: `\\srv\x\y`, `\\?\unc\srv\x`: `\\srv\x`, `//?/C:/proj`: `C:/proj`, `U:\tex`: `\\srv\projects\robot\tex`,
		"/Volumes/projects/robot": "//srv/projects/robot", "/Volumes/projects-1/robot": "//srv/projects/robot", "/Volumes/projects": "//srv/projects",
		"/Volumes/My Disk/x": "/Volumes/My Disk/x", "/Volumes/projects-2/x": "/Volumes/projects-2/x", "/Volumes/tex/A": "//srv._smb._tcp.local/my tex/A", "/Volumes": "/Volumes",
	} {
		if got := identity(p, device); got != want {
			t.Errorf("%q: got %q, want %q", p, got, want)
		}
	}
	identity(`L:\x`, device) // ends
}

// TestPlain: what is no path of a drive or share behind a prefix stays.
func TestPlain(t *testing.T) {
	for p, want := range map[string]string{
		`\\?\C:\a`: `C:\a`, `//./c:/a`: `c:/a`, `\\?\UNC\srv\x`: `\\srv\x`, `//?/unc/srv/x`: `//srv/x`, `\\?\Volume{1-2}\a`: `\\?\Volume{1-2}\a`,
		`\\.\pipe\x`: `\\.\pipe\x`, `\\srv\x`: `\\srv\x`, `\\?`: `\\?`, `//?/`: `//?/`, `/a/b/c`: `/a/b/c`, "": "", `\\?\UNCLE\x`: `\\?\UNCLE\x`,
	} {
		if got := Plain(p); got != want {
			t.Errorf("%q: got %q, want %q", p, got, want)
		}
	}
}

// TestInside: a file on a share lies in the project on the drive that stands for it, and the other way round.
func TestInside(t *testing.T) {
	device := func(head string) string {
		return map[string]string{
			"P:": `\Device\LanmanRedirector\;P:000000000001a2b3\srv\projects`, "S:": `\??\C:\proj`, "T:": `\??\C:\proj\robot\tex`,
			"/Volumes/projects": "//anna@srv/projects", "/Volumes/projects 1": "//anna@other/projects",
		}[head]
	}
	for _, c := range []struct{ dir, path, want string }{ // "-" for none
		{`P:/robot`, `//SRV/Projects/Robot/tex/a.png`, "tex/a.png"}, {`//srv/projects/robot`, `p:/robot/a.png`, "a.png"},
		{`//srv/projects/robot`, `//SRV/projects/ROBOT/a`, "a"}, {`P:/robot`, `//srv/other/robot/a`, "-"}, {`P:/robot`, `//srv/projects/robots/a`, "-"},
		{`C:/proj/robot`, `s:/Robot/a`, "a"}, {`C:/proj/robot`, `T:/a.png`, "tex/a.png"}, {`S:/robot`, `C:/proj/robot`, "."}, {`C:/x`, `D:/x/a`, "-"},
		{`C:/proj`, `//?/c:/PROJ/a`, "a"}, {`P:/robot`, `//?/UNC/srv/projects/robot/a`, "a"},
		{"/Volumes/projects/robot", "/Volumes/projects 1/robot/a", "-"}, {"/Volumes/projects/robot", "//srv/projects/robot/a", "a"},
	} {
		got, ok := inside(c.dir, c.path, device, func(a, b string) bool { return strings.EqualFold(a, strings.TrimSuffix(b, "/")) })
		if !ok {
			got = "-"
		}
		if got != c.want {
			t.Errorf("%s in %s: got %q, want %q", c.path, c.dir, got, c.want)
		}
	}
}

// caseless returns a folder that ignores case: a temporary one where the system does so, else one in the
// folder that FLSYNC_TEST_CASELESS names, such as a mount of lowntfs-3g -o ignore_case.
func caseless(t *testing.T) string {
	dir := t.TempDir()
	if mount := os.Getenv("FLSYNC_TEST_CASELESS"); mount != "" {
		var err error
		if dir, err = os.MkdirTemp(mount, "place"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	file := filepath.Join(dir, "Name")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "nAME")); err != nil {
		if got := RulesOf(dir); got.Case {
			t.Errorf("%s: got %+v", dir, got)
		}
		t.Skip("the file system knows case, and FLSYNC_TEST_CASELESS names no other")
	}
	return dir
}

func TestCaselessDisk(t *testing.T) {
	dir := caseless(t)
	if got := RulesOf(dir); !got.Case {
		t.Errorf("%s: got %+v", dir, got)
	}
	spelled := filepath.Join(dir, "Shots", "Sh010")
	if err := os.MkdirAll(spelled, 0o700); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "SHOTS", "sH010")
	var s Speller
	if one, two := s.Spell(spelled), s.Spell(other); one != two || !strings.EqualFold(one, spelled) {
		t.Errorf("got %s and %s", one, two)
	}
	if rest, ok := Inside(filepath.Join(dir, "SHOTS"), spelled); !ok || rest != "Sh010" {
		t.Errorf("got %q, %v", rest, ok)
	}
}

func TestSpell(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Sub", "sub"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if RulesOf(dir).Case {
		t.Skip("the file system ignores case")
	}
	var s Speller
	for _, p := range []string{"/", dir, filepath.Join(dir, "Sub"), filepath.Join(dir, "sub", "x"), filepath.Join(dir, "SUB", "x"), filepath.Join(dir, "nothing", "A")} {
		if got := s.Spell(p); got != p {
			t.Errorf("%s: got %s", p, got)
		}
	}
	if _, ok := Inside(filepath.Join(dir, "Sub"), filepath.Join(dir, "sub", "x")); ok {
		t.Error("another folder is taken for the same, since only its case differs")
	}
}
