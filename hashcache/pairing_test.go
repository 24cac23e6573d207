package hashcache

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/flsync/flsync/hashcache/internal/sha256x2"
)

// Many files, hashed side by side: each has its own digest, and where the processor can, files were hashed
// together.
func TestPairing(t *testing.T) {
	dir := t.TempDir()
	type known struct {
		path string
		sum  [32]byte
	}
	var files []known
	for i := range 60 {
		p := randomBytes(uint64(i), []int{100, minPair - 1, minPair, 100_001, readSize + 5, 3*readSize + 64}[i%6])
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, p, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, known{path, sha256.Sum256(p)})
	}
	cache, err := Open(filepath.Join(t.TempDir(), "hashes.db"), Config{Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	queue := make(chan known)
	var workers sync.WaitGroup
	for range max(Workers(), 8) {
		workers.Go(func() {
			for f := range queue {
				if sum, err := cache.Sum(t.Context(), f.path, nil); err != nil || sum.SHA256 != f.sum {
					t.Errorf("%s: %x, %v; want %x", f.path, sum.SHA256, err, f.sum)
				}
			}
		})
	}
	for range 5 {
		for _, f := range files {
			queue <- f
		}
	}
	close(queue)
	workers.Wait()
	if pairs := cache.pool.pairing.pairs.Load(); pairs == 0 && sha256x2.Available {
		t.Error("no two files met")
	} else {
		t.Logf("%d pairs", pairs)
	}
}
