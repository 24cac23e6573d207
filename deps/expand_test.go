package deps

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		e := x.expand(&test.ref, place{self: dir + "/main.blend", main: dir + "/main/shot.blend", library: dir + "/lib/kit.blend"})
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
