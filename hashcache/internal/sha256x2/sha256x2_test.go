package sha256x2

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"math/rand/v2"
	"testing"
)

func randomBytes(seed byte, n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

// The judge is crypto/sha256 with one message at a time.
func TestWrite(t *testing.T) {
	if !Available {
		t.Log("this processor has no SHA instructions: what is tested is the way without them")
	}
	p, q := randomBytes(1, 5000), randomBytes(2, 5000)
	sizes := []int{0, 1, 55, 56, 63, 64, 65, 127, 128, 129, 1000, 4096, 4999}
	for _, n := range sizes {
		for _, m := range sizes {
			for _, before := range []int{0, 1, 64, 100} { // as the hash of the first lane stands when it comes
				a, b := sha256.New(), sha256.New()
				a.Write(q[:before])
				Write(a, b, p[:n], q[1:1+m]) // q is not aligned
				Write(b, a, p[:m], q[:n])    // and once more, the other way round
				wantA := sha256.Sum256(bytes.Join([][]byte{q[:before], p[:n], q[:n]}, nil))
				wantB := sha256.Sum256(bytes.Join([][]byte{q[1 : 1+m], p[:m]}, nil))
				if got := a.Sum(nil); !bytes.Equal(got, wantA[:]) {
					t.Fatalf("%d and %d bytes after %d: lane a has %x, want %x", n, m, before, got, wantA)
				}
				if got := b.Sum(nil); !bytes.Equal(got, wantB[:]) {
					t.Fatalf("%d and %d bytes after %d: lane b has %x, want %x", n, m, before, got, wantB)
				}
			}
		}
	}
}

func TestTogether(t *testing.T) {
	a, b, p := sha256.New(), sha256.New(), make([]byte, 100)
	if got := Write(a, b, p, p); got != Available {
		t.Errorf("together: %v, want %v", got, Available)
	}
	if Write(a, b, p, p) {
		t.Error("together within a block")
	}
}

// If crypto/sha256 came to keep its state in another way, all would still be right, and nothing fast: this
// says so.
func TestOpensTheStandardHash(t *testing.T) {
	var l lane
	h := sha256.New()
	h.Write(make([]byte, 128))
	if !l.open(h) {
		t.Error("the state of crypto/sha256 is not what it was")
	}
	for name, other := range map[string]hash.Hash{"SHA-224": sha256.New224(), "SHA-512": sha512.New(), "another": struct{ hash.Hash }{h}} {
		if l.open(other) {
			t.Errorf("%s was taken for SHA-256", name)
		}
	}
}

// MB/s are of both messages together.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 128 << 10} {
		p, q := randomBytes(1, size), randomBytes(2, size)
		x, y := sha256.New(), sha256.New()
		b.Run(fmt.Sprintf("one/%d", size), func(b *testing.B) {
			b.SetBytes(2 * int64(size))
			for b.Loop() {
				x.Write(p)
				y.Write(q)
			}
		})
		b.Run(fmt.Sprintf("two/%d", size), func(b *testing.B) {
			b.SetBytes(2 * int64(size))
			b.ReportAllocs()
			for b.Loop() {
				Write(x, y, p, q)
			}
		})
	}
}
