package deps

import (
	"strings"
	"testing"

	"github.com/flsync/flsync/internal/place"
)

func TestNumberings(t *testing.T) {
	for _, test := range []struct {
		name        string
		head, tail  string
		digits      int
		frameNumber bool // the same for caches and volumes
	}{
		{"shot_0001.png", "shot_", ".png", 4, true},
		{"r.001.beauty.png", "r.", ".beauty.png", 3, false},
		{"v2_0010.exr", "v2_", ".exr", 4, true},
		{"0001", "", "", 4, true},
		{"f08.tar.gz", "f", ".tar.gz", 2, false},
		{"name.1001", "name.1001", "", 0, false}, // its extension
		{"shot.png", "", "", 0, false},
		{".0001", "", "", 4, true}, // no extension, as it begins with its dot
	} {
		n, ok := lastNumber(test.name)
		if test.name == ".0001" {
			test.head = "."
		}
		if ok != (test.digits > 0) || ok && (n != numbering{test.head, test.tail, test.digits}) {
			t.Errorf("last number of %q: %+v %v", test.name, n, ok)
		}
		if f, ok := frameNumber(test.name); ok != test.frameNumber || ok && f != n {
			t.Errorf("frame number of %q: %+v %v", test.name, f, ok)
		}
	}
}

func TestMatch(t *testing.T) {
	n, _ := lastNumber("shot_0001.png")
	for name, want := range map[string]int{
		"shot_0001.png": 1, "shot_9999.png": 9999, "shot_10000.png": 10000,
		"shot_00010.png": -1, "shot_001.png": -1, "shot_0001_bak.png": -1, "shot_alt_0001.png": -1,
		"xshot_0001.png": -1, "shot_0001.exr": -1, "shot_.png": -1, "shot_12a4.png": -1,
		"shot_99999999999999999999.png": -1, "shot_-001.png": -1,
	} {
		got, ok := n.match(name, place.Rules{})
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q has number %d, want %d", name, got, want)
		}
		if ok && n.name(got) != name {
			t.Errorf("number %d gives %q, want %q", got, n.name(got), name)
		}
	}
	if _, ok := (numbering{"aa", "aa", 1}).match("aaa", place.Rules{}); ok {
		t.Error("head and tail overlap")
	}
}

func TestTilePath(t *testing.T) {
	for _, test := range []struct {
		name string
		tile int
		want string
	}{
		{"skin.<UDIM>.png", 1001, "skin.1001.png"},
		{"skin.<UVTILE>.png", 1012, "skin.u2_v2.png"},
		{"skin.<UVTILE>.png", 1010, "skin.u10_v1.png"},
		{"<UDIM>_<UDIM>.png", 1002, "1002_1002.png"},
		{"skin.1001.png", 1011, "skin.1011.png"},
		{"/a.1001/<UDIM>/skin.png", 1011, "/a.1001/1011/skin.png"},
		{"/a.1001/skin.1001.png", 1011, "/a.1001/skin.1011.png"},
		{"skin.png", 1002, "skin.png"},
	} {
		if got := tilePath(test.name, test.tile); got != test.want {
			t.Errorf("tile %d of %q is %q, want %q", test.tile, test.name, got, test.want)
		}
	}
}

func TestCacheFrame(t *testing.T) {
	for _, test := range []struct {
		name, prefix string
		stack        int
		want         bool
	}{
		{"43756265_000012_00.bphys", "43756265", 0, true},
		{"43756265_000012_01.bphys", "43756265", 0, false},
		{"43756265_000012_12.bphys", "43756265", 12, true},
		{"43756265_1000012_00.bphys", "43756265", 0, true},
		{"43756265_-00012_00.bphys", "43756265", 0, true},
		{"43756265_000012.bphys", "43756265", 0, false},
		{"43756265_000012.bphys", "43756265", -1, true},
		{"43756265_000012_00.vdb", "43756265", 0, true},
		{"4375626531_000012_00.bphys", "43756265", 0, false},
		{"43756265_backup_00.bphys", "43756265", 0, false},
		{"43756265_000012_00.bphys.bak", "43756265", 0, false},
		{"_000001_00.bphys", "", 0, true},
	} {
		if got := cacheFrame(strings.TrimPrefix(test.name, test.prefix), test.stack); got != test.want {
			t.Errorf("%q of %q, %d: %v", test.name, test.prefix, test.stack, got)
		}
	}
	if got := hexName("Kü 1"); got != "4BC3BC2031" {
		t.Error(got)
	}
}
