package gate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

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
	project := t.TempDir()
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
		_, err := newGate(t, Config{Project: project, Policy: c.policy}).Decide(filepath.Join(dir, filepath.FromSlash(c.file)))
		held, isHeld := errors.AsType[*HeldError](err)
		switch {
		case c.held == "" && err != nil:
			t.Errorf("%s under %+v: %v", c.file, c.policy, err)
		case c.held != "" && (!isHeld || !strings.Contains(held.Reason, c.held)):
			t.Errorf("%s under %+v: %v, want a reason with %q", c.file, c.policy, err, c.held)
		}
	}
	if _, err := newGate(t, Config{Project: project}).Decide(filepath.Join(dir, "tex/nowhere.png")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link to nothing: %v", err)
	}
}

func newGate(t testing.TB, cfg Config) *Gate {
	t.Helper()
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// TestInside is about files of the project: what holds in every project, and what holds in one that was guessed.
func TestInside(t *testing.T) {
	base := t.TempDir()
	png := sniffed(t)["a.png"]
	for name, content := range map[string]string{
		"proj/tex/wood.png": png, "proj/tex/.wood.png": png, "proj/.ssh/id_rsa": "KEY", "proj/.env": "SECRET", "proj/.cache/thumb.png": png,
		"proj/.git/config": "[core]", "proj/CVS/x.png": png, "proj/Documents/tax.pdf": "%PDF", "proj/fake.png": "KEY", "proj/notes.txt": "x",
		"proj/shot.blend1": sniffed(t)["a.blend"], "proj/private/x.png": png, "proj/private/deep/x.png": png, "proj/private/deep/.flsyncignore": "!x.png",
		"proj/.flsyncignore": "/private/\n*.mov\n!keep.mov\n", "proj/a.mov": sniffed(t)["a.mov"], "proj/keep.mov": sniffed(t)["a.mov"],
		"proj/sub/.flsyncignore": "!b.mov", "proj/sub/b.mov": sniffed(t)["a.mov"], "secret/key": "KEY", "secret/x.png": png,
	} {
		file := filepath.Join(base, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"proj/tex/to_wood.png": "wood.png", "proj/tex/to_key.png": "../../secret/key", "proj/tex/out.png": "../../secret/x.png", "proj/out": "../secret",
	} {
		if err := os.Symlink(target, filepath.Join(base, filepath.FromSlash(name))); err != nil {
			t.Skip("no links here: ", err)
		}
	}
	const goes = ""
	for _, c := range []struct{ file, named, guessed string }{
		{"tex/wood.png", goes, goes},
		{"tex/to_wood.png", goes, goes},
		{"tex/.wood.png", goes, "hidden"},
		{".ssh/id_rsa", goes, "hidden"},
		{".env", goes, "hidden"},
		{".cache/thumb.png", goes, "hidden"},
		{".git/config", "version control", "version control"},
		{"CVS/x.png", "version control", "version control"},
		{"Documents/tax.pdf", goes, "name"},
		{"notes.txt", goes, "name"},
		{"fake.png", goes, "first bytes"},
		{"shot.blend1", goes, "name"},
		{"private/x.png", ".flsyncignore", ".flsyncignore"},
		{"private/deep/x.png", ".flsyncignore", ".flsyncignore"},
		{"a.mov", ".flsyncignore", ".flsyncignore"},
		{"keep.mov", goes, goes},
		{"sub/b.mov", goes, goes},
		{"tex", "no regular file", "no regular file"},
		{"tex/to_key.png", "outside of the project", "outside of the project"},
		{"tex/out.png", goes, goes},
		{"out/x.png", goes, goes},
		{"out/key", "outside of the project", "outside of the project"},
	} {
		for guessed, want := range map[bool]string{false: c.named, true: c.guessed} {
			file := filepath.Join(base, "proj", filepath.FromSlash(c.file))
			f, err := newGate(t, Config{Project: filepath.Join(base, "proj"), Guessed: guessed}).Decide(file)
			held, isHeld := errors.AsType[*HeldError](err)
			switch {
			case want == goes && err != nil:
				t.Errorf("guessed %v: %v", guessed, err)
			case want == goes && (f.Path != file || f.Info == nil || f.Info.Mode()&fs.ModeSymlink != 0):
				t.Errorf("guessed %v: %s: got %+v", guessed, c.file, f)
			case want != goes && (!isHeld || !strings.Contains(held.Reason, want)):
				t.Errorf("guessed %v: %s: %v, want a reason with %q", guessed, c.file, err, want)
			}
		}
	}
}

// TestSwappedFolder holds that a folder which becomes a link after it was looked at does not lead out of the project.
func TestSwappedFolder(t *testing.T) {
	base := t.TempDir()
	for _, name := range []string{"proj/tex/a.png", "proj/tex/b.png", "secret/b.png"} {
		file := filepath.Join(base, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g := newGate(t, Config{Project: filepath.Join(base, "proj")})
	if _, err := g.Decide(filepath.Join(base, "proj/tex/a.png")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(base, "proj/tex"), filepath.Join(base, "proj/old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(base, "secret"), filepath.Join(base, "proj/tex")); err != nil {
		t.Skip("no links here: ", err)
	}
	if f, err := g.Decide(filepath.Join(base, "proj/tex/b.png")); err == nil {
		t.Errorf("%s may leave as a file of the project", f.Real)
	}
}

func TestUnlikelyProject(t *testing.T) {
	home := t.TempDir()
	below := filepath.Join(home, "shots")
	if err := os.Mkdir(below, 0o700); err != nil {
		t.Fatal(err)
	}
	for project, unlikely := range map[string]bool{home: true, filepath.Dir(home): true, filepath.VolumeName(home) + string(filepath.Separator): true, below: false} {
		if got := newGate(t, Config{Project: project, Guessed: true}).UnlikelyProject(home); (got != "") != unlikely {
			t.Errorf("%s: %q, want it unlikely: %v", project, got, unlikely)
		}
		if got := newGate(t, Config{Project: project}).UnlikelyProject(home); got != "" {
			t.Errorf("%s was named, and yet %q", project, got)
		}
	}
}

// TestMayTouch holds that no path on another computer is looked at unless somebody has allowed it.
func TestMayTouch(t *testing.T) {
	const windows, unix = true, false
	for _, c := range []struct {
		path    string
		windows bool
		want    string // who may look: nobody but a policy of all, its root, or everybody
	}{
		{`\\evil\share\x.png`, windows, "all"},
		{"//evil/share/x.png", windows, "all"},
		{`\\?\UNC\evil\share\x.png`, windows, "all"},
		{`\\.\pipe\x`, windows, "all"},
		{`\\?\C:\x.png`, windows, "everybody"},
		{`C:\x.png`, windows, "everybody"},
		{`\\farm\proj\x.png`, windows, "everybody"}, // the project's computer
		{`\\LIBS\share\tex\x.png`, windows, "root"},
		{`\\libs\share\tex\..\..\x.png`, windows, "all"},
		{"/net/evil/x.png", unix, "all"},
		{"/tmp/../net/evil/x.png", unix, "all"},
		{"/net/farm/x.png", unix, "everybody"},
		{"/net/farm/../evil/x.png", unix, "all"},
		{"/net/libs/share/tex/x.png", unix, "root"},
		{"/Network/Servers/evil/x.png", unix, "all"},
		{"/network/x.png", unix, "everybody"},
		{"//evil/share/x.png", unix, "everybody"}, // no share here
		{"/home/x.png", unix, "everybody"},
	} {
		project, root := "/net/farm/proj", "/net/libs/share"
		if c.windows {
			project, root = `\\farm\proj`, `\\libs\share`
		}
		for _, outside := range []Outside{OutsideMedia, OutsideDeny, OutsideAll} {
			for _, roots := range [][]string{nil, {root}} {
				policy := Policy{Outside: outside, Roots: roots}
				want := c.want == "everybody" || outside == OutsideAll || roots != nil && c.want == "root"
				if got := policy.mayTouch(c.path, c.windows, project); got != want {
					t.Errorf("%s, windows %v, %s, roots %v: %v, want %v", c.path, c.windows, outside, roots, got, want)
				}
			}
		}
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

// TestReach holds that a link to another computer is not followed, wherever it stands in a path, and others are.
func TestReach(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"proj", "tex/deep"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"proj/far": "/net/host/x", "proj/near": dir + "/tex", "proj/file.png": "far/a.png", "far": "/net/host",
		"proj/tricky": "near/deep/../../far", "proj/circle": "circle",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	reach := Policy{}.Reach(filepath.Join(dir, "proj"))
	for name, want := range map[string]bool{
		"proj/far/a.png": false, "proj/far": false, "proj/file.png": false, "proj/tricky/a.png": false,
		"proj/near/a.png": true, "proj/near/deep": true, "proj/gone/a.png": true, "proj/circle/a.png": true,
	} {
		if got := reach(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	far := filepath.Join(dir, "proj", "far", "a.png")
	g, err := New(Config{Project: filepath.Join(dir, "proj")})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Decide(far); !errors.As(err, new(*HeldError)) {
		t.Errorf("Decide: %v", err)
	}
	if !(Policy{Outside: OutsideAll}).Reach(dir)(far) {
		t.Error("not even with a policy of all")
	}
}

// TestHiddenRemedy holds that the message for a font in a hidden folder says how to send it, and that for a key does not.
func TestHiddenRemedy(t *testing.T) {
	dir := t.TempDir()
	g, err := New(Config{Project: filepath.Join(dir, "proj")})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	fonts := filepath.Join(dir, ".local", "share", "fonts")
	if err := os.MkdirAll(fonts, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a.ttf": true, "id_rsa": false} {
		if err := os.WriteFile(filepath.Join(fonts, name), []byte("\x00\x01\x00\x00"), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := g.Decide(filepath.Join(fonts, name))
		if err == nil || strings.Contains(err.Error(), "name "+filepath.ToSlash(fonts)+" in outside_roots") != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
