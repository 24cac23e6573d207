package pipeline

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/manifest"
)

func filesAt(paths ...string) (files []*file) {
	for _, p := range paths {
		files = append(files, &file{source: "/src/" + p, checkoutPath: p})
	}
	return files
}

// warned lists the paths of warnings with a code.
func (s *lackSink) warned(code string) (paths []string) {
	for _, e := range s.list {
		if w, ok := e.(report.Warning); ok && w.Code == code {
			paths = append(paths, w.Path)
		}
	}
	return paths
}

// TestOddNames: names that Windows cannot hold are told where a part of the farm is Windows, each once.
func TestOddNames(t *testing.T) {
	odd := []string{"/src/tex/aux.png", "/src/a:b.exr"}
	for name, tt := range map[string]struct {
		storage string
		workers []string
		want    []string
	}{
		"Linux only":       {"/srv/store", []string{"linux"}, nil},
		"a Windows worker": {"/srv/store", []string{"linux", "windows"}, odd},
		"Windows storage":  {`S:/store`, []string{"linux"}, odd},
	} {
		t.Run(name, func(t *testing.T) {
			sink := &lackSink{}
			r := &run{env: Env{Manager: managerOf(t, "", nil, tt.workers), Sink: sink}, farm: api.ManagerConfiguration{StorageLocation: tt.storage}}
			for range 2 {
				r.odd.warn(t.Context(), r, "job", pathsOf(filesAt("tex/wood.png", "tex/aux.png", "a:b.exr")))
			}
			if got := sink.warned("name-windows"); !slices.Equal(got, tt.want) {
				t.Errorf("warned of %q, want %q", got, tt.want)
			}
		})
	}
}

// TestOddNamesDry: a dry run makes no checkout, and tells of the names all the same.
func TestOddNamesDry(t *testing.T) {
	sink := &lackSink{}
	s := &submission{run: &run{env: Env{Manager: managerOf(t, "", nil, []string{"windows"}), Sink: sink, DryRun: true}}}
	s.reportWouldSubmit(t.Context(), &jobRun{job: &manifest.Job{Name: "sh010"}, files: filesAt("tex/aux.png")})
	s.reportWouldSubmit(t.Context(), &jobRun{job: &manifest.Job{Name: "sh020"}, files: filesAt("tex/con.png"), inPlace: true})
	if got, want := sink.warned("name-windows"), []string{"/src/tex/aux.png"}; !slices.Equal(got, want) {
		t.Errorf("warned of %q, want %q", got, want)
	}
}

// TestOddNamesOfJobs: a check lists names that Windows cannot hold for each shot, with what to do, and a dry
// run warns of each once.
func TestOddNamesOfJobs(t *testing.T) {
	n := newNight(t)
	_, err := n.client.RegisterWorker(t.Context(), api.WorkerRegistration{Name: "w", Secret: "geheim", Platform: "windows", SupportedTaskTypes: []string{"misc"}})
	if err != nil {
		t.Fatal(err)
	}
	n.write("tex/aux.png", "\x89PNG\r\n\x1a\n")
	jobs := n.load("defaults: {files: [tex/aux.png], settings: {render_output_root: /render, add_path_components: 0, chunk_size: 1}}\njobs: [{blend: shots/sh010.blend, name: a}, {blend: shots/sh020.blend, name: b}]")
	sink := &lackSink{}
	if _, err := Check(t.Context(), n.env(sink), SubmitOptions{Jobs: jobs}); err != nil {
		t.Error(err)
	}
	got := slices.DeleteFunc(sink.all(), func(l string) bool { return !strings.Contains(l, "name-windows") })
	if diff := cmp.Diff([]string{"a name-windows warning", "b name-windows warning"}, got); diff != "" {
		t.Errorf("check (-want +got)\n%s", diff)
	}
	sink = &lackSink{}
	env := n.env(sink)
	env.DryRun = true
	if _, err := Submit(t.Context(), env, SubmitOptions{Jobs: jobs, Run: "r", Journal: t.TempDir(), Rewrites: t.TempDir()}); err != nil {
		t.Error(err)
	}
	if got := sink.warned("name-windows"); len(got) != 1 || filepath.Base(got[0]) != "aux.png" {
		t.Errorf("a dry run warns of %q", got)
	}
}

func TestComposed(t *testing.T) {
	const nfd, nfc = "e\u0301.png", "\u00e9.png"
	for _, tt := range []struct {
		ignoresForm bool
		paths, want []string
		clash       int
	}{
		{true, []string{"a/" + nfd, "b.png"}, []string{"a/" + nfc, "b.png"}, 0},
		{true, []string{nfd, nfc}, []string{nfd, nfc}, 1},
		{false, []string{nfd}, []string{nfd}, 0},
	} {
		sink := &lackSink{}
		files := &trees{run: &run{env: Env{Sink: sink}, store: &pool{}}, late: true, folders: make(map[string]*treeFolder)}
		for _, p := range tt.paths {
			files.add(t.Context(), filepath.Join("/src", p), p, hashcache.Sum{Source: hashcache.Cached}, nil)
		}
		files.composed(place.Rules{Form: tt.ignoresForm})
		var got []string
		for _, at := range files.paths {
			got = append(got, at)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.paths, got, tt.want)
		}
		if got := len(sink.warned("name-clash")); got != tt.clash {
			t.Errorf("%q: %d warnings, want %d", tt.paths, got, tt.clash)
		}
	}
}
