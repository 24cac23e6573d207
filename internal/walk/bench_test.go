package walk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// makeFiles makes n empty files, 100 in a folder, four folders deep.
func makeFiles(tb testing.TB, root string, n int) {
	tb.Helper()
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("seq%02d/shot%03d/layer%d/v%02d", i/100_000, i/10_000%10, i/1000%10, i/100%10))
		if i%100 == 0 {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				tb.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("frame.%04d.exr", i%100)), nil, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkWalk walks the folder in FLSYNC_BENCH_TREE, or 10,000 empty files.
func BenchmarkWalk(b *testing.B) {
	root := os.Getenv("FLSYNC_BENCH_TREE")
	if root == "" {
		root = b.TempDir()
		makeFiles(b, root, 10_000)
	}
	b.ReportAllocs()
	files := 0
	for b.Loop() {
		err := Walk(context.Background(), Options{Root: root}, func(File) error { files++; return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(files), "ns/file")
}
