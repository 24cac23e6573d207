package hashcache

import (
	"crypto/sha256"
	"hash"
	"runtime"
	"sync/atomic"

	"github.com/flsync/flsync/hashcache/internal/twolanes"
)

// Workers is how many files to hash at once on this machine: one a core, since that is what a core can be full of, and two
// where a core can take the SHA-256 of two together.
func Workers() int {
	if twolanes.Available {
		return 2 * runtime.GOMAXPROCS(0)
	}
	return runtime.GOMAXPROCS(0)
}

// minPair is from where it pays to look for a second file: the SHA-256 of 16 KiB takes about 10 µs, meeting 0.5.
const minPair = 16 << 10

// pairing brings together files whose SHA-256 is taken at the same time, so that two of them take the time of one. Whoever
// comes with a block lets the other goroutines of this core run first, which read their files and come with a block too;
// the second to come hashes both. When no other has anything to do, the core is not what is waited for, and the
// first hashes its block alone.
type pairing struct {
	waiting atomic.Pointer[sha256Hasher]
	pairs   atomic.Int64 // blocks that were hashed beside another, for the test
}

// sha256Hasher is the SHA-256 of one file.
type sha256Hasher struct {
	hash.Hash
	block []byte        // what is to be hashed, while it waits
	done  chan struct{} // room for one: another goroutine has hashed it
}

func newSHA256Hasher() *sha256Hasher {
	return &sha256Hasher{Hash: sha256.New(), done: make(chan struct{}, 1)}
}

// write adds p to h, beside another file if there is one.
func (w *pairing) write(h *sha256Hasher, p []byte) {
	if !twolanes.Available || len(p) < minPair {
		h.Write(p)
		return
	}
	if other := w.waiting.Swap(nil); other != nil {
		if twolanes.Write(h.Hash, other.Hash, p, other.block) {
			w.pairs.Add(1)
		}
		other.done <- struct{}{}
		return
	}
	h.block = p
	if !w.waiting.CompareAndSwap(nil, h) { // another came between the two lines: the next one takes it
		h.Write(p)
		return
	}
	runtime.Gosched()
	if w.waiting.CompareAndSwap(h, nil) {
		h.Write(p)
		return
	}
	<-h.done
}
