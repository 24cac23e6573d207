package deps

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flsync/flsync/deps/blend"
)

// benchmarkFiles are a typical file of the vectors, and those that
// FLSYNC_BLEND_BENCH lists, separated as PATH is.
func benchmarkFiles() []string {
	files := []string{
		filepath.Join("..", "testdata", "blend", "09-image-users", "main.blend"),
		filepath.Join("..", "testdata", "blend", "43-compressed", "zstd.blend"),
	}
	return append(files, filepath.SplitList(os.Getenv("FLSYNC_BLEND_BENCH"))...)
}

// BenchmarkContents reads blend files as shots, and with the uses of all
// data-blocks as libraries are read.
func BenchmarkContents(b *testing.B) {
	for _, path := range benchmarkFiles() {
		name := filepath.Base(filepath.Dir(path)) + "/" + strings.TrimSuffix(filepath.Base(path), ".blend")
		for _, graph := range []bool{false, true} {
			b.Run(name+map[bool]string{false: "/shot", true: "/library"}[graph], func(b *testing.B) {
				info, err := os.Stat(path)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(info.Size())
				b.ReportAllocs()
				var shared blend.Shared
				var plans planCache
				for b.Loop() {
					f, err := blend.Open(b.Context(), path, blend.Options{Shared: &shared})
					if err != nil {
						b.Fatal(err)
					}
					if _, err := readContents(f, &plans, graph, 0); err != nil {
						b.Fatal(err)
					}
					f.Close()
				}
			})
		}
	}
}

// BenchmarkTrace traces a file anew, as the first of a run.
func BenchmarkTrace(b *testing.B) {
	for _, path := range benchmarkFiles() {
		b.Run(filepath.Base(filepath.Dir(path)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := newTracer(b, Config{}).Trace(b.Context(), path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
