package hashcache

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkSum measures one core; MB/s are of file contents in the page cache.
func BenchmarkSum(b *testing.B) {
	ctx := b.Context()
	for _, size := range []int{0, 5 << 10, 80 << 10, 1 << 20, 64 << 20} {
		dir := b.TempDir()
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, randomBytes(1, size), 0o600); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		for _, mode := range []string{"sha256", "hash", "rehash", "lookup"} {
			b.Run(fmt.Sprintf("%s/%d", mode, size), func(b *testing.B) {
				cache, err := Open(filepath.Join(dir, mode, "hashes.db"), Config{Verify: mode == "rehash", BLAKE3: true})
				if err != nil {
					b.Fatal(err)
				}
				defer cache.Close()
				if mode == "rehash" || mode == "lookup" {
					if _, err := cache.Sum(ctx, path, info); err != nil {
						b.Fatal(err)
					}
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				buf := make([]byte, readSize)
				for b.Loop() {
					switch mode {
					case "sha256": // what there is to compare with
						file, err := os.Open(path)
						if err != nil {
							b.Fatal(err)
						}
						h := sha256.New()
						if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{file}, buf); err != nil {
							b.Fatal(err)
						}
						h.Sum(nil)
						file.Close()
					case "hash":
						r := reading{path: path, old: entry{Stamp: Stamp{Size: -1}}, blake3: true, now: cache.cfg.Now, pool: &cache.pool}
						if err := r.once(ctx); err != nil {
							b.Fatal(err)
						}
					default:
						if _, err := cache.Sum(ctx, path, info); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
