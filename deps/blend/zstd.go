package blend

import (
	"container/list"
	"encoding/binary"
	"io"
	"runtime"
	"slices"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// Blender writes zstd files as frames of 1 MiB each, and after them a table of
// their sizes in a frame that decompressors skip:
// https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md
const (
	seekTableFrame  = 0x184D2A5E
	seekFooterMagic = 0x8F92EAB1
	seekFooterSize  = 9
	skippableMagic  = 0x184D2A50 // the last four bits are free
	maxFrame        = 16 << 20   // decompressed; larger frames are read as a stream
	frameCacheSize  = 12 << 20
)

func isSkippable(b []byte) bool {
	return len(b) >= 4 && binary.LittleEndian.Uint32(b)&^0xf == skippableMagic
}

// A Frame is a piece of a compressed file that can be decompressed on its own. All is in bytes.
type Frame struct {
	Off, Size             int64 // decompressed
	PackedOff, PackedSize int64
}

// A frame is a piece of the file, and what was read of it.
type frame struct {
	Frame

	ready chan struct{} // closed when data or err is there; nil: not begun
	data  []byte
	err   error
	used  *list.Element // in zstdFrames.recent
}

// plausible reports whether a frame is small enough to be held in memory.
func (f *Frame) plausible() bool {
	return f.Size <= maxFrame && f.PackedSize <= f.Size+f.Size/128+1024
}

// zstdFrames reads only the frames that are asked for, each on its own, and
// the one that comes next while its caller is busy with one.
type zstdFrames struct {
	r       io.ReaderAt
	decoder *zstd.Decoder
	frames  []frame
	size    int64

	recent  *list.List // of *frame, the last used in front
	held    int64      // decompressed bytes in memory
	budget  int64      // what may still be decompressed
	spare   [][]byte   // buffers of frames that went
	running sync.WaitGroup
}

// openZstd reads small files as a whole, and of large ones the frames that are needed. Files that are one
// frame, as the zstd program writes them, are streams.
func openZstd(r io.ReaderAt, size int64, shared *Shared) (source, []byte, error) {
	frames := seekTable(r, size)
	if frames == nil {
		frames = scanFrames(r, size)
	}
	if frames == nil {
		s := newStream(r, size, unzstd)
		whole, err := s.whole()
		return s, whole, err
	}
	decoder, err := shared.frameDecoder()
	if err != nil {
		return nil, nil, err
	}
	last := frames[len(frames)-1]
	z := &zstdFrames{r: r, decoder: decoder, frames: frames, size: last.Off + last.Size, recent: list.New()}
	z.budget = min(maxPasses*z.size, expansion(size))
	if z.size > wholeLimit {
		return z, nil, nil
	}
	whole := shared.buffer(z.size + overrun)[:z.size]
	if err := z.readAll(whole); err != nil {
		shared.recycle(whole)
		return nil, nil, err
	}
	return nil, whole, nil
}

const (
	// overrun is room behind the data that lets the decoder copy in large steps.
	overrun = 64
	// fewFrames is how many frames are sooner done one after the other.
	fewFrames = 4
)

// readAll decompresses all frames right into their places.
func (z *zstdFrames) readAll(whole []byte) error {
	if z.budget < z.size {
		return formatError(ErrLimit, 0, "too much of it would have to be decompressed")
	}
	if len(z.frames) <= fewFrames {
		var packed []byte
		for i := range z.frames {
			f := &z.frames[i]
			packed = slices.Grow(packed[:0], int(f.PackedSize))[:f.PackedSize]
			if err := z.readPacked(f, packed); err != nil {
				return err
			}
			// It may write beyond the frame's end, where the next one goes.
			if _, err := z.decompress(f, packed, whole[f.Off:f.Off]); err != nil {
				return err
			}
		}
		return nil
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range z.frames {
		f := &z.frames[i]
		packed := make([]byte, f.PackedSize)
		if err := z.readPacked(f, packed); err != nil {
			g.Wait()
			return err
		}
		g.Go(func() error {
			_, err := z.decompress(f, packed, whole[f.Off:f.Off:f.Off+f.Size])
			return err
		})
	}
	return g.Wait()
}

// readPacked reads a frame as it is in the file.
func (z *zstdFrames) readPacked(f *frame, packed []byte) error {
	n, err := readFull(z.r, packed, f.PackedOff, f.PackedOff+f.PackedSize)
	if err != nil {
		return err
	}
	if n < len(packed) {
		return formatError(ErrTruncated, f.Off, "within a compressed frame")
	}
	return nil
}

// SeekTable reads the table of frames at the end of a compressed file of size bytes. It gives nil when there
// is none, or one that does not fit the file; exact asks that it accounts for every byte of the file.
func SeekTable(r io.ReaderAt, size int64, exact bool) []Frame {
	if size < seekFooterSize+8 {
		return nil
	}
	footer := make([]byte, seekFooterSize)
	if _, err := readFull(r, footer, size-seekFooterSize, size); err != nil ||
		binary.LittleEndian.Uint32(footer[5:]) != seekFooterMagic {
		return nil
	}
	n, entry := int64(binary.LittleEndian.Uint32(footer)), int64(8)
	if footer[4]&0x80 != 0 {
		entry = 12 // with a checksum
	}
	length := 8 + n*entry + seekFooterSize
	if n == 0 || length > size {
		return nil
	}
	table := make([]byte, length)
	if _, err := readFull(r, table, size-length, size); err != nil ||
		binary.LittleEndian.Uint32(table) != seekTableFrame ||
		int64(binary.LittleEndian.Uint32(table[4:])) != length-8 {
		return nil
	}
	frames := make([]Frame, 0, n)
	var f Frame
	for e := table[8 : length-seekFooterSize]; len(e) > 0; e = e[entry:] {
		f.PackedSize, f.Size = int64(binary.LittleEndian.Uint32(e)), int64(binary.LittleEndian.Uint32(e[4:]))
		if !f.plausible() {
			return nil
		}
		frames = append(frames, f)
		f.Off, f.PackedOff = f.Off+f.Size, f.PackedOff+f.PackedSize
	}
	if f.PackedOff > size-length || exact && f.PackedOff != size-length {
		return nil
	}
	return frames
}

// seekTable returns the frames of a file by their table; nil without one.
func seekTable(r io.ReaderAt, size int64) []frame {
	var frames []frame
	for _, f := range SeekTable(r, size, false) {
		if f.Size > 0 {
			frames = append(frames, frame{Frame: f})
		}
	}
	return frames
}

// scanFrames finds the frames by their own headers, without decompressing
// them. It gives nil when a frame is too large or does not say its size.
func scanFrames(r io.ReaderAt, size int64) []frame {
	var frames []frame
	var off int64
	head := make([]byte, zstd.HeaderMaxSize)
	for pos := int64(0); pos < size; {
		n, err := readFull(r, head, pos, size)
		var h zstd.Header
		if err != nil || h.Decode(head[:n]) != nil {
			return nil
		}
		if h.Skippable {
			pos += int64(h.HeaderSize) + int64(h.SkippableSize)
			continue
		}
		f := frame{Frame: Frame{Off: off, PackedOff: pos, Size: int64(h.FrameContentSize)}}
		if !h.HasFCS || h.FrameContentSize > maxFrame {
			return nil // a stream
		}
		end, ok := frameEnd(r, pos+int64(h.HeaderSize), size, h.HasCheckSum)
		if !ok {
			return nil
		}
		if f.PackedSize = end - pos; !f.plausible() {
			return nil
		}
		pos, off = end, off+f.Size
		if f.Size > 0 {
			frames = append(frames, f)
		}
	}
	return frames
}

// frameEnd walks the blocks of a frame, of which the first is at pos.
func frameEnd(r io.ReaderAt, pos, size int64, checksum bool) (int64, bool) {
	var head [3]byte
	for {
		if n, err := readFull(r, head[:], pos, size); err != nil || n < len(head) {
			return 0, false
		}
		h := uint32(head[0]) | uint32(head[1])<<8 | uint32(head[2])<<16
		last, kind, length := h&1 != 0, h>>1&3, int64(h>>3)
		if kind == 1 {
			length = 1 // one byte, repeated
		}
		pos += int64(len(head)) + length
		if last {
			break
		}
	}
	if checksum {
		pos += 4
	}
	return pos, pos <= size
}

func (z *zstdFrames) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) {
		at := off + int64(n)
		if at >= z.size {
			return n, io.EOF
		}
		i := sort.Search(len(z.frames), func(i int) bool { return z.frames[i].Off > at }) - 1
		f, err := z.frame(i)
		if err != nil {
			return n, err
		}
		n += copy(b[n:], f.data[at-f.Off:])
	}
	return n, nil
}

// frame gives frame i decompressed and begins on the one after it when the one before it was read too.
func (z *zstdFrames) frame(i int) (*frame, error) {
	f := &z.frames[i]
	if f.ready == nil {
		if err := z.begin(i); err != nil {
			return nil, err
		}
	}
	z.recent.MoveToFront(f.used)
	sequential := i == 0 || z.frames[i-1].ready != nil
	ahead := f.Size // never so far that there is no room for f itself
	for next := i + 1; sequential && next < len(z.frames) && next <= i+runtime.GOMAXPROCS(0); next++ {
		if ahead += z.frames[next].Size; ahead > frameCacheSize {
			break
		}
		if z.frames[next].ready == nil && z.begin(next) != nil {
			break // reported when it is asked for
		}
		z.recent.MoveToFront(z.frames[next].used) // what was passed goes first, not what is to come
	}
	<-f.ready
	return f, f.err
}

// begin reads frame i and decompresses it in a goroutine of its own.
func (z *zstdFrames) begin(i int) error {
	f := &z.frames[i]
	if z.budget < f.Size {
		return formatError(ErrLimit, f.Off, "too much of it would have to be decompressed")
	}
	packed := make([]byte, f.PackedSize)
	if err := z.readPacked(f, packed); err != nil {
		return err
	}
	z.budget -= f.Size
	z.evict(f.Size)
	z.held += f.Size
	f.ready = make(chan struct{})
	f.used = z.recent.PushFront(f)
	var buf []byte
	if n := len(z.spare); n > 0 {
		buf, z.spare = z.spare[n-1], z.spare[:n-1]
	}
	z.running.Go(func() {
		defer close(f.ready)
		if int64(cap(buf)) < f.Size+overrun {
			buf = make([]byte, 0, f.Size+overrun)
		}
		f.data, f.err = z.decompress(f, packed, buf[:0])
	})
	return nil
}

// evict makes room for size bytes: the frames go that were not used for longest.
func (z *zstdFrames) evict(size int64) {
	for z.held+size > frameCacheSize && z.recent.Len() > 0 {
		f := z.recent.Remove(z.recent.Back()).(*frame)
		<-f.ready
		z.held -= f.Size
		if len(z.spare) < runtime.GOMAXPROCS(0) {
			z.spare = append(z.spare, f.data)
		}
		f.ready, f.data, f.used = nil, nil, nil
	}
}

// decompress appends a frame to buf, which is empty and has room for it.
func (z *zstdFrames) decompress(f *frame, packed, buf []byte) ([]byte, error) {
	data, err := z.decoder.DecodeAll(packed, buf)
	if err != nil {
		return nil, decompressError(err, f.Off)
	}
	if int64(len(data)) != f.Size {
		return nil, formatError(ErrCorrupt, f.Off, "a compressed frame holds %d bytes, not %d", len(data), f.Size)
	}
	return data, nil
}

func (z *zstdFrames) Close() error {
	z.running.Wait()
	return nil
}
