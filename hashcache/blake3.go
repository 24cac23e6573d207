package hashcache

import (
	"encoding/binary"

	"github.com/klauspost/cpuid/v2"
	"github.com/zeebo/blake3"
	"lukechampine.com/blake3/guts"
)

// blake3Hasher computes BLAKE3 (256 bits, no key) of a stream in one goroutine.
type blake3Hasher interface {
	reset()
	write(p []byte)
	sum() [32]byte
}

// newBLAKE3 picks what is fastest here, for one core and blocks of 256 KiB. With AVX2: zeebo/blake3 3.4 GB/s, wideBLAKE3 2.4
// (Zen 3). With AVX-512, which the former does not use: 3.9 and 4.9 (Zen 4).
func newBLAKE3() blake3Hasher {
	if cpuid.CPU.Supports(cpuid.AVX512F) {
		return new(wideBLAKE3)
	}
	return zeeboBLAKE3{blake3.New()}
}

type zeeboBLAKE3 struct{ *blake3.Hasher }

func (h zeeboBLAKE3) reset()         { h.Reset() }
func (h zeeboBLAKE3) write(p []byte) { h.Write(p) }

func (h zeeboBLAKE3) sum() (digest [32]byte) {
	h.Sum(digest[:0])
	return digest
}

// groupSize is what guts.CompressBuffer hashes at a time: 16 chunks of 1 KiB, one in each lane of AVX-512.
const groupSize = guts.MaxSIMD * guts.ChunkSize

// wideBLAKE3 does 16 chunks at a time with AVX-512, by the parts of lukechampine.com/blake3. Its own hasher starts a goroutine
// for each 16 KiB, on cores that hash other files: 3.5 GB/s.
//
// The tree, as in the BLAKE3 specification, section 2.1: a left subtree holds a power of two of chunks. So a group that is
// not the last is a finished subtree, and stack holds the roots of the finished subtrees, one for each bit of groups.
type wideBLAKE3 struct {
	stack  [50][8]uint32
	groups uint64 // finished; the last one is not, because the root is compressed otherwise
	last   [groupSize]byte
	n      int // bytes in last
}

func (h *wideBLAKE3) reset() { h.groups, h.n = 0, 0 }

func (h *wideBLAKE3) write(p []byte) {
	if h.n > 0 {
		n := copy(h.last[h.n:], p)
		h.n += n
		p = p[n:]
		if len(p) == 0 {
			return
		}
		h.push(&h.last)
		h.n = 0
	}
	for len(p) > groupSize {
		h.push((*[groupSize]byte)(p))
		p = p[groupSize:]
	}
	h.n = copy(h.last[:], p)
}

// push adds a full group that is not the last one.
func (h *wideBLAKE3) push(group *[groupSize]byte) {
	key := guts.IV
	cv := guts.ChainingValue(guts.CompressBuffer(group, groupSize, &key, h.groups*guts.MaxSIMD, 0))
	level := 0
	for ; h.groups&(1<<level) != 0; level++ {
		cv = guts.ChainingValue(guts.ParentNode(h.stack[level], cv, &key, 0))
	}
	h.stack[level] = cv
	h.groups++
}

func (h *wideBLAKE3) sum() (digest [32]byte) {
	key := guts.IV
	node := guts.CompressBuffer(&h.last, h.n, &key, h.groups*guts.MaxSIMD, 0)
	for level := 0; h.groups>>level != 0; level++ {
		if h.groups&(1<<level) != 0 {
			node = guts.ParentNode(h.stack[level], guts.ChainingValue(node), &key, 0)
		}
	}
	return rootDigest(node)
}

// blake3Chunk is the BLAKE3 of at most guts.ChunkSize bytes, without a hasher's 10 to 18 KB.
func blake3Chunk(p []byte) [32]byte {
	key := guts.IV
	return rootDigest(guts.CompressChunk(p, &key, 0, 0))
}

func rootDigest(node guts.Node) (digest [32]byte) {
	node.Flags |= guts.FlagRoot
	words := guts.CompressNode(node)
	for i := range 8 {
		binary.LittleEndian.PutUint32(digest[i*4:], words[i])
	}
	return digest
}
