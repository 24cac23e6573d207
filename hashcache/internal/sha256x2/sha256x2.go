// Package sha256x2 takes the SHA-256 of two messages at once on one core. On processors whose SHA unit is
// waited for rather than busy, that takes the time of one: AMD Zen 3 does 2.85 GB/s instead of 1.43.
package sha256x2

import (
	"encoding"
	"encoding/binary"
	"hash"
	"os"
	"strings"
)

// Available reports whether this processor can do it. GODEBUG=cpu.sha=off, which keeps crypto/sha256 from the
// instructions, keeps Write from them too.
var Available = available && !strings.Contains(os.Getenv("GODEBUG"), "cpu.sha=off")

const blockSize = 64

// The state of crypto/sha256, as its AppendBinary has it: magic, eight words, what it holds of a block,
// length; big endian.
const (
	wordsAt   = 4
	lengthAt  = wordsAt + 8*4 + blockSize
	stateSize = lengthAt + 8
)

// Write adds p to a and q to b, as their Write would. It reports false if that was done one after the other,
// since it cannot be done together: here, for less than a block, or because a and b are not both of
// crypto/sha256 and at the beginning of a block.
func Write(a, b hash.Hash, p, q []byte) (together bool) {
	if n := min(len(p), len(q)) / blockSize; Available && n > 0 {
		var first, second lane
		if first.open(a) && second.open(b) {
			blocks(&first.words, &second.words, &p[0], &q[0], n, &roundConstants)
			first.close(a, n)
			second.close(b, n)
			p, q = p[n*blockSize:], q[n*blockSize:]
			together = true
		}
	}
	a.Write(p)
	b.Write(q)
	return together
}

// lane is a hash that is being worked on.
type lane struct {
	state [stateSize]byte
	words [8]uint32
}

// open reports false for a hash that is within a block, or is not what it is thought to be.
func (l *lane) open(h hash.Hash) bool {
	from, ok := h.(encoding.BinaryAppender)
	if !ok {
		return false
	}
	state, err := from.AppendBinary(l.state[:0])
	if err != nil || len(state) != stateSize || string(state[:wordsAt]) != "sha\x03" ||
		binary.BigEndian.Uint64(state[lengthAt:])%blockSize != 0 {
		return false
	}
	for i := range l.words {
		l.words[i] = binary.BigEndian.Uint32(state[wordsAt+4*i:])
	}
	return true
}

// close gives h the state after n blocks more.
func (l *lane) close(h hash.Hash, n int) {
	for i, word := range l.words {
		binary.BigEndian.PutUint32(l.state[wordsAt+4*i:], word)
	}
	length := binary.BigEndian.Uint64(l.state[lengthAt:])
	binary.BigEndian.PutUint64(l.state[lengthAt:], length+uint64(n)*blockSize)
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(l.state[:]); err != nil {
		panic("sha256x2: " + err.Error()) // it is its own state
	}
}

// roundConstants are the K of FIPS 180-4, section 4.2.2: the first 32 bits of the fractional parts of the
// cube roots of the first 64 primes.
var roundConstants = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
