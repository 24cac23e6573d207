package gate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What files begin with.
const (
	pngStart   = "\x89PNG\r\n\x1a\n0000"
	blendStart = "BLENDER-v304"
	movStart   = "\x00\x00\x00\x14ftypqt  "
)

func TestPolicy(t *testing.T) {
	dir := t.TempDir()
	png := pngStart
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

// TestInside is about files of the project: what holds in every project, and what holds in one that was
// guessed.
func TestInside(t *testing.T) {
	base := t.TempDir()
	png := pngStart
	for name, content := range map[string]string{
		"proj/tex/wood.png": png, "proj/tex/.wood.png": png, "proj/.ssh/id_rsa": "KEY", "proj/.env": "SECRET", "proj/.cache/thumb.png": png,
		"proj/.git/config": "[core]", "proj/CVS/x.png": png, "proj/Documents/tax.pdf": "%PDF", "proj/fake.png": "KEY", "proj/notes.txt": "x",
		"proj/shot.blend1": blendStart, "proj/private/x.png": png, "proj/private/deep/x.png": png, "proj/private/deep/.flsyncignore": "!x.png",
		"proj/.flsyncignore": "/private/\n*.mov\n!keep.mov\n", "proj/a.mov": movStart, "proj/keep.mov": movStart,
		"proj/sub/.flsyncignore": "!b.mov", "proj/sub/b.mov": movStart, "secret/key": "KEY", "secret/x.png": png,
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

// TestSwappedFolder holds that a folder which becomes a link after it was looked at does not lead out of the
// project.
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

// TestReach holds that a link to another computer is not followed, wherever it stands in a path, and others
// are.
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

// TestHiddenRemedy holds that the message for a font in a hidden folder says how to send it, and that for a
// key does not.
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
