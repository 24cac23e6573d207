package blend

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// keepLimit is how many bytes a stream keeps of what was read from it: those
// closest to where it was read last.
const keepLimit = 48 << 20

// maxPasses is how often a stream is read again from its start for bytes that were passed over. Reading a
// file takes two at most; more means that its pointers lead to and fro.
const maxPasses = 16

// A stream is a compressed file that can be read only from start to end. What is read is kept up to a limit,
// what is passed over is not: so the small blocks of most files are at hand when the first pass ends, and the
// big ones never were in memory.
type stream struct {
	r      io.ReaderAt
	size   int64
	open   func(io.Reader) (io.ReadCloser, error)
	now    io.ReadCloser
	pos    int64 // in now
	end    int64 // of the decompressed file once it is known, else -1
	passes int
	kept   []segment // in order of offset
	room   int64
	err    error
}

type segment struct {
	off  int64
	data []byte
}

func newStream(r io.ReaderAt, size int64, open func(io.Reader) (io.ReadCloser, error)) *stream {
	return &stream{r: r, size: size, open: open, end: -1, room: keepLimit}
}

func gunzip(r io.Reader) (io.ReadCloser, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return gunzipper{z}, nil
}

// gunzipper ignores what stands after the compressed data, as zlib does.
type gunzipper struct{ *gzip.Reader }

func (g gunzipper) Read(b []byte) (int, error) {
	n, err := g.Reader.Read(b)
	if errors.Is(err, gzip.ErrHeader) {
		err = io.EOF
	}
	return n, err
}

func unzstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(1<<62))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// maxWindow is how far back a zstd stream may refer. Blender needs 1 MiB, the
// strongest levels of the zstd program 8 MiB.
const maxWindow = 32 << 20

// whole reads the stream to its end if that is near. If it is not, what was
// read is kept and the result is nil.
func (s *stream) whole() ([]byte, error) {
	head := make([]byte, maxHeaderSize)
	n, err := s.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if _, _, err := parseHeader(head[:n]); err != nil {
		return nil, err // never decompress what is no Blender file
	}
	s.kept, s.room = nil, keepLimit-wholeLimit
	data := append(make([]byte, 0, clamp(4*s.size, 64<<10, wholeLimit)), head[:n]...)
	for len(data) < wholeLimit {
		if len(data) == cap(data) {
			data = slices.Grow(data, min(len(data), wholeLimit-len(data)))
		}
		n, err := s.now.Read(data[len(data):min(cap(data), wholeLimit)])
		data, s.pos = data[:len(data)+n], s.pos+int64(n)
		if err == io.EOF {
			s.end = s.pos
			return data, nil
		}
		if err != nil {
			return nil, s.failed(err)
		}
	}
	s.kept = []segment{{0, data}}
	return nil, nil
}

func clamp(n, low, high int64) int64 { return max(low, min(n, high)) }

func (s *stream) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) {
		if s.err != nil {
			return n, s.err
		}
		at := off + int64(n)
		if s.end >= 0 && at >= s.end {
			return n, io.EOF
		}
		i, found := s.find(at)
		if found {
			n += copy(b[n:], s.kept[i].data[at-s.kept[i].off:])
			continue
		}
		want := b[n:]
		if i < len(s.kept) {
			want = want[:min(int64(len(want)), s.kept[i].off-at)]
		}
		got, err := s.advance(want, at)
		if got > 0 && int64(got) <= keepLimit {
			i = s.makeRoom(i, at, int64(got))
			s.kept = slices.Insert(s.kept, i, segment{at, slices.Clone(want[:got])})
		}
		n += got
		if err != nil && err != io.EOF {
			return n, err
		}
	}
	return n, nil
}

// makeRoom takes n bytes of room. What is farthest from offset at goes for that:
// a data-block is read after what belongs to it was passed over, so what was just
// read is what is asked for again. It gives the new place of segment i.
func (s *stream) makeRoom(i int, at, n int64) int {
	for s.room < n {
		last := len(s.kept) - 1
		if i > 0 && (i > last || at-s.kept[0].off > s.kept[last].off-at) {
			s.room += int64(len(s.kept[0].data))
			s.kept[0].data = nil
			s.kept, i = s.kept[1:], i-1
		} else {
			s.room += int64(len(s.kept[last].data))
			s.kept = s.kept[:last]
		}
	}
	s.room -= n
	return i
}

// find gives the segment that holds a byte, or the place where one would be.
func (s *stream) find(at int64) (int, bool) {
	return slices.BinarySearchFunc(s.kept, at, func(g segment, at int64) int {
		if at < g.off {
			return 1
		} else if at >= g.off+int64(len(g.data)) {
			return -1
		}
		return 0
	})
}

// keptFrom gives how many bytes from off on are kept.
func (s *stream) keptFrom(off int64) int64 {
	at := off
	for {
		i, found := s.find(at)
		if !found {
			return at - off
		}
		at = s.kept[i].off + int64(len(s.kept[i].data))
	}
}

// advance reads b from the decompressor, from offset at, which may mean to begin once more.
func (s *stream) advance(b []byte, at int64) (int, error) {
	if s.now == nil || at < s.pos {
		if err := s.restart(); err != nil {
			return 0, err
		}
	}
	if limit := expansion(s.size); at > limit {
		return 0, s.failed(formatError(ErrLimit, s.pos,
			"%d compressed bytes become more than %d", s.size, limit))
	}
	if at > s.pos {
		skipped, err := io.CopyN(io.Discard, s.now, at-s.pos)
		s.pos += skipped
		if err != nil {
			return 0, s.failed(err)
		}
	}
	n, err := io.ReadFull(s.now, b)
	s.pos += int64(n)
	if err != nil {
		return n, s.failed(err)
	}
	return n, nil
}

func (s *stream) restart() error {
	if s.passes++; s.passes > maxPasses {
		return s.failed(formatError(ErrLimit, s.pos, "its data refers to and fro so much that it was read %d times", maxPasses))
	}
	if s.now != nil {
		s.now.Close()
	}
	now, err := s.open(bufio.NewReaderSize(io.NewSectionReader(s.r, 0, s.size), 256<<10))
	if err != nil {
		s.now = nil
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		s.err = decompressError(err, 0)
		return s.err
	}
	s.now, s.pos = now, 0
	return nil
}

// failed remembers an error; the end of the stream is none.
func (s *stream) failed(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF && s.atEnd() {
		s.end = s.pos
		return io.EOF
	}
	s.err = decompressError(err, s.pos)
	return s.err
}

// atEnd tells the end of the decompressed data, which io.ReadFull reports as
// io.ErrUnexpectedEOF too, from compressed data that stops short.
func (s *stream) atEnd() bool {
	_, err := s.now.Read(make([]byte, 1))
	return err == io.EOF
}

// decompressError makes what the decompressor says an error of this package.
func decompressError(err error, offset int64) error {
	var known *FormatError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, new(*fs.PathError)): // the disk's, as os.File gives it: nothing is known of the contents
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return formatError(ErrTruncated, offset, "the compressed data stops short")
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return formatError(ErrLimit, offset, "%v", err)
	}
	return formatError(ErrCorrupt, offset, "cannot decompress: %v", err)
}

func (s *stream) Close() error {
	if s.now == nil {
		return nil
	}
	return s.now.Close()
}
