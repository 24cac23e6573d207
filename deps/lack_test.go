package deps

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps/blend/blendtest"
)

// lacksOf traces a vector and gives its lacks of some code as "name: what" for comparing.
func lacksOf(t *testing.T, main, code string, show func(*Lack) string) []string {
	t.Helper()
	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join("../testdata/blend", main))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range trace.Lacks {
		l := &trace.Lacks[i]
		if about, ok := lackCodes()[l.Code]; !ok || l.Severity != about.Severity || l.Remedy == "" || l.Message == "" {
			t.Errorf("incomplete: %+v", *l)
		}
		if l.Code == code {
			list = append(list, show(l))
		}
	}
	slices.Sort(list)
	return list
}

// TestHoles tells of each sequence with missing frames once.
func TestHoles(t *testing.T) {
	for _, main := range []string{"54-holes/main.blend", "b522/54-holes/main.blend"} {
		got := lacksOf(t, main, LackHole, func(l *Lack) string { return filepath.Base(filepath.Dir(l.Path)) + " " + l.Frames })
		want := []string{"abc 3", "bare 4", "cyclic 2", "plain 2-3", "shifted 13", "twice 5", "vol 12", "vol 2", "vol 3"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(main, "-want +got:\n"+diff)
		}
	}
}

// TestFrameUse compares with what Blender 3.4 opens, frame by frame.
func TestFrameUse(t *testing.T) {
	for _, test := range []struct {
		use  FrameUse
		want []int // at frames 1 to 6; -1: none
	}{
		{FrameUse{Mode: framesImage, Start: 3, Count: 2}, []int{0, 0, 1, 2, 2, 2}},
		{FrameUse{Mode: framesImage, Start: 3, Count: 2, Offset: 4}, []int{4, 4, 5, 6, 6, 6}},
		{FrameUse{Mode: framesImage, Start: -2, Count: 9, Offset: 1}, []int{5, 6, 7, 8, 9, 10}},
		{FrameUse{Mode: framesRepeat, Start: 3, Count: 2}, []int{1, 2, 1, 2, 1, 2}},
		{FrameUse{Mode: framesClip, Start: 2, Count: 3, Offset: 9}, []int{-1, 10, 11, 12, -1, -1}},
		{FrameUse{Mode: framesExtend, Start: 2, Count: 3, Offset: 9}, []int{10, 10, 11, 12, 12, 12}},
		{FrameUse{Mode: framesPingPong, Start: 1, Count: 3}, []int{1, 2, 3, 2, 1, 2}},
		{FrameUse{Mode: framesScene}, []int{1, 2, 3, 4, 5, 6}},
		{FrameUse{}, []int{-1, -1, -1, -1, -1, -1}},
	} {
		var got []int
		for f := 1; f <= 6; f++ {
			n, ok := test.use.number(f)
			if !ok {
				n = -1
			}
			got = append(got, n)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%+v: %s", test.use, diff)
		}
	}
}

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

// TestContents tells of files that are sent and are not what they say, of a name that differs in case, of
// libraries that were not fetched and of data that left its library.
func TestContents(t *testing.T) {
	dir := t.TempDir()
	f := blendtest.New(form5, dna5)
	image := func(old uint64, name, path string, source int) {
		f.Block("IM", "Image", old, values{"id.name": "IM" + name, "name": path, "source": source})
	}
	image(0x10, "pointer", "//tex/pointer.png", imageFile)
	image(0x20, "empty", "//tex/empty.png", imageFile)
	image(0x30, "fine", "//tex/fine.png", imageFile)
	image(0x40, "case", "//Tex/wood.png", imageFile)
	image(0x70, "page", "//tex/page.png", imageFile)
	image(0x80, "other", "//tex/other.png", imageFile)
	image(0x90, "link", "//tex/link.png", imageFile)
	image(0xA0, "unknown", "//tex/notes.xyz", imageFile)
	image(0x50, "frames", "//seq/f_01.png", imageSequence)
	f.Block("ID", "ID", 0x60, values{"name": "OBchair", "lib": uint64(0x100)})
	f.Block("LI", "Library", 0x100, values{"id.name": "LIkit", "name": "//kit.blend"})
	writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
	writeFile(t, filepath.Join(dir, "kit.blend"), []byte(pointer))
	write(t, dir, "tex/fine.png", "tex/Wood.PNG", "seq/f_01.png", "seq/f_02.png")
	writeFile(t, filepath.Join(dir, "tex", "pointer.png"), []byte(pointer))
	writeFile(t, filepath.Join(dir, "tex", "empty.png"), nil)
	writeFile(t, filepath.Join(dir, "seq", "f_03.png"), []byte(pointer))
	writeFile(t, filepath.Join(dir, "tex", "page.png"), []byte("<!DOCTYPE html>"+strings.Repeat(" ", 2000)))
	writeFile(t, filepath.Join(dir, "tex", "other.png"), blendtest.Media("a.jpg"))
	writeFile(t, filepath.Join(dir, "tex", "notes.xyz"), []byte("<!DOCTYPE html>"))
	if err := os.Symlink("pointer.png", filepath.Join(dir, "tex", "link.png")); err != nil {
		t.Skip("no links here: ", err)
	}
	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range trace.Lacks {
		rel, err := filepath.Rel(dir, l.Path)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, filepath.ToSlash(rel)+" "+l.Code+" "+l.Remedy)
	}
	slices.Sort(got)
	want := []string{
		"Tex/wood.png missing-file " + lackCodes()[LackMissing].Remedy,
		"kit.blend unreadable-library " + pullRemedy,
		"seq/f_03.png not-what-it-says " + pullRemedy,
		"tex/empty.png not-what-it-says restore the file, or render it again",
		"tex/link.png not-what-it-says " + pullRemedy,
		"tex/page.png not-what-it-says restore the file, or correct its name",
		"tex/pointer.png not-what-it-says " + pullRemedy,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("-want +got:\n" + diff)
	}
	if hint, other := trace.Missing()[0].Hint, filepath.Join(dir, "tex", "Wood.PNG"); !strings.Contains(hint, other) {
		t.Errorf("the hint is %q", hint)
	}
}

// TestMayTouch looks at no path that it is told not to touch.
func TestMayTouch(t *testing.T) {
	dir := t.TempDir()
	f := blendtest.New(form5, dna5)
	f.Block("IM", "Image", 0x10, values{"id.name": "IMfar", "name": "//far/a.png", "source": imageFile})
	f.Block("IM", "Image", 0x20, values{"id.name": "IMframes", "name": "//far/f_01.png", "source": imageSequence})
	writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
	write(t, dir, "far/a.png", "far/f_01.png")
	far := filepath.Join(dir, "far")
	tracer := newTracer(t, Config{MayTouch: func(p string) bool { return !strings.HasPrefix(p, far) }})
	trace, err := tracer.Trace(t.Context(), filepath.Join(dir, "shot.blend"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range trace.Lacks {
		if l.Code != LackNotLooked {
			t.Errorf("%+v", l)
		}
	}
	if len(trace.Lacks) != 2 {
		t.Errorf("%d lacks", len(trace.Lacks))
	}
}

// TestFoldersInCircles ends on a library that links itself by two links to its own folder: 2^40 paths.
func TestFoldersInCircles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.Symlink(".", filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	f := blendtest.New(form5, dna5)
	f.Block("OB", "Object", 0x10, values{"id.name": "OBchair", "data": uint64(0x20), "parent": uint64(0x30)})
	f.Block("ID", "ID", 0x20, values{"name": "OBchair", "lib": uint64(0x100)})
	f.Block("ID", "ID", 0x30, values{"name": "OBchair", "lib": uint64(0x110)})
	f.Block("LI", "Library", 0x100, values{"id.name": "LIa", "name": "//a/lib.blend"})
	f.Block("LI", "Library", 0x110, values{"id.name": "LIb", "name": "//b/lib.blend"})
	writeFile(t, filepath.Join(dir, "lib.blend"), f.Bytes())
	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "lib.blend"))
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.Files) > 4*maxTwins || !slices.ContainsFunc(trace.Lacks, func(l Lack) bool { return l.Code == LackTooMany }) {
		t.Errorf("%d files, lacks %v", len(trace.Files), trace.Lacks)
	}
}

// TestManyNamesOfOneSequence shares what the references to one sequence come to.
func TestManyNamesOfOneSequence(t *testing.T) {
	const images, frames = 300, 2_000
	dir := t.TempDir()
	f := blendtest.New(form5, dna5)
	for i := range images {
		f.Block("IM", "Image", uint64(0x1000+i), values{
			"id.name": fmt.Sprintf("IM%d", i), "name": fmt.Sprintf("//seq/f.%05d.png", i), "source": imageSequence,
		})
	}
	writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
	for i := range frames {
		write(t, dir, fmt.Sprintf("seq/f.%05d.png", i))
	}
	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.Files) != frames {
		t.Errorf("%d files", len(trace.Files))
	}
	for _, u := range trace.Blends[0].Uses {
		if &u.Files[0] != &trace.Blends[0].Uses[0].Files[0] {
			t.Fatal("each reference has a list of its own")
		}
	}
}

// TestMadeUp tells of each group in which nodes put a path together.
func TestMadeUp(t *testing.T) {
	got := lacksOf(t, "b522/55-import-nodes/main.blend", LackMadeUp, func(l *Lack) string { return l.ID + ": " + l.Message[strings.LastIndex(l.Message, ":")+2:] })
	want := []string{"NTformat: 3 files fit what is known of it", "NTjoin: 3 files fit what is known of it"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("-want +got:\n" + diff)
	}
}

// TestProperties tells of paths in custom properties, and sends what they lead to when told so.
func TestProperties(t *testing.T) {
	dir := t.TempDir()
	f := blendtest.New(form5, dna5)
	f.Block("OB", "Object", 0x10, values{"id.name": "OBdomain"})
	property := func(at uint64, name, value string) {
		f.Block("DATA", "IDProperty", at, values{"type": propString, "name": name, "data.pointer": at + 1})
		f.Raw("DATA", at+1, []byte(value+"\x00"))
	}
	property(0x100, "cache_directory", "//fluid")
	property(0x110, "lut", "//luts/show.cube")
	property(0x120, "gone", "//luts/gone.cube")
	property(0x130, "here", "//")
	property(0x140, "above", "//../")
	property(0x150, "text", "luts/show.cube")
	writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
	write(t, dir, "fluid/bake/000001.bobj", "fluid/bake/000002.bobj", "luts/show.cube")
	for _, send := range []bool{false, true} {
		trace, err := newTracer(t, Config{Properties: send}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
		if err != nil {
			t.Fatal(err)
		}
		want, wantLacks := []string{}, 2
		if send {
			want, wantLacks = []string{"fluid/bake/000001.bobj", "fluid/bake/000002.bobj", "luts/show.cube"}, 0
		}
		if diff := cmp.Diff(want, paths(t, trace, dir)); diff != "" {
			t.Error(diff)
		}
		if len(trace.Lacks) != wantLacks {
			t.Errorf("lacks %v", trace.Lacks)
		}
		for _, u := range trace.Blends[0].Uses {
			if u.Form == FormProperty && !send {
				t.Errorf("%v would be sent", u.Files)
			}
		}
	}
}

// TestFormats reads formats of all versions, and makes nothing up for one that is not known.
func TestFormats(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		version, number int
		name, extension string
	}{
		{502, 37, "AVIF", ".avif"}, {304, 4, "JPEG", ".jpg"}, {304, 17, "PNG", ".png"}, {502, 99, "", ""}, {249, 17, "PNG", ".png"},
	} {
		f := blendtest.New(blendtest.Form{Version: test.version, Large: test.version >= 500}, dna5)
		f.Block("GLOB", "FileGlobal", 1, values{"curscene": uint64(0x10)})
		f.Block("SC", "Scene", 0x10, values{"id.name": "SCScene", "r.im_format.imtype": test.number, "r.frs_sec_base": 1.0})
		path := filepath.Join(dir, "shot.blend")
		writeFile(t, path, f.Bytes())
		b, err := newTracer(t, Config{}).Inspect(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		s := b.Active()
		if s.FileFormat != test.name || s.FileExtension != test.extension || s.UseNodes != (test.version >= 500) || b.Old != (test.version < 270) {
			t.Errorf("%+v: %q, %q, nodes %v, old %v", test, s.FileFormat, s.FileExtension, s.UseNodes, b.Old)
		}
		_, known := s.RNA()["render.file_extension"]
		if known != (test.name != "") {
			t.Errorf("%+v: known to expressions: %v", test, known)
		}
	}
}

// TestLinkedBases takes // of linked strips and lights for what the Blender takes it for that saved the shot.
func TestLinkedBases(t *testing.T) {
	for version, want := range map[int][]string{
		304: {"lib/ies/a.ies", "lib/kit.blend", "strip/a.png"},
		403: {"lib/ies/a.ies", "lib/kit.blend", "lib/strip/a.png"},
		502: {"ies/a.ies", "lib/kit.blend", "lib/strip/a.png"},
	} {
		dir := t.TempDir()
		dna := dna5 + "\n\tNodeShaderTexIES: int mode; char filepath[1024]\n"
		lib := blendtest.New(form5, dna)
		lib.Block("SC", "Scene", 0x10, values{"id.name": "SCedit", "camera": uint64(0x20)})
		lib.Block("DATA", "Sequence", 0x11, values{"type": stripImage, "strip": uint64(0x12)})
		lib.Block("DATA", "Strip", 0x12, values{"dir": "//strip/", "stripdata": uint64(0x13)})
		lib.Block("DATA", "StripElem", 0x13, values{"name": "a.png"})
		lib.Block("OB", "Object", 0x20, values{"id.name": "OBlight"})
		lib.Block("DATA", "NodeShaderTexIES", 0x21, values{"mode": 1, "filepath": "//ies/a.ies"})
		writeFile(t, filepath.Join(dir, "lib", "kit.blend"), lib.Bytes())
		f := blendtest.New(blendtest.Form{Version: version, Large: version >= 500}, dna)
		f.Block("ID", "ID", 0x10, values{"name": "SCedit", "lib": uint64(0x100)})
		f.Block("LI", "Library", 0x100, values{"id.name": "LIkit", "name": "//lib/kit.blend"})
		writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
		write(t, dir, "ies/a.ies", "strip/a.png", "lib/ies/a.ies", "lib/strip/a.png")
		trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, paths(t, trace, dir)); diff != "" {
			t.Error(version, diff)
		}
	}
}

// TestCacheHoles finds frames that baked caches and movie clips lack.
func TestCacheHoles(t *testing.T) {
	dna := dna5 + "\n\tMovieClip: ID id; char name[1024]; int source; int start_frame; int frame_offset; int len\n" +
		"\tParticleSystem: void *part; PointCache *pointcache\n"
	dir := t.TempDir()
	f := blendtest.New(form5, dna)
	f.Block("GLOB", "FileGlobal", 1, values{"curscene": uint64(0x90)})
	f.Block("SC", "Scene", 0x90, values{"id.name": "SCScene", "r.frs_sec_base": 1.0, "r.sfra": 1, "r.efra": 6})
	f.Block("NT", "bNodeTree", 0x10, values{"id.name": "NTcomp"})
	f.Block("DATA", "bNode", 0x11, values{"idname": "CompositorNodeMovieClip", "id": uint64(0x20)})
	clip := func(old uint64, name string, length int) {
		f.Block("MC", "MovieClip", old, values{
			"id.name": "MC" + name, "name": "//" + name + "/c_0101.png", "source": clipSequence, "start_frame": 2, "len": length,
		})
	}
	clip(0x20, "plate", 2) // of 5: Blender counts up to the first hole
	clip(0x30, "track", 5) // nothing shows it
	f.Block("OB", "Object", 0x40, values{"id.name": "OBdust"})
	f.Block("DATA", "PointCache", 0x41, values{"flag": cacheOnDisk | cacheBaked, "name": "dust"})
	f.Block("DATA", "PointCache", 0x42, values{"flag": cacheExternal, "index": -1, "name": "a_1000", "path": "//ext"})
	f.Block("DATA", "PointCache", 0x43, values{"flag": cacheOnDisk, "name": "played"})
	f.Block("OB", "Object", 0x50, values{"id.name": "OBnodes"})
	f.Block("DATA", "NodesModifierData", 0x51, values{"simulation_bake_directory": uint64(0x52), "bakes": uint64(0x53)})
	f.Raw("DATA", 0x52, []byte("//bakes\x00"))
	f.Block("DATA", "NodesModifierBake", 0x53, values{"id": 7})
	writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
	for _, n := range []int{101, 103, 105} {
		write(t, dir, fmt.Sprintf("plate/c_%04d.png", n), fmt.Sprintf("track/c_%04d.png", n))
	}
	for _, n := range []int{1, 2, 3, 5, 9, 10} { // 7 and 8 are not in the scene
		write(t, dir, fmt.Sprintf("blendcache_shot/dust_%06d_00.bphys", n), fmt.Sprintf("blendcache_shot/played_%06d_00.bphys", n))
	}
	for _, n := range []int{1, 3, 5, 6} { // each second, and the last one
		write(t, dir, fmt.Sprintf("ext/a_1000_%06d.bphys", n))
	}
	for _, n := range []int{1, 2, 4, 5} {
		write(t, dir, fmt.Sprintf("bakes/7/meta/%06d_00000.json", n))
	}
	write(t, dir, "bakes/7/blobs/000001_00000.blob", "bakes/7/blobs/000005_00000.blob")
	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range trace.Lacks {
		if l.Code == LackHole {
			rel, err := filepath.Rel(dir, l.Path)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, filepath.ToSlash(rel)+" "+l.Frames)
		}
	}
	slices.Sort(got)
	want := []string{"bakes/7/meta/000003_00000.json 3", "blendcache_shot/dust_000004_00.bphys 4,6", "plate/c_0102.png 102,104"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("-want +got:\n" + diff)
	}
}
