package deps

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// truth is what a vector says of a project: each path with a status.
type truth struct {
	Blender string
	Main    string
	Deps    []struct {
		Path   string
		Status string // required, missing, optional or forbidden
		Why    string
	}
}

// vectors calls fn for each project in the tree's vectors, and in the folder
// that FLSYNC_BLEND_SAMPLES names.
func vectors(t *testing.T, fn func(t *testing.T, project string)) {
	roots := []string{filepath.Join("..", "testdata", "blend")}
	if more := os.Getenv("FLSYNC_BLEND_SAMPLES"); more != "" {
		roots = append(roots, more)
	}
	for _, root := range roots {
		found := 0
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if project, ok := strings.CutSuffix(path, ".truth.json"); ok && err == nil {
				found++
				name, _ := filepath.Rel(root, project)
				t.Run(filepath.ToSlash(name), func(t *testing.T) {
					t.Parallel()
					fn(t, project)
				})
			}
			return err
		})
		if err != nil || found == 0 {
			t.Errorf("%d vectors in %s: %v", found, root, err)
		}
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func newTracer(t testing.TB, config Config) *Tracer {
	t.Helper()
	tracer, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// TestVectors traces real projects and compares with what is known of them:
// nothing that is needed may be left out, and nothing added.
func TestVectors(t *testing.T) {
	vectors(t, func(t *testing.T, project string) {
		var want truth
		readJSON(t, project+".truth.json", &want)
		requireLinks(t, project)
		trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join(project, filepath.FromSlash(want.Main)))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, project, want, trace)
	})
}

// requireLinks skips a project in which a copy has made a file of a symbolic
// link: one that holds nothing but the name of its neighbour.
func requireLinks(t *testing.T, project string) {
	t.Helper()
	_ = filepath.WalkDir(project, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, ".blend") {
			data, _ := os.ReadFile(path)
			if len(data) < 64 && strings.HasSuffix(string(data), ".blend") {
				t.Skipf("%s was a symbolic link", path)
			}
		}
		return nil
	})
}

func compare(t *testing.T, project string, want truth, got *Trace) {
	t.Helper()
	root, err := filepath.Abs(project)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*Dependency{}
	for _, d := range got.Files {
		rel, err := filepath.Rel(root, d.Path)
		if err != nil || strings.HasPrefix(rel, "..") {
			rel = d.Path
		}
		found[strings.ToValidUTF8(filepath.ToSlash(rel), "\uFFFD")] = d
	}
	for _, w := range want.Deps {
		d, ok := found[w.Path]
		delete(found, w.Path)
		switch {
		case w.Status == "required" && (!ok || d.Missing):
			t.Errorf("%s was not found (%s)", w.Path, w.Why)
		case w.Status == "missing" && !(ok && d.Missing):
			t.Errorf("%s was not said to be missing (%s)", w.Path, w.Why)
		case w.Status == "forbidden" && ok:
			t.Errorf("%s was found by %s of %s (%s)", w.Path, d.Field, d.ID, w.Why)
		}
	}
	for path, d := range found {
		t.Errorf("%s was invented by %s of %s (missing: %v)", path, d.Field, d.ID, d.Missing)
	}
	for _, p := range got.Problems {
		t.Logf("problem: %s", p.Message)
	}
}

// apiScene is what Blender's Python API says of a scene.
type apiScene struct {
	Name             string      `json:"name"`
	Linked           bool        `json:"linked"`
	Camera           *string     `json:"camera"`
	ColorDepth       string      `json:"color_depth"`
	ColorMode        string      `json:"color_mode"`
	Engine           string      `json:"engine"`
	FileExtension    string      `json:"file_extension"`
	FileFormat       string      `json:"file_format"`
	Filepath         string      `json:"filepath"`
	FPS              int         `json:"fps"`
	FPSBase          float32     `json:"fps_base"`
	FrameCurrent     int         `json:"frame_current"`
	FrameEnd         int         `json:"frame_end"`
	FrameStart       int         `json:"frame_start"`
	FrameStep        int         `json:"frame_step"`
	IsMovie          bool        `json:"is_movie"`
	Markers          []apiMarker `json:"markers"`
	Preview          [2]int      `json:"preview"`
	Resolution       [3]int      `json:"resolution"`
	UseBorder        bool        `json:"use_border"`
	UseCompositing   bool        `json:"use_compositing"`
	UseFileExtension bool        `json:"use_file_extension"`
	UseMultiview     bool        `json:"use_multiview"`
	UseOverwrite     bool        `json:"use_overwrite"`
	UsePlaceholder   bool        `json:"use_placeholder"`
	UsePreviewRange  bool        `json:"use_preview_range"`
	UseSequencer     bool        `json:"use_sequencer"`
	ViewLayers       []ViewLayer `json:"view_layers"`
}

type apiMarker struct {
	Camera *string `json:"camera"`
	Frame  int     `json:"frame"`
	Name   string  `json:"name"`
}

// apiFacts are the facts beside a vector.
type apiFacts struct {
	ActiveScene string     `json:"active_scene"`
	Scenes      []apiScene `json:"scenes"`
}

// TestSceneFacts compares what is read of scenes with what Blender said of them.
func TestSceneFacts(t *testing.T) {
	vectors(t, func(t *testing.T, project string) {
		var want apiFacts
		if _, err := os.Stat(project + ".facts.json"); err != nil {
			t.Skip("no facts")
		}
		readJSON(t, project+".facts.json", &want)
		var about truth
		readJSON(t, project+".truth.json", &about)
		b, err := newTracer(t, Config{}).Inspect(t.Context(), filepath.Join(project, filepath.FromSlash(about.Main)))
		if err != nil {
			t.Fatal(err)
		}
		got := apiFacts{ActiveScene: b.ActiveScene}
		for _, s := range b.Scenes {
			got.Scenes = append(got.Scenes, asAPI(s))
		}
		byName := cmpopts.SortSlices(func(a, b apiScene) bool { return a.Name < b.Name })
		if diff := cmp.Diff(want, got, byName); diff != "" {
			t.Error("-Blender +ours:\n" + diff)
		}
		if major, minor, _ := strings.Cut(about.Blender, "."); about.Blender != "" {
			minor, _, _ = strings.Cut(minor, ".")
			if want := major + "." + minor; b.Version != want {
				t.Errorf("version %s, want %s", b.Version, want)
			}
		}
	})
}

func asAPI(s Scene) apiScene {
	a := apiScene{
		Name: s.Name, Linked: s.Linked, Camera: orNil(s.Camera),
		ColorDepth: s.ColorDepth, ColorMode: s.ColorMode, Engine: s.Engine,
		FileExtension: s.FileExtension, FileFormat: s.FileFormat, Filepath: s.Filepath,
		FPS: s.FPS, FPSBase: s.FPSBase,
		FrameCurrent: s.FrameCurrent, FrameEnd: s.FrameEnd, FrameStart: s.FrameStart, FrameStep: s.FrameStep,
		IsMovie: s.IsMovie, Markers: []apiMarker{},
		Preview:    [2]int{s.PreviewStart, s.PreviewEnd},
		Resolution: [3]int{s.ResolutionX, s.ResolutionY, s.ResolutionPercentage},
		UseBorder:  s.UseBorder, UseCompositing: s.UseCompositing, UseFileExtension: s.UseFileExtension,
		UseMultiview: s.UseMultiview, UseOverwrite: s.UseOverwrite, UsePlaceholder: s.UsePlaceholder,
		UsePreviewRange: s.UsePreviewRange, UseSequencer: s.UseSequencer, ViewLayers: s.Layers,
	}
	for _, m := range s.Markers {
		a.Markers = append(a.Markers, apiMarker{orNil(m.Camera), m.Frame, m.Name})
	}
	return a
}

func orNil(n Name) *string {
	if n == "" {
		return nil
	}
	return (*string)(&n)
}

// TestEngineSettings reads settings of a render engine, which an add-on
// defines. Blender keeps them in another place from version 5 on.
func TestEngineSettings(t *testing.T) {
	for _, version := range []string{"b283", "b522"} {
		b, err := newTracer(t, Config{}).Inspect(t.Context(), "../testdata/blend/"+version+"/02-scene-facts/main.blend")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range b.Scenes {
			if _, ok := s.Properties["cycles"].(map[string]any); s.Name == "First" && !ok {
				t.Errorf("%s: scene.cycles is %v", version, s.Properties["cycles"])
			}
		}
	}
}
