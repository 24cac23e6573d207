package deps_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/internal/lab/long"
)

// notRead are properties that hold paths and that no render reads, and why.
var notRead = map[string]string{
	"BakeSettings.filepath":                 "written only",
	"Brush.icon_filepath":                   "shown in the interface only",
	"RenderSettings.filepath":               "written only",
	"CompositorNodeOutputFile.base_path":    "written only",
	"CompositorNodeOutputFile.file_name":    "written only",
	"CompositorNodeOutputFile.directory":    "written only",
	"DynamicPaintSurface.image_output_path": "written only",
	"PointCache.filepath":                   "counts when the cache is external",
	"PointCacheItem.filepath":               "counts when the cache is external",
	"SequenceProxy.directory":               "counts for proxies that are on disk",
	"SequenceProxy.filepath":                "counts for proxies that are on disk",
	"StripProxy.directory":                  "counts for proxies that are on disk",
	"StripProxy.filepath":                   "counts for proxies that are on disk",
	"SequenceEditor.proxy_dir":              "counts for proxies that are on disk",
	"MovieClipProxy.directory":              "counts for proxies that are on disk",
	"OceanModifier.filepath":                "counts when it is baked",
	"FluidDomainSettings.cache_directory":   "counts when it is baked",
	"NodesModifier.bake_directory":          "counts for bakes, of which there are none",
	"NodesModifierBake.directory":           "counts for bakes, of which there are none",
}

// TestEveryPathProperty has Blender set every property that is the path of a file or a folder. A property
// that is neither traced nor known to be unread is new: find out what it does, and add it to the table or to
// notRead.
func TestEveryPathProperty(t *testing.T) {
	blender, dir := long.Blender(t), t.TempDir()
	cmd := exec.Command(blender, "-b", "--factory-startup", "--python-exit-code", "1", "-P", "../testdata/blend_rna.py", "--", dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("Blender: %v\n%s", err, out[max(0, len(out)-2000):])
	}
	properties := map[string]string{}
	for line := range bytes.Lines(out) {
		if said, ok := bytes.CutPrefix(line, []byte("RNA ")); ok {
			if err := json.Unmarshal(said, &properties); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(properties) < 15 {
		t.Fatalf("Blender has only %d properties: %v", len(properties), properties)
	}
	tracer, err := deps.New(deps.Config{})
	if err != nil {
		t.Fatal(err)
	}
	trace, err := tracer.Trace(t.Context(), filepath.Join(dir, "main.blend"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range properties {
		traced := false
		for _, b := range trace.Blends {
			for _, u := range b.Uses {
				traced = traced || strings.Contains(u.Path, "rna/"+name+".x")
			}
		}
		if !traced && notRead[name] == "" {
			t.Errorf("%s holds a path, and it is not known what Blender does with it", name)
		}
	}
}
