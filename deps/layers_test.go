package deps

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps/blend/blendtest"
)

// crate writes a USD crate with these tokens, in LZ4 blocks without matches but for the last bytes.
func crate(tokens ...string) []byte {
	plain := []byte(strings.Join(tokens, "\x00") + "\x00")
	block := []byte{0} // one chunk
	literals := func(b []byte) {
		block = append(block, 15<<4)
		n := len(b) - 15
		for ; n >= 255; n -= 255 {
			block = append(block, 255)
		}
		block = append(append(block, byte(n)), b...)
	}
	literals(plain)
	u64 := func(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }
	file := append([]byte("PXR-USDC\x00\x08\x00\x00\x00\x00\x00\x00"), u64(88+24+len(block))...)
	file = append(file, make([]byte, 64)...)
	file = slices.Concat(file, u64(len(tokens)), u64(len(plain)), u64(len(block)), block)
	name := append([]byte("TOKENS"), make([]byte, 10)...)
	return slices.Concat(file, u64(1), name, u64(88), u64(24+len(block)))
}

// usdz writes a USD package of pairs of a name and contents.
func usdz(t *testing.T, entries ...string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: entries[i], Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(entries[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestLayers follows USD layers of either form, and includes of shaders.
func TestLayers(t *testing.T) {
	dir := t.TempDir()
	f := blendtest.New(form5, dna5+`
	NodeShaderScript: int mode; char filepath[1024]
	CacheFile: ID id; char filepath[1024]; char is_sequence
`)
	f.Block("CF", "CacheFile", 0x10, values{"id.name": "CFshot", "filepath": "//usd/shot.usda"})
	f.Block("MA", "Material", 0x20, values{"id.name": "MAscript"})
	f.Block("DATA", "NodeShaderScript", 0x21, values{"mode": 1, "filepath": "//osl/a.osl"})
	writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
	for name, text := range map[string]string{
		"usd/shot.usda": `#usda 1.0
( subLayers = [ @./layers/anim.usda@, @layers/layout.usdc@ ] doc = "not @../old.usda@" )
# nor @../comment.usda@
def "Tree" ( references = @../assets/tree.usd@</Tree> ) {}
def "House" ( payload = @@@../assets/house.usdz[inner.usda]@@@ ) {}
def "Broken" ( payload = @../assets/broken.usdz@ ) {}
def "Crowd" ( clips = { dictionary default = {
	asset[] assetPaths = [@../clips/crowd.001.usd@, @../clips/gone.usd@]
	string templateAssetPath = "../clips/walk.##.usd"
} } ) {}
def "Far" ( references = @/studio/far.usda@ ) {}
`,
		"usd/layers/anim.usda":   "#usda 1.0\n( subLayers = [ @../shot.usda@ ] )\n", // a circle
		"usd/layers/layout.usdc": string(crate("a", "defaultPrim", "../../assets/deep.usda", "tex/wood.png")),
		"assets/deep.usda":       "#usda 1.0\n",
		"assets/tree.usd":        string(crate("x", strings.Repeat("long", 400), "./tree_geo.usda", "x")),
		"assets/tree_geo.usda":   "#usda 1.0\ndef \"G\" { asset inputs:file = @tex/bark.png@ }",
		"assets/house.usdz": usdz(t,
			"inner.usda", "#usda 1.0\n( subLayers = [ @geo/roof.usdc@, @geo/door.usda@, @outside.usda@ ] )",
			"geo/roof.usdc", string(crate("x", "door.usda", "../inner.usda", "geo/door.usda")),
			"geo/door.usda", "#usda 1.0\n( subLayers = [ @../gone.usda@, @/studio/lock.usda@ ] )"),
		"assets/outside.usda": "#usda 1.0\n",
		"assets/broken.usdz":  "PK\x03\x04",
		"clips/crowd.001.usd": "no layer",
		"clips/walk.01.usd":   "#usda 1.0\n",
		"clips/walk.02.usd":   "#usda 1.0\n",
		"clips/walk.note.usd": "#usda 1.0\n",
		"old.usda":            "#usda 1.0\n",
		"comment.usda":        "#usda 1.0\n",
		"osl/a.osl":           "#include <stdosl.h>\n#include \"inc/b.h\"\nshader a() {}\n",
		"osl/inc/b.h":         "  # include \"c.h\"\n",
		"osl/inc/c.h":         "// #include \"not.h\"\n",
		"osl/inc/not.h":       "",
	} {
		writeFile(t, filepath.Join(dir, filepath.FromSlash(name)), []byte(text))
	}
	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(dir, "shot.blend"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"(clips/gone.usd)", "(gone.usda)", "assets/broken.usdz", "assets/deep.usda", "assets/house.usdz", "assets/outside.usda", "assets/tree.usd", "assets/tree_geo.usda",
		"clips/crowd.001.usd", "clips/walk.01.usd", "clips/walk.02.usd", "osl/a.osl", "osl/inc/b.h", "osl/inc/c.h",
		"usd/layers/anim.usda", "usd/layers/layout.usdc", "usd/shot.usda",
	}
	if diff := cmp.Diff(want, paths(t, trace, dir)); diff != "" {
		t.Error(diff)
	}
	var alone []string
	for _, l := range trace.Lacks {
		if l.Code == LackAlone {
			alone = append(alone, filepath.Base(l.Path))
		}
	}
	slices.Sort(alone)
	if diff := cmp.Diff([]string{"broken.usdz", "crowd.001.usd", "house.usdz", "shot.usda"}, alone); diff != "" {
		t.Error(diff)
	}
}

// TestLZ4 decompresses matches that overlap what they make.
func TestLZ4(t *testing.T) {
	got, err := unpackLZ4(nil, []byte{0x35, 'a', 'b', 'c', 3, 0, 0x10, '!'}, 100)
	if err != nil || string(got) != "abcabcabcabc!" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range [][]byte{{0xf0}, {0x30, 'a'}, {0x10, 'a', 9, 0}, {0x1f, 'a', 1, 0, 255, 255, 255}} {
		if _, err := unpackLZ4(nil, bad, 100); err == nil {
			t.Errorf("% x is accepted", bad)
		}
	}
}

func FuzzCrate(f *testing.F) {
	f.Add(crate("a", strings.Repeat("b", 300), "c.usd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tokens, err := crateTokens(bytes.NewReader(data), data[:min(len(data), 88)], int64(len(data)))
		if err != nil && tokens != nil {
			t.Error(fmt.Sprint(len(tokens), err))
		}
		assets(data, func(string) {})
	})
}
