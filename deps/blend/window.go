package blend

import (
	"io"
	"slices"
)

// How much is read at once. A walk from header to header wants large pieces
// where blocks are small, and small ones where most of the file is passed over.
const (
	minWindow     = 16 << 10
	maxWindowRead = 1 << 20
)

// A window is the part of the file that a walk sees.
type window struct {
	buf  []byte // contents of the file from off on
	off  int64
	want int // how much the last move asked for
}

// peek gives n bytes at off, fewer at the end of the file, none and io.EOF beyond it. They are valid until
// the next peek. The bytes from keep on, which is not after off, stay in the window if they are few.
func (w *window) peek(f *File, off int64, n int, keep int64) ([]byte, error) {
	if f.whole != nil {
		if off >= int64(len(f.whole)) {
			return nil, io.EOF
		}
		return f.whole[off:min(off+int64(n), int64(len(f.whole)))], nil
	}
	if b := w.slice(off, int64(n)); b != nil {
		return b, nil
	}
	return w.move(f, off, n, keep)
}

// slice gives n bytes at off if all of them are in the window, else nil.
func (w *window) slice(off, n int64) []byte {
	if i := off - w.off; i >= 0 && i <= int64(len(w.buf)) && n <= int64(len(w.buf))-i {
		return w.buf[i : i+n : i+n]
	}
	return nil
}

func (w *window) move(f *File, off int64, n int, keep int64) ([]byte, error) {
	end := w.off + int64(len(w.buf))
	start := off
	if off-end > minWindow {
		w.want = 0 // a block was passed over, the next may be as large
	} else if keep >= w.off && keep <= end && off-keep <= maxWindowRead/2 {
		start = keep
	}
	w.want = min(max(2*w.want, minWindow), maxWindowRead)

	kept := 0
	if start >= w.off && start < end {
		kept = copy(w.buf, w.buf[start-w.off:])
	}
	size := max(kept+f.ahead(start+int64(kept), w.want), int(off-start)+n)
	w.off, w.buf = start, slices.Grow(w.buf[:kept], size-kept)[:size]
	got, err := f.src.ReadAt(w.buf[kept:], start+int64(kept))
	w.buf = w.buf[:kept+got]
	if err != nil && err != io.EOF {
		return nil, err
	}
	i := int(off - start)
	if i >= len(w.buf) {
		return nil, io.EOF
	}
	return w.buf[i:min(i+n, len(w.buf))], nil
}

// ahead gives how many of want bytes from off on are worth reading before they
// are asked for. Where a stream has kept some those are it, as what was passed
// over after them may take reading the stream again from its start.
func (f *File) ahead(off int64, want int) int {
	if s, ok := f.src.(*stream); ok {
		if kept := s.keptFrom(off); kept > 0 {
			return int(min(kept, int64(want)))
		}
	}
	return want
}

// read gives n bytes at off in memory of their own (or of the whole file).
func (f *File) read(off, n int64) ([]byte, error) {
	if n > maxBody {
		return nil, formatError(ErrLimit, off, "%d bytes of data in one piece", n)
	}
	if f.whole != nil {
		if off+n > int64(len(f.whole)) {
			return nil, formatError(ErrTruncated, int64(len(f.whole)), "%d bytes at %d were announced", n, off)
		}
		return f.whole[off : off+n : off+n], nil
	}
	if f.size >= 0 && off+n > f.size {
		return nil, formatError(ErrTruncated, f.size, "%d bytes at %d were announced", n, off)
	}
	b := make([]byte, n)
	got, err := f.src.ReadAt(b, off)
	if int64(got) == n {
		return b, nil
	}
	if err == nil || err == io.EOF {
		err = formatError(ErrTruncated, off+int64(got), "%d bytes at %d were announced", n, off)
	}
	return nil, err
}

// maxBody is the largest block that is ever read. Larger ones hold pixels and
// geometry, which nobody asks this package for.
const maxBody = 64 << 20

// nearby keeps the piece of the file around the last body that was read
// outside of the walk's window: the next is often close.
type nearby struct {
	buf  []byte
	off  int64
	want int // how much was asked for
}

// How much is read around such a body: little where they lie between pixels and
// geometry, more where one follows the other.
const (
	minNearby = 4 << 10
	maxNearby = 64 << 10
)

func (f *File) readNear(off, n int64) ([]byte, error) {
	if n > maxNearby/4 || f.whole != nil {
		return f.read(off, n)
	}
	end := f.near.off + int64(len(f.near.buf))
	if i := off - f.near.off; i >= 0 && off+n <= end {
		return f.near.buf[i : i+n : i+n], nil
	}
	want := minNearby
	if off >= f.near.off && off < end+maxNearby {
		want = min(max(2*f.near.want, minNearby), maxNearby)
	}
	buf := make([]byte, max(f.ahead(off, want), int(n))) // not reused: slices of the last one may be in use
	got, err := f.src.ReadAt(buf, off)
	if err != nil && err != io.EOF {
		return nil, err
	}
	f.near = nearby{buf[:got], off, want}
	if int64(got) < n {
		return nil, formatError(ErrTruncated, off+int64(got), "%d bytes at %d were announced", n, off)
	}
	return buf[:n:n], nil
}
