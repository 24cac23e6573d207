package deps

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/deps/blend/blendtest"
)

// night writes shots that link all of the libraries, each with its own material and images, and returns their
// paths. Each library is filled up with size bytes of other data.
func night(t testing.TB, dir string, shots, libraries, images, size int) []string {
	for l := range libraries {
		f := blendtest.New(form5, dna5)
		f.Block("OB", "Object", 0x10, values{"id.name": "OBchair", "mat": uint64(0x1000)})
		materials := make([]uint64, images)
		for i := range images {
			materials[i] = uint64(0x20000 + 0x100*i)
		}
		f.Pointers(0x1000, materials...) // after its owner, as Blender writes it
		for i, material := range materials {
			image := uint64(0x40000 + 0x100*i)
			name := fmt.Sprintf("tex/%02d-%02d.png", l, i)
			f.Block("MA", "Material", material, values{"id.name": fmt.Sprintf("MA%02d", i), "image": image})
			f.Block("IM", "Image", image, values{"id.name": fmt.Sprintf("IM%02d", i), "name": "//../" + name, "source": 1})
			write(t, dir, name)
		}
		f.Raw("DATA", 0x90000, make([]byte, size))
		writeFile(t, filepath.Join(dir, "lib", fmt.Sprintf("%02d.blend", l)), f.Bytes())
	}
	var paths []string
	for s := range shots {
		f := blendtest.New(form5, dna5)
		f.Block("GLOB", "FileGlobal", 1, values{"curscene": uint64(0x30)})
		f.Block("SC", "Scene", 0x30, values{"id.name": "SCScene", "r.frs_sec": 24, "r.frs_sec_base": 1.001})
		for l := range libraries {
			f.Block("ID", "ID", uint64(0x100000+0x1000*l), values{"name": "OBchair", "lib": uint64(0x900000 + 0x1000*l)})
			f.Block("LI", "Library", uint64(0x900000+0x1000*l), values{
				"id.name": fmt.Sprintf("LI%02d", l), "name": fmt.Sprintf("//../lib/%02d.blend", l),
			})
		}
		path := filepath.Join(dir, "shots", fmt.Sprintf("%03d.blend", s))
		writeFile(t, path, f.Bytes())
		paths = append(paths, path)
	}
	return paths
}

// TestSharedLibraries: what libraries need is worked out for the first shot, and shots list it without
// copies.
func TestSharedLibraries(t *testing.T) {
	tracer := newTracer(t, Config{})
	shots := night(t, t.TempDir(), 3, 10, 20, 0)
	trace := func(path string) *Trace {
		trace, err := tracer.Trace(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return trace
	}
	first, second := trace(shots[0]), trace(shots[1])
	if len(first.Files) != 210 || len(second.Files) != 210 {
		t.Fatalf("%d and %d files", len(first.Files), len(second.Files))
	}
	for i, d := range first.Files {
		if d.Kind == KindImage && d != second.Files[i] {
			t.Errorf("%s is listed by copies", d.Path)
		}
	}
	if allocs := testing.AllocsPerRun(5, func() { trace(shots[2]) }); allocs > 300 {
		t.Errorf("a shot whose 10 libraries with 20 images each were traced before allocates %v times", allocs)
	}
}

// BenchmarkNight traces 300 shots that link 50 libraries of 20 images each.
func BenchmarkNight(b *testing.B) {
	shots := night(b, b.TempDir(), 300, 50, 20, 0)
	b.ReportAllocs()
	for b.Loop() {
		tracer := newTracer(b, Config{})
		g, ctx := errgroup.WithContext(b.Context())
		g.SetLimit(runtime.GOMAXPROCS(0))
		for _, path := range shots {
			g.Go(func() error {
				_, err := tracer.Trace(ctx, path)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}
