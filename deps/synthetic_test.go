package deps

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/deps/blend/blendtest"
	"github.com/flsync/flsync/internal/lab/long"
)

// dna5 has the structs of Blender 5 that name files, with the fields that are read.
const dna5 = `
	raw_data:
	ListBase: void *first; void *last
	IDPropertyData: void *pointer; ListBase group; int val; int val2
	IDProperty: IDProperty *next; IDProperty *prev; char type; char subtype; char name[64]; IDPropertyData data; int len
	ID: void *next; void *prev; ID *newid; Library *lib; char name[258]; IDProperty *properties
	PackedFile: int size; int seek; void *data
	Library: ID id; char name[1024]; ushort flag; Library *archive_parent_library; PackedFile *packedfile
	ImageTile: ImageTile *next; ImageTile *prev; int tile_number
	ImageView: ImageView *next; ImageView *prev; char name[64]; char filepath[1024]
	Image: ID id; char name[1024]; short source; PackedFile *packedfile; ListBase packedfiles; char views_format; ListBase tiles; ListBase views
	Material: ID id; bNodeTree *nodetree; ID *image
	Object: ID id; void *data; Object *parent; Material **mat; short type
	PointCache: PointCache *next; PointCache *prev; int flag; int index; char name[64]; char path[1024]
	StripElem: char name[256]; int orig_width
	StripProxy: char dir[768]; char file[256]; ushort build_size_flags; uchar storage
	Strip: Strip *next; Strip *prev; StripElem *stripdata; char dir[768]; StripProxy *proxy
	Sequence: Sequence *next; Sequence *prev; char name[64]; int flag; int type; Strip *strip; bSound *sound; char views_format
	Editing: ListBase seqbase; char proxy_dir[1024]; int proxy_storage
	ImageFormatData: char imtype; char depth; char planes
	SceneRenderView: SceneRenderView *next; SceneRenderView *prev; char name[64]; char suffix[64]; int viewflag
	RenderData: ImageFormatData im_format; int cfra; int scemode; int mode; short frs_sec; float frs_sec_base; int sfra; int efra; char pic[1024]; char engine[32]; ListBase views
	Scene: ID id; Object *camera; Editing *ed; RenderData r
	FileGlobal: char subvstr[4]; short subversion; Scene *curscene
	bNodeSocketValueString: int subtype; char value[1024]
	bNodeSocket: bNodeSocket *next; bNodeSocket *prev; char identifier[64]; short in_out; void *default_value
	NodeInputString: char *string
	bNode: bNode *next; bNode *prev; char idname[64]; ID *id; ListBase inputs; ListBase outputs; void *storage
	bNodeLink: bNodeLink *next; bNodeLink *prev; bNode *fromnode; bNode *tonode; bNodeSocket *fromsock; bNodeSocket *tosock
	bNodeTreeInterfaceSocket: char *identifier; void *socket_data
	bNodeTree: ID id; ListBase nodes; ListBase links
	ModifierData: ModifierData *next; ModifierData *prev; int type; int mode; IDProperty *system_properties
	NodesModifierSettings: IDProperty *properties
	NodesModifierBake: int id; int flag; int8_t bake_target; char *directory; void *packed
	NodesModifierData: ModifierData modifier; bNodeTree *node_group; NodesModifierSettings settings; char *simulation_bake_directory; int8_t bake_target; NodesModifierBake *bakes
	Camera: ID id; char type; char custom_filepath[1024]; int custom_mode
	bSound: ID id; char name[1024]; PackedFile *packedfile
	FluidDomainSettings: char cache_directory[1024]; int cache_flag
	FluidsimSettings: short type; char surfdataPath[1024]
	OceanModifierData: ModifierData modifier; char cachepath[1024]; char cached
`

var form5 = blendtest.Form{Version: 502, Large: true}

type values = blendtest.Values

// contentsOf reads what a synthetic file says.
func contentsOf(t testing.TB, data []byte) *Contents {
	t.Helper()
	f, err := blend.NewReader(bytes.NewReader(data), int64(len(data)), blend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := readContents(f, &planCache{}, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// named gives the references as "ID field path", for comparing.
func named(refs []Reference) []string {
	var list []string
	for _, r := range refs {
		if r.Path == "" && r.Form == FormFile {
			continue // a string that turned out to be no path
		}
		s := strings.TrimSpace(r.ID + " " + r.Field + " " + r.Path)
		if r.Name != "" {
			s += " + " + r.Name
		}
		if r.Optional {
			s += " (optional)"
		}
		list = append(list, s)
	}
	return list
}

func wantRefs(t *testing.T, f *blendtest.File, want ...string) *Contents {
	t.Helper()
	c := contentsOf(t, f.Bytes())
	if diff := cmp.Diff(want, named(c.Refs)); diff != "" {
		t.Error("-want +got:\n" + diff)
	}
	return c
}

// write makes files with some contents below dir.
func write(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		writeFile(t, filepath.Join(dir, name), blendtest.Media(name))
	}
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// paths gives the traced paths below root, missing ones in brackets.
func paths(t testing.TB, trace *Trace, root string) []string {
	t.Helper()
	list := []string{}
	for _, d := range trace.Files {
		rel, err := filepath.Rel(root, d.Path)
		if err != nil {
			t.Fatal(err)
		}
		if d.Missing {
			rel = "(" + rel + ")"
		}
		list = append(list, filepath.ToSlash(rel))
	}
	slices.Sort(list)
	return list
}

// TestStoredData reads data of a library that Blender 5 packed into the file
// when it was linked: its paths are relative to the library, and the library
// need not be there.
func TestStoredData(t *testing.T) {
	dir := t.TempDir()
	f := blendtest.New(form5, dna5)
	f.Block("GLOB", "FileGlobal", 1, values{"subversion": 1})
	f.Block("IM", "Image", 0x10, values{"id.name": "IMstored", "id.lib": uint64(0x110), "name": "//tex/stored.png", "source": 1})
	f.Block("IM", "Image", 0x20, values{"id.name": "IMlocal", "name": "//tex/local.png", "source": 1})
	f.Block("LI", "Library", 0x100, values{"id.name": "LIkit.blend", "name": "//lib/kit.blend"})
	f.Block("LI", "Library", 0x110, values{"id.name": "LIkit.blend.001", "name": "//lib/kit.blend", "flag": 1, "archive_parent_library": uint64(0x100)})
	writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
	write(t, dir, "tex/local.png", "tex/stored.png", "lib/tex/stored.png")

	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"lib/tex/stored.png", "tex/local.png"}, paths(t, trace, dir)); diff != "" {
		t.Error(diff)
	}
	if len(trace.Problems) > 0 {
		t.Error(trace.Problems)
	}
}

// TestPackedLibrary follows data into a library that is packed into the file.
func TestPackedLibrary(t *testing.T) {
	dir := t.TempDir()
	inner := blendtest.New(form5, dna5)
	inner.Block("OB", "Object", 0x10, values{"id.name": "OBchair", "mat": uint64(0x1000)})
	inner.Pointers(0x1000, 0x20)
	inner.Block("MA", "Material", 0x20, values{"id.name": "MAwood", "image": uint64(0x30)})
	inner.Block("IM", "Image", 0x30, values{"id.name": "IMwood", "name": "//tex/wood.png", "source": 1})
	inner.Block("IM", "Image", 0x40, values{"id.name": "IMother", "name": "//tex/other.png", "source": 1})
	packed := blendtest.Zstd(inner.Bytes(), 1<<20, true)

	f := blendtest.New(form5, dna5)
	f.Block("ID", "ID", 0x10, values{"name": "OBchair", "lib": uint64(0x100)})
	f.Block("LI", "Library", 0x100, values{"id.name": "LIkit.blend", "name": "//lib/kit.blend", "packedfile": uint64(0x1000)})
	f.Block("DATA", "PackedFile", 0x1000, values{"size": len(packed), "data": uint64(0x2000)})
	f.Raw("DATA", 0x2000, packed)
	writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
	write(t, dir, "lib/tex/wood.png", "lib/tex/other.png")

	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"lib/tex/wood.png"}, paths(t, trace, dir)); diff != "" {
		t.Error(diff)
	}
	if got := trace.Files[0].UsedBy; got != filepath.Join(dir, "shot.blend") {
		t.Errorf("used by %s", got)
	}
}

// TestNodePaths finds paths in node trees: in a socket that takes one, from a
// String node in front of it, and among the inputs of a modifier.
func TestNodePaths(t *testing.T) {
	const in, out = 1, 2
	f := blendtest.New(form5, dna5)
	f.Block("NT", "bNodeTree", 0x10, values{"id.name": "NTimport"})
	f.Block("DATA", "bNode", 0x180, values{"inputs.first": uint64(0x100), "outputs.first": uint64(0x140)})
	socket := func(old, value uint64, direction, subtype int, text string) {
		f.Block("DATA", "bNodeSocket", old, values{"in_out": direction, "default_value": value, "next": old + 0x10})
		f.Block("DATA", "bNodeSocketValueString", value, values{"subtype": subtype, "value": text})
	}
	socket(0x100, 0x101, in, subtypeFile, "//geo/socket.obj")  // not linked
	socket(0x110, 0x111, in, subtypeFile, "//geo/stale1.obj")  // linked to a String node
	socket(0x120, 0x121, in, subtypeFile, "//geo/stale2.obj")  // linked to one that joins strings
	socket(0x130, 0x131, in, 0, "//geo/text.obj")              // a text
	socket(0x140, 0x141, out, subtypeFile, "//geo/result.obj") // comes out
	f.Block("DATA", "bNode", 0x200, values{"storage": uint64(0x201)})
	f.Block("DATA", "NodeInputString", 0x201, values{"string": uint64(0x202)})
	f.Raw("DATA", 0x202, []byte("//geo/string.obj\x00"))
	f.Block("DATA", "bNodeLink", 0x300, values{"fromnode": uint64(0x200), "tosock": uint64(0x110)})
	f.Block("DATA", "bNode", 0x210, values{"idname": "GeometryNodeStringJoin", "inputs.first": uint64(0x211)})
	f.Block("DATA", "bNodeSocket", 0x211, values{"next": uint64(0x212), "in_out": in, "default_value": uint64(0x213)})
	f.Block("DATA", "bNodeSocket", 0x212, values{"in_out": in, "default_value": uint64(0x213)})
	f.Block("DATA", "bNodeSocketValueString", 0x213, values{"value": "//stale"})
	f.Block("DATA", "bNode", 0x220, values{"storage": uint64(0x221)})
	f.Block("DATA", "NodeInputString", 0x221, values{"string": uint64(0x222)})
	f.Raw("DATA", 0x222, []byte("//geo/half\x00"))
	f.Block("DATA", "bNodeLink", 0x310, values{"fromnode": uint64(0x220), "tosock": uint64(0x211)})
	f.Block("DATA", "bNodeLink", 0x320, values{"fromnode": uint64(0x210), "tosock": uint64(0x120)})
	f.Block("DATA", "bNodeLink", 0x330, values{"fromnode": uint64(0x210), "tosock": uint64(0x212)}) // a circle
	f.Block("DATA", "bNodeTreeInterfaceSocket", 0x400, values{"identifier": uint64(0x401), "socket_data": uint64(0x402)})
	f.Raw("DATA", 0x401, []byte("Socket_2\x00"))
	f.Block("DATA", "bNodeSocketValueString", 0x402, values{"subtype": subtypeFile, "value": "//geo/default.obj"})

	f.Block("OB", "Object", 0x20, values{"id.name": "OBimporter"})
	f.Block("DATA", "NodesModifierData", 0x500, values{"node_group": uint64(0x10), "settings.properties": uint64(0x510), "modifier.system_properties": uint64(0x600)})
	f.Block("DATA", "IDProperty", 0x510, values{"type": propGroup, "data.group.first": uint64(0x520)})
	f.Block("DATA", "IDProperty", 0x520, values{"type": propString, "name": "Socket_2", "data.pointer": uint64(0x521), "next": uint64(0x530)})
	f.Raw("DATA", 0x521, []byte("//geo/input.obj\x00"))
	f.Block("DATA", "IDProperty", 0x530, values{"type": propString, "name": "Socket_3", "data.pointer": uint64(0x531), "next": uint64(0x540)})
	f.Raw("DATA", 0x531, []byte("//geo/no path.obj\x00"))
	f.Block("DATA", "IDProperty", 0x540, values{"type": propString, "name": "Socket_4", "data.pointer": uint64(0x541)})
	f.Raw("DATA", 0x541, []byte("hello\x00"))
	group := func(old, first, next uint64, name string) {
		f.Block("DATA", "IDProperty", old, values{"type": propGroup, "name": name, "data.group.first": first, "next": next})
	}
	group(0x600, 0x610, 0, "")
	group(0x610, 0x620, 0x650, "inputs")
	group(0x620, 0x630, 0, "Socket_2")
	f.Block("DATA", "IDProperty", 0x630, values{"type": propString, "name": "value", "data.pointer": uint64(0x631)})
	f.Raw("DATA", 0x631, []byte("//geo/new.obj\x00"))
	group(0x650, 0x660, 0, "outputs")
	group(0x660, 0x670, 0, "Socket_2")
	f.Block("DATA", "IDProperty", 0x670, values{"type": propString, "name": "value", "data.pointer": uint64(0x631)})

	wantRefs(t, f,
		"NTimport bNodeSocketValueString.value //geo/default.obj (optional)",
		"NTimport bNodeSocketValueString.value //geo/socket.obj",
		"NTimport NodeInputString.string //geo/string.obj",
		"NTimport NodeInputString.string //geo/half",
		"NTimport bNodeSocket (optional)",
		"OBimporter NodesModifierData.settings //geo/input.obj",
		"OBimporter ModifierData.system_properties //geo/new.obj",
	)
}

// TestHiddenStrings takes all rooted strings for paths where bundles or closures carry strings, if something
// is there.
func TestHiddenStrings(t *testing.T) {
	for _, carrier := range []string{"NodeCombineBundle", "NodeEvaluateClosure", "GeometryNodeStringToCurves"} {
		f := blendtest.New(form5, dna5)
		f.Block("NT", "bNodeTree", 0x10, values{"id.name": "NTimport"})
		f.Block("DATA", "bNode", 0x180, values{"idname": carrier, "inputs.first": uint64(0x100)})
		f.Block("DATA", "bNodeSocket", 0x100, values{"in_out": inputSocket, "default_value": uint64(0x101), "next": uint64(0x110)})
		f.Block("DATA", "bNodeSocketValueString", 0x101, values{"value": "//geo/carried.obj"})
		f.Block("DATA", "bNodeSocket", 0x110, values{"in_out": inputSocket, "default_value": uint64(0x111)})
		f.Block("DATA", "bNodeSocketValueString", 0x111, values{"subtype": subtypeFile, "value": "//geo/path.obj"})
		want := []string{"NTimport bNodeSocketValueString.value //geo/path.obj"}
		if carrier != "GeometryNodeStringToCurves" {
			want = slices.Insert(want, 0, "NTimport bNodeSocketValueString.value //geo/carried.obj (optional)")
		}
		wantRefs(t, f, want...)
	}
}

// TestBakes finds the folders of baked geometry nodes.
func TestBakes(t *testing.T) {
	f := blendtest.New(form5, dna5)
	f.Block("OB", "Object", 0x10, values{"id.name": "OBsim"})
	f.Block("DATA", "NodesModifierData", 0x100, values{"simulation_bake_directory": uint64(0x101), "bakes": uint64(0x110), "bake_target": 2})
	f.Raw("DATA", 0x101, []byte("//bakes\x00"))
	f.Block("DATA", "NodesModifierBake", 0x110,
		values{"id": 17},
		values{"id": 18, "bake_target": bakePacked},
		values{"id": 19, "packed": uint64(0x999)},
		values{"id": 20, "flag": bakeCustomPath, "directory": uint64(0x102)},
		values{"id": 21, "flag": bakeCustomPath},
	)
	f.Raw("DATA", 0x102, []byte("//elsewhere/\x00"))
	f.Block("OB", "Object", 0x20, values{"id.name": "OBold"})
	f.Block("DATA", "NodesModifierData", 0x100, values{"simulation_bake_directory": uint64(0x101)})
	f.Raw("DATA", 0x101, []byte("//bakes36\x00"))
	wantRefs(t, f,
		"OBsim NodesModifierData.simulation_bake_directory //bakes/17 (optional)",
		"OBsim NodesModifierBake.directory //elsewhere/ (optional)",
		"OBold NodesModifierData.simulation_bake_directory //bakes36 (optional)",
	)
}

// TestStrips finds the files of strips, of their other views, and their proxies.
func TestStrips(t *testing.T) {
	f := blendtest.New(form5, dna5)
	f.Block("SC", "Scene", 0x10, values{"id.name": "SCedit", "ed": uint64(0x100), "r.scemode": sceneMultiview, "r.views.first": uint64(0x110)})
	f.Block("DATA", "Editing", 0x100, values{})
	f.Block("DATA", "SceneRenderView", 0x110, values{"next": uint64(0x111), "name": "left", "suffix": "_L"})
	f.Block("DATA", "SceneRenderView", 0x111, values{"next": uint64(0x112), "name": "right", "suffix": "_R"})
	f.Block("DATA", "SceneRenderView", 0x112, values{"name": "middle", "suffix": "_M"}) // no view of stereoscopy
	strip := func(at uint64, kind, flag int, dir string, proxy values, names ...string) {
		f.Block("DATA", "Sequence", at, values{"type": kind, "flag": flag, "strip": at + 1})
		s := values{"dir": dir, "stripdata": at + 2}
		if proxy != nil {
			s["proxy"] = at + 3
		}
		f.Block("DATA", "Strip", at+1, s)
		var elements []values
		for _, n := range names {
			elements = append(elements, values{"name": n})
		}
		f.Block("DATA", "StripElem", at+2, elements...)
		if proxy != nil {
			f.Block("DATA", "StripProxy", at+3, proxy)
		}
	}
	strip(0x200, stripImage, 0, "//plates/", nil, "a.png", "", "b.png")
	strip(0x210, stripMovie, stripUseViews, "//", nil, "shot_L.mov", "ignored.mov")
	strip(0x220, stripMovie, stripUseProxy, "//film", values{"storage": proxyCustomDir, "dir": "//px"}, "m.mov")
	strip(0x230, stripImage, stripUseProxy, "//plates/", values{"build_size_flags": 1 | 4}, "a.png")
	strip(0x240, stripMovie, stripUseProxy, "//film", values{"storage": proxyCustomFile, "dir": "//px", "file": "m25.mov"}, "m.mov")
	strip(0x250, stripSound, 0, "//snd", nil, "old.wav")
	strip(0x260, 6, 0, "//clip", nil, "clip.mov")
	f.Block("DATA", "Sequence", 0x270, values{"type": stripSound, "strip": uint64(0x251), "sound": uint64(0x999)})
	f.Block("DATA", "Sequence", 0x280, values{"type": stripImage, "strip": uint64(0x9999)})
	c := wantRefs(t, f,
		"SCedit StripElem.name //plates/a.png",
		"SCedit StripElem.name //plates/b.png",
		"SCedit StripElem.name //shot_L.mov",
		"SCedit StripElem.name //shot_R.mov",
		"SCedit StripElem.name //film/m.mov",
		"SCedit StripProxy.dir //px/m.mov (optional)",
		"SCedit StripElem.name //plates/a.png",
		"SCedit StripProxy //plates/BL_proxy/images/25/a.png_proxy.jpg (optional)",
		"SCedit StripProxy //plates/BL_proxy/images/75/a.png_proxy.jpg (optional)",
		"SCedit StripElem.name //film/m.mov",
		"SCedit StripProxy.file //px/m25.mov (optional)",
		"SCedit StripElem.name //snd/old.wav",
	)
	roles := []Role{c.Refs[0].Parts[0].Role, c.Refs[0].Parts[1].Role}
	if diff := cmp.Diff([]Role{RoleFolder, RoleName}, roles); diff != "" {
		t.Error(diff)
	}
}

// TestOldFile reads a big-endian file with 4-byte pointers, and what only
// Blender 2.4x has: no source of images, no data-block for sounds.
func TestOldFile(t *testing.T) {
	f := blendtest.New(blendtest.Form{Version: 241, Pointers32: true, BigEndian: true}, `
		Link: Link *next; Link *prev
		ListBase: void *first; void *last
		ID: void *next; void *prev; ID *newid; Library *lib; char name[24]
		Library: ID id; char name[160]
		Image: ID id; char name[160]
		Object: ID id; short type
		StripElem: char name[80]; int ok
		Strip: Strip *next; Strip *prev; StripElem *stripdata; char dir[160]
		Sequence: Sequence *next; Sequence *prev; int flag; int type; Strip *strip
		RenderData: short frs_sec; int sfra; int efra; char pic[160]
		Scene: ID id; Object *camera; RenderData r
		FileGlobal: char subvstr[4]; short subversion; Scene *curscene
	`)
	f.Block("GLOB", "FileGlobal", 1, values{"subversion": 2, "curscene": uint64(0x10)})
	f.Block("SC", "Scene", 0x10, values{"id.name": "SCScene", "camera": uint64(0x20), "r.frs_sec": 25, "r.sfra": 1, "r.efra": 300, "r.pic": "//render/"})
	f.Block("DATA", "Sequence", 0x100, values{"type": stripImage, "strip": uint64(0x101)})
	f.Block("DATA", "Strip", 0x101, values{"dir": "//plates/", "stripdata": uint64(0x102)})
	f.Block("DATA", "StripElem", 0x102, values{"name": "1.tga"}, values{"name": "2.tga"})
	f.Block("OB", "Object", 0x20, values{"id.name": "OBCamera", "type": 11})
	f.Block("IM", "Image", 0x30, values{"id.name": "IMwood", "name": `//tex\wood.jpg`})
	c := wantRefs(t, f, "SCScene StripElem.name //plates/1.tga", "SCScene StripElem.name //plates/2.tga", `IMwood Image.name //tex\wood.jpg`)
	if c.Version != "2.41" || c.ActiveScene != "Scene" {
		t.Errorf("version %s, scene %s", c.Version, c.ActiveScene)
	}
	s := c.Scenes[0]
	if s.FPS != 25 || s.FrameEnd != 300 || s.Camera != "Camera" || s.Filepath != "//render/" {
		t.Errorf("%+v", s)
	}
}

// TestOddData reads structs that lead nowhere or are not what they seem.
func TestOddData(t *testing.T) {
	f := blendtest.New(form5, dna5)
	f.Block("IM", "Image", 0x10, values{"id.name": "IMgenerated", "name": "//a.png", "source": 4})
	f.Block("IM", "Image", 0x20, values{"id.name": "IMpacked", "name": "//a.png", "source": 1, "packedfile": uint64(0x99)})
	f.Block("IM", "Image", 0x30, values{"id.name": "IMempty", "source": 1})
	f.Block("IM", "Image", 0x40, values{"id.name": "IMstereo", "name": "//s.png", "source": 1, "views.first": uint64(0x41)})
	f.Block("DATA", "ImageView", 0x41, values{"next": uint64(0x42), "filepath": "//s_L.png"})
	f.Block("DATA", "ImageView", 0x42, values{"next": uint64(0x41), "filepath": "//s_R.png"})
	f.Block("IM", "Image", 0x50, values{"id.name": "IMlong", "name": strings.Repeat("x", 1024), "source": 1})
	f.Block("OB", "Object", 0x60, values{"id.name": "OBcache"})
	f.Block("DATA", "PointCache", 0x61, values{"flag": cacheOnDisk | cacheBaked, "index": 3})
	f.Block("DATA", "PointCache", 0x62, values{"flag": cacheExternal, "index": -1, "name": "ext", "path": "//ext"})
	f.Block("DATA", "PointCache", 0x63, values{"flag": cacheOnDisk | cacheIgnoreLibrary, "name": "named"})
	f.Block("DATA", "PointCache", 0x64, values{"flag": 0, "name": "memory"})
	f.Block("DATA", "FluidDomainSettings", 0x65, values{"cache_directory": "//fluid", "cache_flag": 2})
	f.Block("DATA", "FluidsimSettings", 0x66, values{"type": 2, "surfdataPath": "//elbeem/"})
	f.Block("DATA", "OceanModifierData", 0x67, values{"cachepath": "//ocean", "cached": 0})
	f.Block("CA", "Camera", 0x70, values{"id.name": "CAcustom", "custom_filepath": "//cam.osl", "custom_mode": 1})
	f.Block("CA", "Camera", 0x80, values{"id.name": "CAinternal", "custom_filepath": "//stale.osl"})
	f.Block("SO", "bSound", 0x90, values{"id.name": "SOpacked", "name": "//s.wav", "packedfile": uint64(0x99)})
	f.Block("WM", "Image", 0xa0, values{"id.name": "WMWinMan", "name": "//ui.png", "source": 1})
	c := wantRefs(t, f,
		"IMstereo ImageView.filepath //s_L.png",
		"IMstereo ImageView.filepath //s_R.png",
		"IMstereo Image.name //s.png (optional)",
		"IMlong Image.name "+strings.Repeat("x", 1024),
		"OBcache PointCache.name + 6361636865",
		"OBcache PointCache.path //ext + ext",
		"OBcache PointCache.name + named (optional)",
		"OBcache FluidDomainSettings.cache_directory //fluid",
		"OBcache FluidsimSettings.surfdataPath //elbeem/ (optional)",
		"CAcustom Camera.custom_filepath //cam.osl",
	)
	if part := c.Refs[3].Parts[0]; part.Size != 1024 || len(part.Raw) != 1024 {
		t.Errorf("a name without its NUL: %d of %d bytes", len(part.Raw), part.Size)
	}
	if base := c.Refs[6].Base; base != BaseMain {
		t.Errorf("a cache that ignores the library has base %d", base)
	}
}

// FuzzContents reads a blend file of which some bytes were changed: each three
// bytes of the input are an offset and a value. The DNA stays whole, so that
// the rest is looked at.
func FuzzContents(f *testing.F) {
	file := blendtest.New(form5, dna5)
	file.Block("GLOB", "FileGlobal", 1, values{"curscene": uint64(0x30)})
	file.Block("SC", "Scene", 0x30, values{"id.name": "SCScene", "id.properties": uint64(0x40), "ed": uint64(0x41), "camera": uint64(0x99)})
	file.Block("DATA", "IDProperty", 0x40, values{"type": propGroup, "data.group.first": uint64(0x40)})
	file.Block("DATA", "Editing", 0x41, values{})
	file.Block("DATA", "Sequence", 0x50, values{"flag": stripUseProxy | stripUseViews, "strip": uint64(0x51), "next": uint64(0x50)})
	file.Block("DATA", "Strip", 0x51, values{"dir": "//p", "stripdata": uint64(0x52), "proxy": uint64(0x53)})
	file.Block("DATA", "StripElem", 0x52, values{"name": "a_L.png"})
	file.Block("DATA", "StripProxy", 0x53, values{"build_size_flags": 15})
	file.Block("IM", "Image", 0x60, values{"id.name": "IMt", "name": "//t.<UDIM>.png", "source": imageTiled, "tiles.first": uint64(0x61)})
	file.Block("DATA", "ImageTile", 0x61, values{"tile_number": 1001, "next": uint64(0x61)})
	file.Block("NT", "bNodeTree", 0x70, values{"id.name": "NTx"})
	file.Block("DATA", "bNodeSocket", 0x71, values{"in_out": inputSocket, "default_value": uint64(0x72)})
	file.Block("DATA", "bNodeSocketValueString", 0x72, values{"subtype": subtypeFile, "value": "//x.obj"})
	file.Block("DATA", "bNodeLink", 0x73, values{"fromnode": uint64(0x74), "tosock": uint64(0x71)})
	file.Block("DATA", "bNode", 0x74, values{"storage": uint64(0x75), "inputs.first": uint64(0x71)})
	file.Block("DATA", "NodeInputString", 0x75, values{"string": uint64(0x76)})
	file.Raw("DATA", 0x76, []byte("//x\x00"))
	file.Block("OB", "Object", 0x80, values{"id.name": "OBx", "mat": uint64(0x81)})
	file.Pointers(0x81, 0x60, 0x80)
	file.Block("DATA", "PointCache", 0x82, values{"flag": cacheOnDisk})
	file.Block("DATA", "NodesModifierData", 0x83, values{"bakes": uint64(0x84), "simulation_bake_directory": uint64(0x76)})
	file.Block("DATA", "NodesModifierBake", 0x84, values{"id": 3})
	file.Block("ID", "ID", 0x90, values{"name": "OBl", "lib": uint64(0x91)})
	file.Block("LI", "Library", 0x91, values{"id.name": "LIl", "name": "//l.blend", "packedfile": uint64(0x92)})
	file.Block("DATA", "PackedFile", 0x92, values{"data": uint64(0x93)})
	file.Raw("DATA", 0x93, blendtest.New(form5, "raw_data:\nID: char name[66]").Bytes())
	end := len(file.Unended())
	whole := file.Bytes()
	f.Add([]byte{})
	step := 80
	if long.Wanted() {
		step = 16
	}
	for at := 0; at < end; at += step {
		f.Add([]byte{byte(at >> 8), byte(at), 0x50})
	}
	f.Fuzz(func(t *testing.T, changes []byte) {
		data := bytes.Clone(whole)
		for ; len(changes) >= 3; changes = changes[3:] {
			data[(int(changes[0])<<8|int(changes[1]))%end] = changes[2]
		}
		b, err := blend.NewReader(bytes.NewReader(data), int64(len(data)), blend.Options{})
		if err != nil {
			return
		}
		defer b.Close()
		c, err := readContents(b, &planCache{}, true, 0)
		if err != nil {
			return
		}
		if _, err := decodeContents(encodeContents(c)); err != nil {
			t.Error(err)
		}
		file := newTracedFile("/nowhere/b.blend", c)
		x := expander{disk: newDisk(nil)}
		file.everything(&x)
		if len(c.IDs) > 0 {
			file.reach(&x, []int32{0})
		}
	})
}
