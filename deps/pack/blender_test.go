package pack_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/lab/long"
)

// blender runs a script of testdata in Blender. The test is skipped where there
// is none, unless FLSYNC_REQUIRE_BLENDER says that there should be one.
func blender(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	program := long.Blender(t)
	script = filepath.Join(testdata, script)
	args = append([]string{"-b", "--factory-startup", "--python-exit-code", "1", "-P", script, "--"}, args...)
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("Blender: %v\n%s", err, out[max(0, len(out)-2000):])
	}
	return out
}

// TestBlenderRenders packs shots of which everything lies outside of the
// project, under absolute paths, and takes the originals away. The frames have
// to be those of the originals.
func TestBlenderRenders(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	project := filepath.Join(home, "robot")
	copyTree(t, filepath.Join(testdata, "project"), project)
	shots := []struct {
		name  string
		frame int
	}{{"sh020", 102}, {"sh030", 1001}}

	var frames []string
	render := func(file string, frame int, out string) {
		frames = append(frames, file, fmt.Sprint(frame), filepath.Join(dir, out))
	}
	for _, s := range shots {
		original, err := filepath.Abs(filepath.Join(testdata, "project", "shots", s.name+".blend"))
		if err != nil {
			t.Fatal(err)
		}
		render(original, s.frame, s.name+"-original.png")
		makeAbsolute(t, filepath.Join(project, "shots", s.name+".blend"))
	}
	for _, s := range shots {
		shot := filepath.Join(project, "shots", s.name+".blend")
		plan, root := checkPacked(t, shot, pack.Config{Gate: newGate(t, filepath.Join(project, "shots"), gate.Policy{})})
		if len(plan.Changed) != 2 {
			t.Errorf("%s: %d blend files are changed, want the shot and its library", s.name, len(plan.Changed))
		}
		render(filepath.Join(root, s.name+".blend"), s.frame, s.name+"-packed.png")
	}
	if err := os.Rename(home, filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	blender(t, "render_frames.py", frames...)
	for _, s := range shots {
		want, got := picture(t, filepath.Join(dir, s.name+"-original.png")), picture(t, filepath.Join(dir, s.name+"-packed.png"))
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the frame is not that of the original", s.name)
		}
		if flat(want) {
			t.Errorf("%s: the frame shows nothing", s.name)
		}
	}
}

// picture gives the pixels of a file.
func picture(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	b := img.Bounds()
	out := image.NewNRGBA(b)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			out.Set(x, y, img.At(x, y))
		}
	}
	return out.Pix
}

func flat(pixels []byte) bool {
	return !slices.ContainsFunc(pixels, func(p byte) bool { return p != pixels[0] && p != 255 })
}

// TestBlenderResolves packs every vector with absolute paths that lead out of
// the project, and asks Blender for the paths in what comes out. All files that
// were there at home have to be there in the checkout, and nowhere else.
func TestBlenderResolves(t *testing.T) {
	long.Blender(t)
	type packed struct {
		name, home, root string
		before           *deps.Trace
	}
	var cases []packed
	var homes, roots []string
	for name, main := range mains(t, "") {
		home := filepath.Join(t.TempDir(), name)
		copyTree(t, filepath.Join(testdata, "blend", name), home)
		shot := filepath.Join(home, filepath.FromSlash(main))
		makeAbsolute(t, shot)
		project := t.TempDir()
		plan, err := together(t, pack.Config{Gate: newGate(t, project, gate.Policy{Outside: gate.OutsideAll})}, trace(t, shot)).Plan(0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		root := checkout(t, plan)
		place, _ := plan.Place(shot)
		cases = append(cases, packed{name, home, root, trace(t, shot)})
		homes, roots = append(homes, shot), append(roots, filepath.Join(root, filepath.FromSlash(place)))
	}
	named := blenderPaths(t, append(homes, roots...))
	for i, c := range cases {
		before, after := named[homes[i]], named[roots[i]]
		if len(before) != len(after) {
			t.Errorf("%s: %d paths at home, %d in the checkout", c.name, len(before), len(after))
			continue
		}
		for n, p := range before {
			needed := slices.ContainsFunc(c.before.Files, func(d *deps.Dependency) bool {
				return !d.Missing && (d.Path == p.path || strings.HasPrefix(d.Path, p.path+"/"))
			})
			switch {
			case needed && p.there && !after[n].there:
				t.Errorf("%s: %s became %s, which is not there", c.name, p.path, after[n].path)
			case after[n].there && !strings.HasPrefix(after[n].path, c.root+"/") && needed:
				t.Errorf("%s: %s became %s, which is not in the checkout", c.name, p.path, after[n].path)
			}
		}
	}
}

// A namedPath is a path in a blend file as Blender resolves it.
type namedPath struct {
	path  string
	there bool
}

func blenderPaths(t *testing.T, files []string) map[string][]namedPath {
	t.Helper()
	found := map[string][]namedPath{}
	for line := range bytes.Lines(blender(t, "blend_paths.py", files...)) {
		said, ok := bytes.CutPrefix(line, []byte("PATHS "))
		if !ok {
			continue
		}
		var of struct {
			File           string
			Paths, Missing []string
		}
		if err := json.Unmarshal(said, &of); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		found[of.File] = []namedPath{}
		for _, hexed := range of.Paths {
			raw, err := hex.DecodeString(hexed)
			if err != nil {
				t.Fatal(err)
			}
			found[of.File] = append(found[of.File], namedPath{filepath.Clean(string(raw)), !slices.Contains(of.Missing, hexed)})
		}
	}
	if len(found) != len(files) {
		t.Errorf("Blender opened %d of %d files", len(found), len(files))
	}
	return found
}
