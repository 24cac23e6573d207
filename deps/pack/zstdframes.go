package pack

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/flsync/flsync/deps/blend"
)

// Rewritten files have a table of frames, as Blender's have, see [blend.SeekTable].
const (
	tableFrame  = 0x184D2A5E
	tableMagic  = 0x8F92EAB1
	footerSize  = 9
	frameLimit  = 1 << 20
	maxFrame    = 64 << 20 // decompressed
	maxExpanded = 1 << 60
)

func readAll(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// A frameWriter compresses what is written to it into frames, and keeps the table of all.
type frameWriter struct {
	w       io.Writer
	encoder *zstd.Encoder
	limit   int // of a frame, decompressed
	pending []byte
	packed  []byte // reused
	table   []byte // entries of 8 bytes
}

func newFrameWriter(w io.Writer) (*frameWriter, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	return &frameWriter{w: w, encoder: encoder, limit: frameLimit}, nil
}

func (z *frameWriter) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		take := min(len(b), z.limit-len(z.pending))
		z.pending, b = append(z.pending, b[:take]...), b[take:]
		if len(z.pending) == z.limit {
			if err := z.endFrame(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// endFrame compresses what is pending.
func (z *frameWriter) endFrame() error {
	if len(z.pending) == 0 {
		return nil
	}
	z.packed = z.encoder.EncodeAll(z.pending, z.packed[:0])
	z.entry(len(z.packed), len(z.pending))
	z.pending = z.pending[:0]
	_, err := z.w.Write(z.packed)
	return err
}

func (z *frameWriter) entry(packed, size int) {
	z.table = binary.LittleEndian.AppendUint32(z.table, uint32(packed))
	z.table = binary.LittleEndian.AppendUint32(z.table, uint32(size))
}

// finish writes the table.
func (z *frameWriter) finish() error {
	if err := z.endFrame(); err != nil {
		return err
	}
	n := len(z.table)
	table := binary.LittleEndian.AppendUint32(nil, tableFrame)
	table = binary.LittleEndian.AppendUint32(table, uint32(n+footerSize))
	table = append(table, z.table...)
	table = binary.LittleEndian.AppendUint32(table, uint32(n/8))
	table = append(table, 0) // no checksums
	table = binary.LittleEndian.AppendUint32(table, tableMagic)
	_, err := z.w.Write(table)
	return err
}

// rewriteFrames copies a file frame by frame: those without a patch as they
// are, the others decompressed and compressed again.
func rewriteFrames(ctx context.Context, out *frameWriter, r io.ReaderAt, frames []blend.Frame, list []patch) error {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		return err
	}
	defer decoder.Close()
	s := splicer{w: out, patches: list}
	out.limit = 2 * maxFrame // a frame stays one, also when a path in it grows
	var packed, data []byte
	for i := 0; i < len(frames); {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := &frames[i]
		if !s.touches(f) {
			last := i + 1
			for last < len(frames) && !s.touches(&frames[last]) {
				last++
			}
			if err := out.copyFrames(ctx, r, frames[i:last]); err != nil {
				return err
			}
			s.pos, i = frames[last-1].Off+frames[last-1].Size, last
			continue
		}
		packed = grow(packed, f.PackedSize)
		if err := readAll(r, packed, f.PackedOff); err != nil {
			return err
		}
		if data, err = decoder.DecodeAll(packed, data[:0]); err != nil {
			return fmt.Errorf("frame at %d: %w", f.PackedOff, err)
		}
		if int64(len(data)) != f.Size {
			return fmt.Errorf("frame at %d: it holds %d bytes, not %d", f.PackedOff, len(data), f.Size)
		}
		if _, err := s.Write(data); err != nil {
			return err
		}
		if err := out.endFrame(); err != nil {
			return err
		}
		i++
	}
	if err := s.finish(); err != nil {
		return err
	}
	return out.finish()
}

// copyFrames writes frames as they are.
func (z *frameWriter) copyFrames(ctx context.Context, r io.ReaderAt, frames []blend.Frame) error {
	start, end := frames[0], frames[len(frames)-1]
	for _, f := range frames {
		z.entry(int(f.PackedSize), int(f.Size))
	}
	return copyPiece(ctx, z.w, r, start.PackedOff, end.PackedOff+end.PackedSize-start.PackedOff)
}

// touches reports whether a patch that is still to come has bytes in f.
func (s *splicer) touches(f *blend.Frame) bool {
	for i := range s.patches {
		if p := &s.patches[i]; p.off >= f.Off+f.Size {
			return false
		} else if p.end() > f.Off {
			return true
		}
	}
	return false
}

func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}
