package pack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/flsync/flsync/deps/blend"
)

// Rewrite writes a copy of the blend file src to dst in which only the fields
// of edits differ. A compressed file is compressed again in the same way:
//
//   - plain: all other bytes are copied by the system where it can.
//   - zstd with a table of frames, as Blender writes it: only frames with an
//     edit are compressed anew, and the table is written for them.
//   - zstd without one: frames of 1 MiB and a table, as Blender writes it.
//   - gzip: one stream at level 1, as Blender up to 2.9x wrote it.
//
// Memory does not grow with the file. dst must be empty, and is of no use after
// an error: a [*TooLongError], [ErrChanged], or one of reading and writing.
func Rewrite(ctx context.Context, dst, src *os.File, edits []Edit) error {
	info, err := src.Stat()
	if err == nil {
		err = rewrite(ctx, dst, src, info.Size(), edits)
	}
	if long, ok := errors.AsType[*TooLongError](err); ok {
		long.Blend = src.Name()
		return long
	}
	if err != nil {
		return fmt.Errorf("rewriting %s: %w", src.Name(), err)
	}
	return nil
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// rewrite writes the whole file only after all fields of a plain file, or those
// up to where it is, were seen to hold what they should.
func rewrite(ctx context.Context, w io.Writer, r io.ReaderAt, size int64, edits []Edit) error {
	head := make([]byte, headerSize)
	n, _ := r.ReadAt(head, 0)
	switch head = head[:n]; {
	case bytes.HasPrefix(head, gzipMagic):
		return rewriteGzip(ctx, w, r, size, edits)
	case bytes.HasPrefix(head, zstdMagic), n >= 4 && binary.LittleEndian.Uint32(head)&^0xf == tableFrame&^0xf:
		return rewriteZstd(ctx, w, r, size, edits)
	}
	list, err := patches(head, edits)
	if err != nil {
		return err
	}
	return rewritePlain(ctx, w, r, size, edits, list)
}

// rewritePlain looks at all fields before it writes.
func rewritePlain(ctx context.Context, w io.Writer, r io.ReaderAt, size int64, edits []Edit, list []patch) error {
	fields := make([][]byte, len(list))
	sameSize := true
	for i, p := range list {
		if p.end() > size {
			return fmt.Errorf("it ends at %d, before a field at %d: %w", size, p.off, ErrChanged)
		}
		old := make([]byte, p.size)
		if err := readAll(r, old, p.off); err != nil {
			return err
		}
		var err error
		if fields[i], err = p.apply(old); err != nil {
			return err
		}
		sameSize = sameSize && len(fields[i]) == len(old)
	}
	dst, ok := w.(io.WriterAt)
	if !ok || !sameSize {
		return stream(ctx, w, io.NewSectionReader(r, 0, size), size, edits)
	}
	// One copy from start to end is what file systems that share blocks between files can do without copying.
	if err := copyPiece(ctx, w, r, 0, size); err != nil {
		return err
	}
	for i, p := range list {
		if _, err := dst.WriteAt(fields[i], p.off); err != nil {
			return err
		}
	}
	return nil
}

// copyPiece copies n bytes from off. Between files the system does it.
func copyPiece(ctx context.Context, w io.Writer, r io.ReaderAt, off, n int64) error {
	var from io.Reader = io.NewSectionReader(r, off, n)
	if file, ok := r.(*os.File); ok {
		if _, err := file.Seek(off, io.SeekStart); err != nil {
			return err
		}
		from = file
	}
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err := io.CopyN(w, from, min(n, 256<<20))
		if n -= done; err == io.EOF {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
	return nil
}

func rewriteGzip(ctx context.Context, w io.Writer, r io.ReaderAt, size int64, edits []Edit) error {
	in, err := newGunzipper(io.NewSectionReader(r, 0, size))
	if err != nil {
		return err
	}
	out, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if err := stream(ctx, out, in, expansion(size), edits); err != nil {
		return err
	}
	return out.Close()
}

// A gunzipper reads gzip data as zlib does: what follows it and is not gzip again, is ignored.
type gunzipper struct {
	r *bufio.Reader
	z *gzip.Reader
}

func newGunzipper(r io.Reader) (*gunzipper, error) {
	buffered := bufio.NewReader(r)
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &gunzipper{buffered, z}, nil
}

func (g *gunzipper) Read(b []byte) (int, error) {
	n, err := g.z.Read(b)
	if err != io.EOF {
		return n, err
	}
	if next, _ := g.r.Peek(len(gzipMagic)); !bytes.Equal(next, gzipMagic) {
		return n, io.EOF
	}
	if err := g.z.Reset(g.r); err != nil {
		return n, err
	}
	g.z.Multistream(false)
	return n, nil
}

func rewriteZstd(ctx context.Context, w io.Writer, r io.ReaderAt, size int64, edits []Edit) error {
	in, err := zstd.NewReader(io.NewSectionReader(r, 0, size), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(maxExpanded), zstd.WithDecoderMaxWindow(32<<20))
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := newFrameWriter(w)
	if err != nil {
		return err
	}
	if frames := blend.SeekTable(r, size, true); frames != nil {
		head := make([]byte, headerSize)
		if _, err := io.ReadFull(in, head); err != nil {
			return err
		}
		list, err := patches(head, edits)
		if err != nil {
			return err
		}
		return rewriteFrames(ctx, out, r, frames, list)
	}
	if err := stream(ctx, out, in, expansion(size), edits); err != nil {
		return err
	}
	return out.finish()
}

// expansion is how much is decompressed of a file that was compressed in one
// piece. Gzip never shrinks a file to less than a thousandth; zstd could be a
// bomb, but does not get there with real blend files, which are not all zeros.
func expansion(compressed int64) int64 { return 1<<30 + 1100*compressed }

// stream reads a decompressed file from start to end and writes it with the edits.
func stream(ctx context.Context, w io.Writer, r io.Reader, limit int64, edits []Edit) error {
	buf := make([]byte, 256<<10)
	n, err := io.ReadFull(r, buf[:headerSize])
	if err != nil {
		return err
	}
	list, err := patches(buf[:n], edits)
	if err != nil {
		return err
	}
	s := splicer{w: w, patches: list}
	for {
		if _, err := s.Write(buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return s.finish()
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if limit -= int64(n); limit < 0 {
			return errors.New("it decompresses to more than a blend file of its size holds")
		}
		n, err = r.Read(buf)
	}
}
