package deps

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps/blend/blendtest"
	"github.com/flsync/flsync/internal/lab/long"
)

// TestNeedsPython knows the expressions that Blender computes without Python.
func TestNeedsPython(t *testing.T) {
	for text, want := range map[string]bool{
		"var": false, "sin(frame*2)+1": false, "1 if a > b else 0": false, "lerp(a, b, 0.5)": false, "not a and b": false, "": false,
		"noise.random()": true, "self.x": true, "a[0]": true, "my_function(a)": true, "[x for x in y]": true, "'a'": true,
	} {
		if got := needsPython(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestSimulations has Blender make simulations with and without bakes, scripts and drivers. In Blender 3.6
// and later there are simulations of geometry nodes, too.
func TestSimulations(t *testing.T) {
	program := long.Blender(t)
	main := filepath.Join(t.TempDir(), "main.blend")
	out, err := exec.Command(program, "-b", "--factory-startup", "--python-exit-code", "1", "-P", "../testdata/blend_sims.py", "--", main).CombinedOutput()
	if err != nil {
		t.Fatalf("Blender: %v\n%s", err, out[max(0, len(out)-2000):])
	}
	trace, err := newTracer(t, Config{}).Trace(t.Context(), main)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range trace.Lacks {
		if l.Code == LackUnbaked && l.ID != "OBgn" {
			what, _, _ := strings.Cut(l.Message, ",")
			got = append(got, what)
		}
		if l.Code == LackUnbaked != (l.Severity == SeverityWarning) {
			t.Errorf("%+v", l)
		}
	}
	slices.Sort(got)
	want := []string{
		"cloth of OBloose: not baked", "cloth of OBshort: baked up to frame 10", "fluid of OBfluid: not baked",
		"particles of OBemit: not baked", "rigid bodies of SCScene: not baked", "soft body of OBsoft: not baked",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("-want +got:\n" + diff)
	}
	nodes := slices.ContainsFunc(trace.Lacks, func(l Lack) bool { return l.ID == "OBgn" && l.Code == LackUnbaked })
	if has := strings.Contains(string(out), "SIMULATION NODES"); has != nodes {
		t.Errorf("Blender has simulation zones: %v, told: %v", has, nodes)
	}
	if diff := cmp.Diff([]string{"OBdriven: noise.random()", "TXrig_ui.py"}, trace.Blend.Scripts); diff != "" {
		t.Error("scripts: -want +got:\n" + diff)
	}
	if s := trace.Blend.Active(); !s.HasCompositor || s.HasCompositeOutput {
		t.Errorf("compositor %v, output %v", s.HasCompositor, s.HasCompositeOutput)
	}
}

// TestLinkedSimulations tells of simulations whose node tree, or particle settings, come from a library of a
// library.
func TestLinkedSimulations(t *testing.T) {
	dna := dna5 + "\n\tParticleSystem: void *part; PointCache *pointcache\n\tParticleSettings: ID id; short type; short phystype\n"
	for _, zone := range []bool{true, false} {
		dir := t.TempDir()
		deep := blendtest.New(form5, dna)
		deep.Block("NT", "bNodeTree", 0x10, values{"id.name": "NTinner"})
		deep.Block("DATA", "bNode", 0x11, values{"idname": map[bool]string{true: "GeometryNodeSimulationOutput", false: "GeometryNodeViewer"}[zone]})
		writeFile(t, filepath.Join(dir, "deep.blend"), deep.Bytes())
		lib := blendtest.New(form5, dna)
		lib.Block("NT", "bNodeTree", 0x10, values{"id.name": "NTouter"})
		lib.Block("DATA", "bNode", 0x11, values{"idname": "GeometryNodeGroup", "id": uint64(0x20)})
		lib.Block("ID", "ID", 0x20, values{"name": "NTinner", "lib": uint64(0x100)})
		lib.Block("LI", "Library", 0x100, values{"id.name": "LIdeep", "name": "//deep.blend"})
		lib.Block("PA", "ParticleSettings", 0x30, values{"id.name": "PAsparks", "phystype": map[bool]int{true: 1, false: 0}[zone]})
		writeFile(t, filepath.Join(dir, "lib.blend"), lib.Bytes())
		f := blendtest.New(form5, dna)
		f.Block("GLOB", "FileGlobal", 1, values{"curscene": uint64(0x90)})
		f.Block("SC", "Scene", 0x90, values{"id.name": "SCScene", "r.frs_sec_base": 1.0, "r.sfra": 1, "r.efra": 20})
		f.Block("OB", "Object", 0x10, values{"id.name": "OBnodes"})
		f.Block("DATA", "NodesModifierData", 0x11, values{"modifier.mode": modifierRenders, "node_group": uint64(0x20)})
		f.Block("ID", "ID", 0x20, values{"name": "NTouter", "lib": uint64(0x100)})
		f.Block("OB", "Object", 0x30, values{"id.name": "OBsparks"})
		f.Block("DATA", "ParticleSystem", 0x31, values{"part": uint64(0x40), "pointcache": uint64(0x32)})
		f.Block("DATA", "PointCache", 0x32, values{"index": 1})
		f.Block("ID", "ID", 0x40, values{"name": "PAsparks", "lib": uint64(0x100)})
		f.Block("LI", "Library", 0x100, values{"id.name": "LIlib", "name": "//lib.blend"})
		writeFile(t, filepath.Join(dir, "shot.blend"), f.Bytes())
		store := &memory{}
		for range 2 { // read, and remembered
			tracer := newTracer(t, Config{Facts: store, Digest: func(_ context.Context, path string) (string, error) { return path, nil }})
			trace, err := tracer.Trace(t.Context(), filepath.Join(dir, "shot.blend"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range trace.Lacks {
				if l.Code == LackUnbaked {
					got = append(got, l.ID)
				}
			}
			var want []string
			if zone {
				want = []string{"OBnodes", "OBsparks"}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("-want +got:\n" + diff)
			}
		}
	}
}
