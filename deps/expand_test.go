package deps

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/internal/place"
)

// TestExpand finds the files of each form of reference.
func TestExpand(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	t.Chdir(dir) // where nothing is to be looked for
	if filepath.Separator == '/' {
		write(t, dir, `\\server\share\a_0001.png`, `\\server/share/v/config/config_0001.uni`, `tex/a.blend`)
	}
	write(t, dir,
		"one.png", "folder.png/inside.png",
		"seq/a_0001.png", "seq/a_0002.png", "seq/a_10000.png", "seq/a_0001_bak.png", "seq/a_001.png", "seq/a_0003.png/x",
		"vol/v.001.vdb", "vol/v.002.vdb", "vol/v.001.final.vdb", "vol/v.002.final.vdb",
		"udim/t.1001.png", "udim/t.1002.png", "udim/t.backup.png",
		"ext/ext_000001_00.bphys", "ext/ext_000002_00.bphys", "ext/ext_000001_01.bphys", "ext/other_000001_00.bphys",
		"blendcache_main/4F_000001_00.bphys",
		"fluid/data/fluid_data_0001.vdb", "fluid/config/config_0001.uni", "fluid/notes.txt", "fluid/mine/x.txt",
		"ocean/disp_0001.exr", "ocean/foam_0001.exr", "ocean/spray_inverse_0001.exr", "ocean/disp_0001.png", "ocean/readme.exr",
		"bakes/7/meta/001_00000.json", "bakes/7/blobs/001.blob", "bakes/7/notes.txt",
		"px/m.mov/proxy_25.avi", "px/m.mov/sub/x.avi", "px/other.mov/proxy_25.avi",
		"elbeem/fluidsurface_final_0001.bobj.gz", "elbeem/pre_fluidsurface_final_0001.bobj.gz", "elbeem/x.bobj.gz",
	)
	for _, test := range []struct {
		ref   Reference
		want  []string // missing ones in brackets
		wrong string
	}{
		{Reference{Path: "//one.png"}, []string{"one.png"}, ""},
		{Reference{Path: "//gone.png"}, []string{"(gone.png)"}, ""},
		{Reference{Path: "//gone.png", Optional: true}, nil, ""},
		{Reference{Path: "//folder.png"}, []string{"(folder.png)"}, WrongFolder},
		{Reference{Path: "//"}, nil, ""},
		{Reference{Path: "//."}, nil, ""},
		{Reference{Path: "//seq/a_0001.png", Form: FormSequence}, []string{"seq/a_0001.png", "seq/a_0002.png", "seq/a_10000.png"}, ""},
		{Reference{Path: "//seq/a_0042.png", Form: FormSequence}, []string{"seq/a_0001.png", "seq/a_0002.png", "seq/a_10000.png"}, ""},
		{Reference{Path: "//seq/gone_0001.png", Form: FormSequence}, []string{"(seq/gone_0001.png)"}, ""},
		{Reference{Path: "//one.png", Form: FormSequence}, []string{"one.png"}, ""},
		{Reference{Path: "//vol/v.001.vdb", Form: FormFrames}, []string{"vol/v.001.vdb", "vol/v.002.vdb"}, ""},
		{Reference{Path: "//vol/v.001.final.vdb", Form: FormFrames}, []string{"vol/v.001.final.vdb"}, ""},
		{Reference{Path: "//udim/t.<UDIM>.png", Form: FormTiles, Tiles: []int{1001, 1002, 1011}}, []string{"udim/t.1001.png", "udim/t.1002.png", "(udim/t.1011.png)"}, ""},
		{Reference{Path: "//udim/x.<UDIM>.png", Form: FormTiles, Tiles: []int{1001, 1002}}, []string{"(udim/x.<UDIM>.png)"}, ""},
		{Reference{Path: "//ext", Form: FormPointCache, Name: "ext"}, []string{"ext/ext_000001_00.bphys", "ext/ext_000002_00.bphys"}, ""},
		{Reference{Path: "//ext", Form: FormPointCache, Name: "none"}, []string{"(ext)"}, ""},
		{Reference{Path: "//one.png", Form: FormPointCache, Name: "ext"}, []string{"(one.png)"}, WrongFile},
		{Reference{Form: FormDiskCache, Name: "4F"}, []string{"blendcache_main/4F_000001_00.bphys"}, ""},
		{Reference{Path: "//fluid", Form: FormFluid}, []string{"fluid/config/config_0001.uni", "fluid/data/fluid_data_0001.vdb"}, ""},
		{Reference{Path: "//nofluid", Form: FormFluid}, []string{"(nofluid)"}, ""},
		{Reference{Path: "//ocean", Form: FormOcean}, []string{"ocean/disp_0001.exr", "ocean/foam_0001.exr", "ocean/spray_inverse_0001.exr"}, ""},
		{Reference{Path: "//bakes/7", Form: FormBake}, []string{"bakes/7/meta/001_00000.json", "bakes/7/blobs/001.blob"}, ""},
		{Reference{Path: "//px/m.mov", Form: FormProxies}, []string{"px/m.mov/proxy_25.avi", "px/m.mov/sub/x.avi"}, ""},
		{Reference{Path: "//elbeem/", Form: FormElbeem}, []string{"elbeem/fluidsurface_final_0001.bobj.gz"}, ""},
		{Reference{Path: "//elbeem/pre_", Form: FormElbeem}, []string{"elbeem/pre_fluidsurface_final_0001.bobj.gz"}, ""},
		{Reference{Path: `\\server\share\a.png`}, []string{`(\\server\share\a.png)`}, ""},
		{Reference{Path: `\\server\share\a_0001.png`, Form: FormSequence}, []string{`(\\server\share\a_0001.png)`}, ""},
		{Reference{Path: `\\server/share\v`, Form: FormFluid}, []string{`(\\server/share\v)`}, ""},
		{Reference{Path: `\\server/../tex/a.blend`, Kind: KindLibrary}, []string{`(\\server/../tex/a.blend)`}, ""},
		{Reference{Path: `\\server\share\a.png`, Optional: true}, nil, ""},
		{Reference{Path: "//one.png", Base: BaseMain}, []string{"(main/one.png)"}, ""},
		{Reference{Path: "//one.png", Base: BaseLibrary}, []string{"(lib/one.png)"}, ""},
	} {
		x := expander{disk: newDisk(nil)}
		e := x.expand(&test.ref, bases{self: dir + "/main.blend", main: dir + "/main/shot.blend", library: dir + "/lib/kit.blend"})
		var got []string
		for _, f := range e.files {
			got = append(got, f[len(dir)+1:])
		}
		for _, f := range e.missing {
			if len(f) > len(dir) && f[:len(dir)] == dir {
				f = f[len(dir)+1:]
			}
			got = append(got, "("+f+")")
		}
		if diff := cmp.Diff(test.want, got); diff != "" || e.wrong != test.wrong {
			t.Errorf("%s, form %d: wrong %q, -want +got:\n%s", test.ref.Path, test.ref.Form, e.wrong, diff)
		}
	}
}

// TestExpandSpelling finds what a volume finds under another spelling, and gives it the spelling of the blend
// file.
func TestExpandSpelling(t *testing.T) {
	dir := filepath.ToSlash(t.TempDir())
	write(t, dir, "Seq/Frame_0001.png", "Seq/FRAME_0002.PNG", "Seq/frame_0003.PNGX",
		"n/Ba\u0308r_1.exr", "n/Ba\u0308r_2.exr", "c/A1_000001_00.BPHYS", "c/a1_000002_00.bphys", "o/DISP_0001.EXR", "e/Pre_FluidSurface_final_0001.bobj.gz",
		"m/Cam0007.PNG", "v/Smoke_001.VDB", "t/Clip.0001.USD")
	windows, macos := place.Rules{Case: true}, place.Rules{Case: true, Form: true}
	for _, test := range []struct {
		ref   Reference
		rules place.Rules
		want  []string // missing ones in brackets
	}{
		{Reference{Path: "//Seq/frame_0002.png", Form: FormSequence}, place.Rules{}, []string{"(Seq/frame_0002.png)"}},
		{Reference{Path: "//Seq/frame_0002.png", Form: FormSequence}, windows, []string{"Seq/frame_0001.png", "Seq/frame_0002.png"}},
		{Reference{Path: "//n/BÄR_0.exr", Form: FormSequence}, windows, []string{"(n/BÄR_0.exr)"}},
		{Reference{Path: "//n/BÄR_0.exr", Form: FormSequence}, macos, []string{"n/BÄR_1.exr", "n/BÄR_2.exr"}},
		{Reference{Path: "//n/Bär_0.exr", Form: FormSequence}, place.Rules{Form: true}, []string{"n/Bär_1.exr", "n/Bär_2.exr"}},
		{Reference{Path: "//c", Form: FormPointCache, Name: "A1"}, windows, []string{"c/A1_000001_00.bphys", "c/A1_000002_00.bphys"}},
		{Reference{Path: "//o", Form: FormOcean}, windows, []string{"o/disp_0001.exr"}},
		{Reference{Path: "//e/pre_", Form: FormElbeem}, windows, []string{"e/pre_fluidsurface_final_0001.bobj.gz"}},
		{Reference{Path: "//m/cam{}.png", Form: FormMade}, windows, []string{"m/cam0007.png"}},
		{Reference{Path: "//m/cam#.png", Form: FormMade}, windows, []string{"(m/cam#.png)"}},
		{Reference{Path: "//m/shot#.png", Form: FormMade, Optional: true}, windows, []string{"m/Cam0007.png"}},
		{Reference{Path: "//v/smoke_005.vdb", Form: FormFrames}, windows, []string{"v/smoke_001.vdb"}},
	} {
		x := expander{disk: newDisk(nil)}
		x.disk.probe = func(string) place.Rules { return test.rules }
		e := x.expand(&test.ref, bases{self: dir + "/main.blend"})
		var got []string
		for _, f := range e.files {
			got = append(got, strings.TrimPrefix(f, dir+"/"))
		}
		for _, f := range e.missing {
			got = append(got, "("+strings.TrimPrefix(f, dir+"/")+")")
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s, form %d, %+v: -want +got:\n%s", test.ref.Path, test.ref.Form, test.rules, diff)
		}
	}
	x := expander{disk: newDisk(nil)}
	x.disk.probe = func(string) place.Rules { return windows }
	var e expansion
	x.template(&e, dir+"/t/clip.####.usd")
	if diff := cmp.Diff([]string{dir + "/t/clip.0001.usd"}, e.files); diff != "" {
		t.Errorf("value clips: -want +got:\n%s", diff)
	}
}
