package hashcache

import (
	"runtime"
	"sync/atomic"

	"github.com/flsync/flsync/hashcache/internal/sha256x2"
)

// Workers returns how many files to hash at once: GOMAXPROCS, doubled where one core can interleave two
// SHA-256 streams.
func Workers() int {
	if sha256x2.Available {
		return 2 * runtime.GOMAXPROCS(0)
	}
	return runtime.GOMAXPROCS(0)
}

// blake3IsFaster: BLAKE3 has vector code for amd64 only, and SHA instructions outrun it.
var blake3IsFaster = runtime.GOARCH == "amd64" && !sha256x2.Available

// minPair is the size in bytes from which it pays to look for a second file: the SHA-256 of 16 KiB takes
// about 10 µs, meeting another goroutine 0.5.
const minPair = 16 << 10

// pairing brings together two files whose SHA-256 is taken at the same time, so that both take the time of
// one. The first goroutine with a block yields, so that the other goroutines of this core read their files
// and come with a block too; the second one hashes both. If none comes, the core is not the bottleneck, and
// the first hashes its block alone.
type pairing struct {
	waiting atomic.Pointer[hasher]
	pairs   atomic.Int64 // blocks that were hashed beside another, for the test
}

// write adds p to h, together with another file's block if there is one.
func (w *pairing) write(h *hasher, p []byte) {
	if !sha256x2.Available || len(p) < minPair {
		h.sha256.Write(p)
		return
	}
	if other := w.waiting.Swap(nil); other != nil {
		if sha256x2.Write(h.sha256, other.sha256, p, other.block) {
			w.pairs.Add(1)
		}
		other.done <- struct{}{}
		return
	}
	h.block = p
	if !w.waiting.CompareAndSwap(nil, h) { // another came between the two lines: the next one takes it
		h.sha256.Write(p)
		return
	}
	runtime.Gosched()
	if w.waiting.CompareAndSwap(h, nil) {
		h.sha256.Write(p)
		return
	}
	<-h.done
}
