package hashcache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/zeebo/blake3"

	"github.com/flsync/flsync/internal/openfile"
)

// maxTries is how often a file is read that changes meanwhile.
const maxTries = 3

// errMoved says that the file is not what it was when the reading of it began.
var errMoved = errors.New("the file changed while it was read")

// reading is the reading of one file for its digests.
type reading struct {
	path   string
	want   fs.FileInfo // the file to read; nil: whichever path leads to
	old    entry       // what is known of the path
	limit  int64       // contents up to this size are kept for the caller
	blake3 bool        // take BLAKE3 too
	now    func() time.Time
	pool   *buffers

	found   entry // the result
	source  Source
	content *Content // nil unless asked for
}

// hashStable reads the file until it stays the same from beginning to end. wait is the first pause between
// two tries.
func (r *reading) hashStable(ctx context.Context, wait time.Duration) (Sum, *Content, error) {
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
			return Sum{}, nil, fmt.Errorf("%s: %w", r.path, ErrChanging)
		}
		select {
		case <-ctx.Done():
			return Sum{}, nil, ctx.Err()
		case <-time.After(wait << (try - 1)):
		}
	}
}

// once reads the file once. It returns errMoved if path leads to another file, or the file has another stamp,
// afterwards.
func (r *reading) once(ctx context.Context) error {
	want := r.want
	if want == nil {
		var err error
		if want, err = os.Stat(r.path); err != nil {
			return err
		}
	}
	if !want.Mode().IsRegular() {
		return &fs.PathError{Op: "hash", Path: r.path, Err: ErrNotRegular}
	}
	began := r.now()
	file, info, err := openfile.OpenInfo(r.path, want)
	if errors.Is(err, ErrReplaced) && r.want == nil {
		return errMoved
	} else if err != nil {
		return err
	}
	defer file.Close()
	stamp, err := stampOfFile(file, info)
	if err != nil {
		return err
	}
	r.found = entry{Stamp: stamp, written: began.UnixNano()}
	h := r.pool.hasher()
	defer r.pool.hashers.Put(h)
	if stamp.Size <= max(readSize, r.limit) {
		err = r.whole(ctx, file, h)
	} else {
		err = r.stream(ctx, file, h)
	}
	if err != nil {
		return err
	}
	// Asking for the path, not the open file, also finds a file that has been replaced.
	after, err := StampAt(r.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && after != stamp {
		return errMoved // the next try finds what is there now
	}
	return err
}

// whole takes the digests of a small file from memory.
func (r *reading) whole(ctx context.Context, file *os.File, h *hasher) error {
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
	err = r.digest(h, func(add func([]byte)) error { add(content.Bytes()); return nil })
	content.hashed = r.source == Hashed
	return err
}

// stream takes the digests of a large file block by block. It reads no more than the file had when it was
// opened, since one that somebody appends to may have no end.
func (r *reading) stream(ctx context.Context, file *os.File, h *hasher) error {
	advise(file)
	content := r.pool.content(readSize - 1)
	defer content.Release()
	buf := *content.buf
	return r.digest(h, func(add func([]byte)) error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		for done := int64(0); done < r.found.Size; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := io.ReadFull(file, buf)
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return err
			}
			if done += int64(n); n == 0 || done > r.found.Size {
				return errMoved
			}
			add(buf[:n])
		}
		return nil
	})
}

// digest takes the digests; pass goes over the contents, each time from their beginning. Contents of the
// known size may be the known ones, with other times: then BLAKE3 comes first, and SHA-256 only if BLAKE3 is
// another.
func (r *reading) digest(h *hasher, pass func(add func([]byte)) error) error {
	addSHA256 := func(p []byte) { r.pool.pairing.write(h, p) }
	addBLAKE3 := func(p []byte) { _, _ = h.blake3.Write(p) }
	r.source = Hashed
	var err error
	switch {
	case r.old.Size == r.found.Size && r.old.hasBLAKE3():
		if err = pass(addBLAKE3); err != nil {
			return err
		}
		h.blake3.Sum(r.found.blake3[:0])
		if r.old.blake3 == r.found.blake3 {
			r.found.sha256, r.source = r.old.sha256, Rehashed
			return nil
		}
		err = pass(addSHA256)
	case r.blake3:
		err = pass(func(p []byte) { addBLAKE3(p); addSHA256(p) })
		h.blake3.Sum(r.found.blake3[:0])
	default:
		err = pass(addSHA256)
	}
	if err != nil {
		return err
	}
	h.sha256.Sum(r.found.sha256[:0])
	if r.old.Size == r.found.Size && r.old.sha256 == r.found.sha256 {
		r.source = Rehashed
	}
	return nil
}

// hasher takes the digests of one file.
type hasher struct {
	sha256 hash.Hash
	blake3 *blake3.Hasher
	block  []byte        // what is to be added to sha256, while it waits; see pairing
	done   chan struct{} // room for one: another goroutine has added it
}

func (b *buffers) hasher() *hasher {
	h, _ := b.hashers.Get().(*hasher)
	if h == nil {
		h = &hasher{sha256: sha256.New(), blake3: blake3.New(), done: make(chan struct{}, 1)}
	}
	h.sha256.Reset()
	h.blake3.Reset()
	return h
}
