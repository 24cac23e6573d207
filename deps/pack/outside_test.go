package pack

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sniffed are files as they begin, by their names.
func sniffed(t testing.TB) map[string]string {
	pad := strings.Repeat("\x00", 64)
	gz := containers(t)["gzip"]
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
		"a.avi": "RIFF\x10\x00\x00\x00AVI " + pad, "a.mkv": "\x1a\x45\xdf\xa3" + pad, "a.webm": "\x1a\x45\xdf\xa3" + pad,
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
		"a.blend": string(blend), "gz.blend": string(containers(t)["gzip"](blend)), "zstd.blend": string(containers(t)["zstd as Blender"](blend)),
		"a.ies": "IESNA:LM-63-2002\r\nTILT=NONE\r\n", "old.ies": "made in 1986\nTILT=NONE\n",
		"a.osl": "shader foo(output color c = 0) {}\n", "a.oso": "OpenShadingLanguage 1.00\n",
	}
}

func looks(name, content string) bool {
	head, tail := content[:min(len(content), sniffLen)], content[max(0, len(content)-26):]
	return looksAs(name, []byte(head), []byte(tail), int64(len(content)))
}

func TestLooksAs(t *testing.T) {
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
		"packed key": string(containers(t)["gzip"]([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"))),
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

func TestPolicy(t *testing.T) {
	dir := t.TempDir()
	png := sniffed(t)["a.png"]
	write := func(name, content string) string {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("tex/wood.png", png)
	write("tex/.hidden.png", png)
	write(".ssh/id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\n")
	write(".cache/thumb.png", png)
	write("home/key.png", "-----BEGIN OPENSSH PRIVATE KEY-----\n")
	write("home/notes.txt", "secret")
	write("lib/notes.txt", "a studio's")
	write("tex/folder.png/x", "")
	for name, target := range map[string]string{
		"tex/to_key.png": ".ssh/id_rsa", "tex/to_thumb.png": ".cache/thumb.png", "tex/to_wood.png": "tex/wood.png",
		"lib/to_key.txt": ".ssh/id_rsa", "tex/nowhere.png": "tex/gone.png",
	} {
		if err := os.Symlink(filepath.Join(dir, target), filepath.Join(dir, name)); err != nil {
			t.Skip("no links here: ", err)
		}
	}
	roots := []string{filepath.Join(dir, "lib")}
	for _, c := range []struct {
		file   string
		policy Policy
		held   string // "": it may go
	}{
		{"tex/wood.png", Policy{}, ""},
		{"tex/wood.png", Policy{Outside: OutsideMedia}, ""},
		{"tex/wood.png", Policy{Outside: OutsideDeny}, "--outside deny"},
		{"tex/.hidden.png", Policy{}, ""},
		{".cache/thumb.png", Policy{}, "hidden folder"},
		{"tex/to_thumb.png", Policy{}, "hidden folder"},
		{"tex/to_wood.png", Policy{}, ""},
		{"tex/to_key.png", Policy{}, "hidden folder"},
		{"home/key.png", Policy{}, "first bytes"},
		{"home/notes.txt", Policy{}, "name"},
		{"home/notes.txt", Policy{Outside: OutsideAll}, ""},
		{".ssh/id_rsa", Policy{Outside: OutsideAll}, ""},
		{"home/notes.txt", Policy{Roots: roots}, "name"},
		{"lib/notes.txt", Policy{Roots: roots}, ""},
		{"lib/notes.txt", Policy{Outside: OutsideDeny, Roots: roots}, ""},
		{"lib/to_key.txt", Policy{Roots: roots}, "hidden folder"},
		{"tex/folder.png", Policy{Outside: OutsideAll}, "no regular file"},
	} {
		err := c.policy.Check(filepath.Join(dir, filepath.FromSlash(c.file)))
		held, isHeld := errors.AsType[*HeldError](err)
		switch {
		case c.held == "" && err != nil:
			t.Errorf("%s under %+v: %v", c.file, c.policy, err)
		case c.held != "" && (!isHeld || !strings.Contains(held.Reason, c.held)):
			t.Errorf("%s under %+v: %v, want a reason with %q", c.file, c.policy, err, c.held)
		}
	}
	if err := (Policy{}).Check(filepath.Join(dir, "tex/nowhere.png")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link to nothing: %v", err)
	}
}

func TestPolicyValidate(t *testing.T) {
	for _, p := range []Policy{{Outside: "some"}, {Roots: []string{"relative"}}, {Roots: []string{""}}} {
		if p.Validate() == nil {
			t.Errorf("%+v is accepted", p)
		}
	}
	if err := (Policy{Outside: OutsideDeny, Roots: []string{t.TempDir()}}).Validate(); err != nil {
		t.Error(err)
	}
}

// FuzzLooksAs holds that no content makes it fail, and that it never lets
// through a name that it does not know.
func FuzzLooksAs(f *testing.F) {
	for name, content := range sniffed(f) {
		f.Add(name, []byte(content))
	}
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		if looks(name, string(content)) && claimedBy(extension(name)) == 0 {
			t.Errorf("%q passed", name)
		}
	})
}
