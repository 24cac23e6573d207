package sniff

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// sniffed are files as they begin, by their names.
func sniffed(t testing.TB) map[string]string {
	pad := strings.Repeat("\x00", 64)
	gz := packedWith(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	zst := packedWith(t, func(w io.Writer) io.WriteCloser {
		z, err := zstd.NewWriter(w)
		if err != nil {
			t.Fatal(err)
		}
		return z
	})
	stl := make([]byte, 84+50)
	binary.LittleEndian.PutUint32(stl[80:], 1)
	mdd := make([]byte, 8+4*2+12*2*3)
	binary.BigEndian.PutUint32(mdd, 2)
	binary.BigEndian.PutUint32(mdd[4:], 3)
	blend := append([]byte("BLENDER-v304"), pad...)
	return map[string]string{
		"a.png": "\x89PNG\r\n\x1a\n" + pad, "a.PNG": "\x89PNG\r\n\x1a\n" + pad,
		"a.jpg": "\xff\xd8\xff\xe0" + pad, "wrong suffix.png": "\xff\xd8\xff\xe0" + pad,
		"a.exr": "\x76\x2f\x31\x01" + pad, "a.hdr": "#?RADIANCE\n" + pad, "b.hdr": "#?RGBE\n" + pad,
		"a.tif": "II*\x00" + pad, "b.tiff": "MM\x00*" + pad, "c.tif": "II+\x00" + pad, "a.tx": "II*\x00" + pad,
		"a.webp": "RIFF\x10\x00\x00\x00WEBP" + pad, "a.dpx": "SDPX" + pad, "b.dpx": "XPDS" + pad,
		"a.cin": "\x80\x2a\x5f\xd7" + pad, "a.psd": "8BPS" + pad, "a.dds": "DDS " + pad, "a.gif": "GIF89a" + pad,
		"a.sgi": "\x01\xda" + pad, "a.jp2": "\x00\x00\x00\x0cjP  \r\n\x87\n" + pad, "a.j2k": "\xff\x4f\xff\x51" + pad,
		"a.avif":  "\x00\x00\x00\x20ftypavif" + pad,
		"a.bmp":   "BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00" + pad,
		"a.tga":   "\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00\x08\x00\x20\x08" + pad,
		"rle.tga": "\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00\x08\x00\x18\x00" + pad,
		"new.tga": "\x07" + pad + "TRUEVISION-XFILE.\x00",
		"a.mov":   "\x00\x00\x00\x14ftypqt  " + pad, "a.mp4": "\x00\x00\x00\x20ftypisom" + pad, "old.mov": "\x00\x00\x10\x00moov\x00\x00\x00\x00" + pad,
		"free.mov": "\x00\x00\x00\x08free\x00\x00\x10\x00mdat" + pad, "skip.mov": "\x00\x00\x00\x08skip\x00\x00\x10\x00mdat" + pad,
		"pnot.mov": "\x00\x00\x00\x14pnot\x00\x00\x00\x00\x00\x00PICT" + pad, "stream.mpg": strings.Repeat("G"+strings.Repeat("\x00", 187), 30),
		"text.stl": "solid cube\nfacet normal 0 0 1\n",
		"a.avi":    "RIFF\x10\x00\x00\x00AVI " + pad, "a.mkv": "\x1a\x45\xdf\xa3" + pad, "a.webm": "\x1a\x45\xdf\xa3" + pad,
		"a.ogv": "OggS" + pad, "a.mpg": "\x00\x00\x01\xba" + pad, "a.ts": "G" + strings.Repeat("\x00", 187) + "G" + pad,
		"a.mxf": "\x06\x0e\x2b\x34\x02\x05\x01\x01" + pad,
		"a.wav": "RIFF\x10\x00\x00\x00WAVE" + pad, "a.flac": "fLaC" + pad, "a.mp3": "ID3\x04" + pad, "bare.mp3": "\xff\xfb\x90\x00" + pad,
		"a.aiff": "FORM\x00\x00\x00\x10AIFF" + pad, "a.ogg": "OggS" + pad, "a.m4a": "\x00\x00\x00\x20ftypM4A " + pad, "a.aac": "\xff\xf1\x50" + pad,
		"a.ttf": "\x00\x01\x00\x00" + pad, "a.otf": "OTTO" + pad, "a.woff": "wOFF" + pad, "a.woff2": "wOF2" + pad,
		"a.pfb": "\x80\x01\x10\x00\x00\x00%!PS-AdobeFont-1.0" + pad, "a.ttc": "ttcf" + pad,
		"a.abc": "Ogawa\xff\x00\x01" + pad, "hdf.abc": "\x89HDF\r\n\x1a\n" + pad,
		"a.usda": "#usda 1.0\n", "a.usdc": "PXR-USDC" + pad, "a.usd": "PXR-USDC" + pad, "b.usd": "#usda 1.0\n", "a.usdz": "PK\x03\x04" + pad,
		"a.bphys": "BPHYSICS" + pad, "a.mdd": string(mdd), "a.pc2": "POINTCACHE2\x00" + pad, "a.btx": "BCDF" + pad,
		"a.ply": "ply\nformat ascii 1.0\n", "a.stl": string(stl), "a.obj": "# made\nv 1 2 3\n",
		"a.uni": string(gz([]byte("MNT3" + pad))), "fluid_mesh_0001.bobj.gz": string(gz([]byte("\xc0\x00\x00\x00" + pad))),
		"config_0001.uni": string(gz([]byte("\x00\x00\x00\x00\x08\x00\x00\x00\x06\x00\x00\x00\x08\x00\x00\x00" + pad))),
		"a.vdb":           " BDV\x00\x00\x00\x00" + pad, "a.nvdb": "NanoVDB0" + pad,
		"a.blend": string(blend), "gz.blend": string(gz(blend)), "zstd.blend": string(zst(blend)),
		"a.ies": "IESNA:LM-63-2002\r\nTILT=NONE\r\n", "old.ies": "made in 1986\nTILT=NONE\n",
		"latin1.ies": "IESNA:LM-63-2002\r\n[LUMINAIRE] Strahler 30\xb0 f\xfcr Au\xdfen\r\nTILT=NONE\r\n",
		"dos.ies":    "IESNA:LM-63-2002\r\nTILT=NONE\r\n\x1a", "bom.ies": "\ufeffIESNA:LM-63-2002\r\nTILT=NONE\r\n",
		"latin1.osl": "// Gl\xe4nzend\nshader wood(float gloss = 1) {}\n\x1a",
		"a.osl":      "shader foo(output color c = 0) {}\n", "a.oso": "OpenShadingLanguage 1.00\n",
	}
}

func packedWith(t testing.TB, packer func(io.Writer) io.WriteCloser) func([]byte) []byte {
	return func(data []byte) []byte {
		var b bytes.Buffer
		w := packer(&b)
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
}

func sample(content string) *Sample {
	var s Sample
	if err := s.Read(strings.NewReader(content), int64(len(content))); err != nil {
		panic(err)
	}
	return &s
}

// TestReadAgain takes samples of files with the memory of one: nothing of the file before is left in it, and
// a look at a picture allocates nothing.
func TestReadAgain(t *testing.T) {
	s := sample(strings.Repeat("a longer file\n", 1000))
	for _, content := range []string{"", "short", sniffed(t)["a.png"]} {
		if err := s.Read(strings.NewReader(content), int64(len(content))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sample(content), s, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
	picture := strings.NewReader(sniffed(t)["a.png"])
	if n := testing.AllocsPerRun(10, func() {
		if s.Read(picture, picture.Size()) != nil || !s.Is("a.png") {
			t.Error("a.png is not taken for what it is")
		}
	}); n > 0 {
		t.Errorf("a look at a picture allocates %v times", n)
	}
}

// TestBakes takes what geometry nodes bake for what it is, and nothing else that has such a name.
func TestBakes(t *testing.T) {
	for name, want := range map[string]map[string]bool{
		"/b/7/meta/00012_00000.json":   {`{"version":3,"items":{}}`: true, `{"aws_secret":"x"}`: false, "": false},
		"/b/7/blobs/000012_50000.blob": {"\x00\x00\x80\x3f": true, "-----BEGIN OPENSSH PRIVATE KEY-----\n": false, "": true},
		"bdata/00012_00000.bdata":      {"\x00\x00\x80\x3f": true, "root:x:0:0\n": false},
		"/b/7/00012_00000.blob":        {"\x00\x00\x80\x3f": false},
		"/b/meta/settings.json":        {`{"version":3}`: false},
	} {
		for content, is := range want {
			if got := looks(name, content); got != is {
				t.Errorf("%s with %q: %v", name, content, got)
			}
		}
	}
}

func looks(name, content string) bool { return sample(content).Is(name) }

func TestIs(t *testing.T) {
	for name, content := range sniffed(t) {
		if !looks(name, content) {
			t.Errorf("%s is not taken for what it is", name)
		}
		for _, other := range []string{"id_rsa", "a.txt", "a.json", "a.key", "a.pem", "a.py", "a.sqlite", ".png", "a.blend1", "png"} {
			if looks(other, content) {
				t.Errorf("%s passes under the name %s", name, other)
			}
		}
	}
	secrets := map[string]string{
		"packed key": string(packedWith(t, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"))),
		"key":        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n",
		"passwd":     "root:x:0:0:root:/root:/bin/bash\n",
		"sqlite":     "SQLite format 3\x00\x10\x00\x01\x01\x00@  ",
		"python":     "SECRET_KEY = 'hunter2'\n",
		"elf":        "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00>\x00",
		"document":   "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
		"zeros":      strings.Repeat("\x00", 4096),
		"short":      "x",
		"empty":      "",
	}
	for what, content := range secrets {
		for name := range sniffed(t) {
			if looks(name, content) {
				t.Errorf("%s passes under the name %s", what, name)
			}
		}
	}
}

// TestClassesAreApart holds that a name of one class does not pass with
// the contents of another.
func TestClassesAreApart(t *testing.T) {
	for _, c := range []struct{ name, contentOf string }{
		{"a.png", "a.wav"}, {"a.png", "a.blend"}, {"a.wav", "a.avi"}, {"a.wav", "a.webp"}, {"a.ttf", "a.png"},
		{"a.abc", "a.vdb"}, {"a.blend", "a.uni"}, {"a.vdb", "a.bphys"}, {"a.ies", "a.osl"}, {"a.osl", "a.ies"}, {"a.tga", "a.ttf"},
		{"a.mdd", "a.stl"},
	} {
		if looks(c.name, sniffed(t)[c.contentOf]) {
			t.Errorf("%s passes with the contents of %s", c.name, c.contentOf)
		}
	}
}

// FuzzIs holds that no content makes it fail, and that it never lets
// through a name that it does not know.
func FuzzIs(f *testing.F) {
	for name, content := range sniffed(f) {
		f.Add(name, []byte(content))
	}
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		if looks(name, string(content)) && !Known(name) {
			t.Errorf("%q passed", name)
		}
	})
}

// TestContradicts holds that files of other kinds and what is left of broken copies are told, and no file
// that some Blender may read.
func TestContradicts(t *testing.T) {
	files := sniffed(t)
	for name, content := range files {
		if sample(content).Contradicts(name) {
			t.Errorf("%s contradicts its own name", name)
		}
	}
	html, zeros, other := "<!DOCTYPE html>\n<title>404</title>", strings.Repeat("\x00", 5000), "\x12\x34\x56\x78\x9a\xbc\xde\xf0 some other bytes"
	for _, tt := range []struct {
		name, content string
		want          bool
	}{
		{"a.png", html, true}, {"a.png", zeros, true}, {"a.png", other, true}, {"a.png", files["a.jpg"], false}, {"a.png", "x", true},
		{"a.tga", html, true}, {"a.tga", other, false},
		{"a.mp4", html, true}, {"a.mp4", zeros, true}, {"a.mp4", other, false}, {"a.mp4", files["a.mkv"], false}, {"a.mp4", files["a.png"], true},
		{"a.mp3", other, false}, {"a.wav", files["a.mov"], false}, {"a.ttf", files["a.png"], true}, {"a.vdb", other, true}, {"a.abc", html, true},
		{"a.obj", "mg 1\n", false}, {"a.ies", html, false}, {"a.stl", other, false}, {"a.obj", files["a.png"], true}, {"a.obj", "Gx" + strings.Repeat("y", 186) + "Gz" + strings.Repeat("y", 300), false},
		{"a.txt", html, false}, {"a.csv", zeros, false}, {"a.png", "", false},
	} {
		if got := sample(tt.content).Contradicts(tt.name); got != tt.want {
			t.Errorf("%s with %.20q: %v, want %v", tt.name, tt.content, got, tt.want)
		}
	}
}
