package deps

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// TestSimulations has Blender make simulations with and without bakes, scripts and drivers. In Blender 3.6 and later
// there are simulations of geometry nodes, too.
func TestSimulations(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Blender")
	}
	program := os.Getenv("FLSYNC_BLENDER")
	if program == "" {
		program = "blender"
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skip("no Blender: ", err)
	}
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
