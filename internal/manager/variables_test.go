package manager

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
)

// testConf has a variable of each kind.
func testConf() *conf {
	c := defaultConf("test", "/shared")
	c.Variables = map[string]variable{
		"blender": {Values: []variableValue{{Platform: "linux", Value: "/opt/blender"}, {Platform: "windows", Value: `C:\blender.exe`}}},
		"args":    {Values: []variableValue{{Platform: "all", Value: "-b"}, {Platform: "darwin", Value: "-b -x"}, {Platform: "linux", Audience: "users", Value: "none"}}},
		"render": {TwoWay: true, Values: []variableValue{
			{Platforms: []string{"linux", "darwin"}, Value: "/render/"}, {Platform: "windows", Value: `R:\`},
		}},
		"jobs": {Values: []variableValue{{Platform: "all", Value: "not to be set"}}},
	}
	c.Shaman.Enabled = true
	c.normalize()
	return c
}

func TestVariables(t *testing.T) {
	c := testConf()
	for _, test := range []struct {
		audience api.ManagerVariableAudience
		platform string
		want     map[string]string
	}{
		{"workers", "linux", map[string]string{"jobs": "/shared/jobs", "blender": "/opt/blender", "args": "-b", "render": "/render"}},
		{"users", "linux", map[string]string{"jobs": "/shared/jobs", "blender": "/opt/blender", "args": "none", "render": "/render"}},
		{"workers", "windows", map[string]string{"jobs": "/shared/jobs", "blender": `C:\blender.exe`, "args": "-b", "render": "R:"}},
		{"workers", "darwin", map[string]string{"jobs": "/shared/jobs", "args": "-b -x", "render": "/render"}},
		{"nobody", "linux", map[string]string{}},
	} {
		got := make(map[string]string)
		for name, v := range c.variables(test.audience, test.platform) {
			got[name] = v.Value
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s on %s: %s", test.audience, test.platform, diff)
		}
	}
}

func TestTwoWayVariables(t *testing.T) {
	c := testConf()
	for _, test := range []struct{ platform, sent, stored string }{
		{"linux", "/render/out/shot", "{render}/out/shot"},
		{"linux", "/RENDER/out", "{render}/out"},
		{"linux", "/rendered", "{render}ed"}, // the real Manager's mistake
		{"linux", "/other/render", "/other/render"},
		{"windows", `R:\out\shot`, `{render}\out\shot`},
		{"windows", "R:/out", "{render}/out"},
		{"linux", "-b", "-b"},
	} {
		if got := c.variables("workers", test.platform).twoWay().replace(test.sent); got != test.stored {
			t.Errorf("%s on %s became %s, want %s", test.sent, test.platform, got, test.stored)
		}
	}
}

func TestExpand(t *testing.T) {
	c := testConf()
	for _, test := range []struct{ platform, stored, want string }{
		{"linux", "{blender} {args}", "/opt/blender -b"},
		{"windows", "{blender}", `C:\blender.exe`},
		{"darwin", "{blender}", "{blender}"},
		{"linux", "{render}/out", "/render/out"},
		{"windows", "{render}/out/shot", `R:\out\shot`},
		{"windows", "/render/out", `R:\out`}, // a path of the Manager's platform
		{"linux", "{jobs}/project/a.blend", "/shared/jobs/project/a.blend"},
		{"linux", "{unknown}", "{unknown}"},
	} {
		if got := c.expander("workers", test.platform).expand(test.stored); got != test.want {
			t.Errorf("%s on %s became %s, want %s", test.stored, test.platform, got, test.want)
		}
	}
}

func TestPlatformPath(t *testing.T) {
	for _, test := range []struct{ platform, path, want string }{
		{"linux", `/a\b//c`, "/a/b/c"},
		{"windows", "R:/a/b", `R:\a\b`},
		{"windows", "R:", `R:\`},
		{"windows", "R:a", `R:\a`},
		{"windows", "//server/share", `\\server\share`},
		{"linux", "", ""},
	} {
		if got := platformPath(test.path, test.platform); got != test.want {
			t.Errorf("%q on %s is %q, want %q", test.path, test.platform, got, test.want)
		}
	}
}
