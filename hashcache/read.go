package hashcache

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

const (
	// maxTries is how often a file is read that changes meanwhile.
	maxTries = 3

	// wholeSize is up to where a file is read in one go. Both digests can then be had from memory, one after the other, and
	// to look for a copy costs no second read.
	wholeSize = readSize

	// minCopySize is from where copies are found. Below it, hashing costs less (33 µs at 64 KiB) than the index does: an insertion
	// in random order, which dirties a page of its own for every file, and a lookup.
	minCopySize = headSize
)

// errMoved says that the file is not what it was when the reading of it began.
var errMoved = errors.New("the file changed while it was read")

// copies finds the SHA-256 of contents that are known of another path.
type copies interface {
	// mayHave reports whether a file of this size and head is known.
	mayHave(size int64, head [headIDSize]byte) bool
	sha256Of(size int64, head [headIDSize]byte, blake3 [32]byte) (sha256 [32]byte, ok bool)
}

// reading is the reading of one file for its digests.
type reading struct {
	path   string
	old    entry // what is known of the path
	limit  int64 // contents up to this size are kept for the caller
	copies copies
	now    func() time.Time
	pool   *buffers

	sha256Alone bool // leave BLAKE3 out, unless it promises to save SHA-256

	found   entry // the result
	source  Source
	content *Content // nil unless asked for
}

// untilStill reads the file until it stays the same from beginning to end.
func (r *reading) untilStill(ctx context.Context, wait time.Duration) (Sum, *Content, error) {
	for try := 1; ; try++ {
		err := r.once(ctx)
		if err == nil {
			return r.found.sum(r.source), r.content, nil
		}
		r.content.Release()
		r.content = nil
		switch {
		case !errors.Is(err, errMoved):
			return Sum{}, nil, err
		case try == maxTries:
			return Sum{}, nil, &ChangingError{Path: r.path, Tries: try}
		}
		select {
		case <-ctx.Done():
			return Sum{}, nil, ctx.Err()
		case <-time.After(wait << (try - 1)):
		}
	}
}

// once reads the file once; errMoved if it is another one, or has another stamp, afterwards.
func (r *reading) once(ctx context.Context) error {
	file, err := openFile(r.path)
	if err != nil {
		return err
	}
	defer file.Close()
	began := r.now()
	stamp, err := file.stamp()
	if err != nil {
		return err
	}
	r.found = entry{Stamp: stamp, written: began.UnixNano()}
	if stamp.Size <= max(wholeSize, r.limit) {
		err = r.whole(ctx, file)
	} else {
		err = r.stream(ctx, file)
	}
	if err != nil {
		return err
	}
	// Asking for the path, not the open file, also finds a file that has been replaced.
	after, err := file.stampNow()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotRegular) {
		return errMoved // the next try says which error it is, or finds the new file
	} else if err != nil {
		return err
	}
	if after != stamp {
		return errMoved
	}
	return nil
}

// whole takes the digests of a small file from memory.
func (r *reading) whole(ctx context.Context, file *file) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	size := r.found.Size
	content := r.pool.content(size)
	n, err := io.ReadFull(file, (*content.buf)[:size])
	content.size = n
	if size <= r.limit {
		r.content = content
	} else {
		defer content.Release()
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errMoved // it shrank
	} else if err != nil {
		return err
	}
	p := content.Bytes()
	h := r.pool.hasher()
	defer r.pool.hashers.Put(h)
	if !r.sha256Alone || r.promising(p) {
		h.blake3.write(p)
		r.found.blake3 = h.blake3.sum()
		r.found.head = headOf(p, r.found.blake3)
	}
	if !r.recognise() {
		r.pool.pairing.write(h.sha256, p)
		h.sha256.Sum(r.found.sha256[:0])
	}
	return nil
}

// recognise takes over the SHA-256 if size and BLAKE3 are known.
func (r *reading) recognise() bool {
	if !r.found.hasBLAKE3() {
		r.source = Hashed
		return false
	}
	if r.old.Size == r.found.Size && r.old.blake3 == r.found.blake3 {
		r.found.sha256, r.source = r.old.sha256, Rehashed
		return true
	}
	if sum, ok := r.copies.sha256Of(r.found.Size, r.found.head, r.found.blake3); ok {
		r.found.sha256, r.source = sum, Copied
		return true
	}
	r.source = Hashed
	return false
}

// stream takes the digests of a large file, in one pass: BLAKE3 alone if its first bytes promise that the rest is
// known too, else both. If the promise was empty, a second pass takes both.
func (r *reading) stream(ctx context.Context, file *file) error {
	file.advise()
	buf := r.pool.content(readSize - 1)
	defer buf.Release()
	h := r.pool.hasher()
	defer r.pool.hashers.Put(h)

	first, err := readBlock(file, *buf.buf)
	if err != nil {
		return err
	}
	if !r.promising(first) {
		return r.fresh(ctx, file, h, first, *buf.buf)
	}
	h.blake3.write(first)
	err = r.pass(ctx, file, int64(len(first)), *buf.buf, func(p []byte) { h.blake3.write(p) })
	if err != nil {
		return err
	}
	if r.found.blake3 = h.blake3.sum(); r.recognise() {
		return nil
	}
	h.blake3.reset()
	if err := file.rewind(); err != nil {
		return err
	}
	return r.fresh(ctx, file, h, nil, *buf.buf)
}

// promising reports whether the first block, or the whole, looks like contents that are known by BLAKE3. It notes the head.
func (r *reading) promising(first []byte) bool {
	if len(first) <= headSize {
		return false
	}
	r.found.head = headOf(first, [32]byte{})
	return r.old.Size == r.found.Size && r.old.head == r.found.head && r.old.hasBLAKE3() || r.copies.mayHave(r.found.Size, r.found.head)
}

// fresh takes both digests, or SHA-256 alone, in one pass over the file, of which the first block may have been read. To
// take each on a core of its own would save a quarter of the time of a large file that is hashed alone, and nothing of many
// that are hashed at once, which is the usual case.
func (r *reading) fresh(ctx context.Context, file *file, h *hasher, first, buf []byte) error {
	digest := func(p []byte) {
		if !r.sha256Alone {
			h.blake3.write(p)
		}
		r.pool.pairing.write(h.sha256, p)
	}
	digest(first)
	if err := r.pass(ctx, file, int64(len(first)), buf, digest); err != nil {
		return err
	}
	if !r.sha256Alone {
		r.found.blake3 = h.blake3.sum()
	}
	h.sha256.Sum(r.found.sha256[:0])
	r.source = Hashed
	return nil
}

// pass gives digest what follows in the file after the done bytes that were read. It reads no more than the file had
// at its beginning, since one that somebody appends to may have no end.
func (r *reading) pass(ctx context.Context, file *file, done int64, buf []byte, digest func([]byte)) error {
	for done < r.found.Size {
		if err := ctx.Err(); err != nil {
			return err
		}
		block, err := readBlock(file, buf)
		if err != nil {
			return err
		}
		if done += int64(len(block)); done > r.found.Size || len(block) == 0 {
			return errMoved
		}
		digest(block)
	}
	if done > r.found.Size {
		return errMoved
	}
	return nil
}

// readBlock fills buf as far as the file goes.
func readBlock(file *file, buf []byte) ([]byte, error) {
	n, err := io.ReadFull(file, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return buf[:n], err
}

// headOf names the head of a file of which p is the first block, or the whole, whose BLAKE3 is digest: the beginning of that, or,
// if there are more than headSize bytes, of the BLAKE3 of 1 KiB picked from them. That is little to hash, and enough to tell
// files apart that are not made to look alike; those cost a second pass.
func headOf(p []byte, digest [32]byte) (id [headIDSize]byte) {
	if len(p) > headSize {
		const pieces, piece, stride = 16, 64, 4100 // no power of two: rows of pixels would look alike
		var picked [pieces * piece]byte
		for i := range pieces {
			copy(picked[i*piece:][:piece], p[i*stride:])
		}
		digest = blake3Chunk(picked[:])
	}
	copy(id[:], digest[:])
	return id
}

func (c *Cache) mayHave(size int64, head [headIDSize]byte) bool {
	if size < minCopySize {
		return false
	}
	key := copyKey(nil, size, head, [32]byte{})
	return c.store.HasPrefix(copiesTable, key[:copyPrefix])
}

func (c *Cache) sha256Of(size int64, head [headIDSize]byte, blake3 [32]byte) (sum [32]byte, ok bool) {
	if size < minCopySize {
		return sum, false
	}
	value, ok := c.store.Get(copiesTable, copyKey(nil, size, head, blake3), nil)
	if !ok {
		return sum, false
	}
	sum, _, ok = decodeCopy(value)
	return sum, ok
}

// noCopies knows none.
type noCopies struct{}

func (noCopies) mayHave(int64, [headIDSize]byte) bool                             { return false }
func (noCopies) sha256Of(int64, [headIDSize]byte, [32]byte) (s [32]byte, ok bool) { return s, false }
