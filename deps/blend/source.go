package blend

import (
	"bytes"
	"errors"
	"io"
)

// Compression is how a file is packed as a whole.
type Compression string

const (
	None Compression = "none"
	Gzip Compression = "gzip" // Blender up to 2.9x
	Zstd Compression = "zstd" // Blender since 3.0
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// A source gives random access to the decompressed bytes of a file. ReadAt
// returns io.EOF as of io.ReaderAt; all other errors are final.
type source interface {
	io.ReaderAt
	io.Closer
}

// wholeLimit is up to which size the decompressed file is held in memory as one piece: that of nearly every
// shot, and a fraction of what reading a larger one takes.
const wholeLimit = 16 << 20

// expansion bounds what is decompressed of a file of the given size. A real one shrinks to a tenth or so; one
// that is all zeros to a thousandth (gzip) or a twenty-thousandth (zstd).
func expansion(compressed int64) int64 { return 64<<20 + 256*compressed }

// openSource finds out how r is compressed. The second result holds the whole
// decompressed file when it is small enough; the source is nil then.
func openSource(r io.ReaderAt, size int64, shared *Shared) (source, []byte, Compression, error) {
	start := make([]byte, 4)
	if _, err := readFull(r, start, 0, size); err != nil {
		return nil, nil, None, err
	}
	switch {
	case bytes.HasPrefix(start, gzipMagic):
		src := newStream(r, size, gunzip)
		whole, err := src.whole()
		return src, whole, Gzip, err
	case bytes.Equal(start, zstdMagic), isSkippable(start):
		src, whole, err := openZstd(r, size, shared)
		return src, whole, Zstd, err
	}
	if size <= wholeLimit {
		whole := shared.buffer(size)
		n, err := readFull(r, whole, 0, size)
		return nil, whole[:n], None, err
	}
	return plain{r, size}, nil, None, nil
}

// plain is a file that is not compressed.
type plain struct {
	r    io.ReaderAt
	size int64
}

func (p plain) ReadAt(b []byte, off int64) (int, error) { return p.r.ReadAt(b, off) }
func (p plain) Close() error                            { return nil }

// readFull reads what there is of b at off and takes the end of the file for
// no error. size tells where that is.
func readFull(r io.ReaderAt, b []byte, off, size int64) (int, error) {
	if off >= size {
		return 0, nil
	}
	b = b[:min(int64(len(b)), size-off)]
	n, err := r.ReadAt(b, off)
	if n == len(b) || errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
