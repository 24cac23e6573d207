package deps_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/lab/long"
)

// notNeeded are the ends of paths that Blender lists and no render needs.
var notNeeded = map[string]string{
	"10-outputs/icons/brush.png":          "icon of a brush, for the interface",
	"23-fluid/cache_gone":                 "cache of a domain that is not baked",
	"39-appended/lib/kit.blend":           "where appended data came from",
	"24-ocean/ocean/unbaked":              "cache of an ocean that is not baked",
	"/49-folders":                         "the path // alone",
	"/blendcache_main":                    "folder of disk caches that have no files, which Blender 5 lists",
	"/blendcache_rig":                     "folder of disk caches that have no files, which Blender 5 lists",
	"51-lib-rendered-scene/lib/other.png": "of a linked scene that Blender 4.1 and later render; the shot was saved by an older one",
	"54-holes/strip/t_0.png":              "hidden by the strip's handle",
	"54-holes/strip/t_4.png":              "hidden by the strip's handle",
	"54-holes/strip/t_5.png":              "hidden by the strip's handle",
	"54-holes/bare/image.png":             "a sequence whose name has no number: Blender opens names with one",
}

// TestAgainstBlender asks Blender which files each vector names. A trace has to
// know all of them, as found or as missing.
func TestAgainstBlender(t *testing.T) {
	blender := long.Blender(t)
	root := t.TempDir() // Blender writes into folders that it opens films of
	if err := os.CopyFS(root, os.DirFS("../testdata/blend")); err != nil {
		t.Fatal(err)
	}
	mains := vectorMains(t, root)
	args := []string{"-b", "--factory-startup", "--python-exit-code", "1", "-P", "../testdata/blend_paths.py", "--"}
	cmd := exec.Command(blender, append(args, mains...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("Blender: %v\n%s", err, out[max(0, len(out)-2000):])
	}
	tracer, err := deps.New(deps.Config{})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for line := range bytes.Lines(out) {
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
		asked++
		name, _, _ := strings.Cut(relativeTo(t, root, of.File), "/")
		t.Run(name, func(t *testing.T) {
			found, err := tracer.Trace(t.Context(), of.File)
			if err != nil {
				t.Fatal(err)
			}
			for _, hexed := range of.Paths {
				raw, err := hex.DecodeString(hexed)
				if err != nil {
					t.Fatal(err)
				}
				if len(raw) > 0 && !knows(found, path.Clean(string(raw))) {
					t.Errorf("Blender names %q; the trace does not", raw)
				}
			}
		})
	}
	if asked != len(mains) {
		t.Errorf("Blender opened %d of %d files", asked, len(mains))
	}
}

var tileToken = regexp.MustCompile(`<UDIM>|<UVTILE>`)

// fileMax is where Blender cuts paths (FILE_MAX).
const fileMax = 1024

// knows reports whether a trace found what Blender names: a file, a file of
// the set that the path stands for, or one in the folder that it is.
func knows(found *deps.Trace, named string) bool {
	for end := range notNeeded {
		if strings.HasSuffix(named, end) {
			return true
		}
	}
	named = strings.ReplaceAll(named, `\`, "/")
	pattern := tileToken.Split(named, -1)
	head, tail, isPattern := pattern[0], pattern[len(pattern)-1], len(pattern) > 1
	return slices.ContainsFunc(found.Files, func(d *deps.Dependency) bool {
		p := strings.ReplaceAll(d.Path, `\`, "/")
		switch {
		case p == named, strings.HasPrefix(p, named+"/"):
			return true
		case isPattern:
			return strings.HasPrefix(p, head) && strings.HasSuffix(p, tail)
		case !path.IsAbs(named): // Blender looks in its working folder, we beside the blend file
			return strings.HasSuffix(p, "/"+named)
		}
		return len(named) >= fileMax-2 && strings.HasPrefix(p, named)
	})
}

// vectorMains gives the blend files that the vectors are about.
func vectorMains(t *testing.T, root string) []string {
	truths, err := filepath.Glob(filepath.Join(root, "*.truth.json"))
	if err != nil || len(truths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	var mains []string
	for _, file := range truths {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var truth struct{ Main string }
		if err := json.Unmarshal(data, &truth); err != nil {
			t.Fatal(err)
		}
		mains = append(mains, filepath.Join(strings.TrimSuffix(file, ".truth.json"), truth.Main))
	}
	return mains
}

func relativeTo(t *testing.T, root, file string) string {
	rel, err := filepath.Rel(root, file)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(rel)
}
