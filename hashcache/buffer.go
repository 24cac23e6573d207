package hashcache

import (
	"math/bits"
	"sync"
)

// readSize is how much is read and hashed at a time, in bytes. From 128 KiB to 512 KiB the speed is the same;
// smaller blocks cost system calls, larger ones leave the core's own cache.
const readSize = 256 << 10

// Content is what a file held when it was hashed.
type Content struct {
	buf    *[]byte
	size   int
	pool   *sync.Pool
	hashed bool
}

// Hashed reports whether SHA-256 was taken of these very bytes. Else it is that of an earlier reading, whose
// BLAKE3 they have. It is false for a nil Content.
func (c *Content) Hashed() bool { return c != nil && c.hashed }

// Bytes returns the contents; they are valid until Release. It returns nil for a nil Content.
func (c *Content) Bytes() []byte {
	if c == nil || c.buf == nil {
		return nil
	}
	return (*c.buf)[:c.size]
}

// Room returns how many bytes of memory the contents take, which is more than they have. It is 0 for a nil
// Content.
func (c *Content) Room() int64 { return int64(cap(c.Bytes())) }

// Release gives the memory back. A nil Content and a second call are fine.
func (c *Content) Release() {
	if c == nil || c.buf == nil {
		return
	}
	if c.pool != nil {
		c.pool.Put(c.buf)
	}
	c.buf = nil
}

// buffers keeps the memory for contents of up to 4 MiB, by powers of two, and the hashers.
type buffers struct {
	contents [23]sync.Pool
	hashers  sync.Pool
	pairing  pairing
}

// content returns room for size bytes and at least one more.
func (b *buffers) content(size int64) *Content {
	class := bits.Len64(uint64(size))
	if class >= len(b.contents) {
		buf := make([]byte, size+1)
		return &Content{buf: &buf}
	}
	pool := &b.contents[class]
	buf, _ := pool.Get().(*[]byte)
	if buf == nil {
		made := make([]byte, 1<<class)
		buf = &made
	}
	return &Content{buf: buf, pool: pool}
}
