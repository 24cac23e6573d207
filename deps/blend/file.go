package blend

import (
	"bytes"
	"context"
	"io"
	"os"

	"github.com/flsync/flsync/internal/openfile"
)

// A File is an open Blender file. It is used by one goroutine at a time.
type File struct {
	// Version is that of the Blender that wrote the file. Its Sub is known
	// after the GLOB block was met, see [File.DataBlocks].
	Version Version
	// Compression is how the file as a whole is packed. All offsets count in the unpacked file.
	Compression Compression

	layout  layout
	dna     *DNA
	dnaAt   int64   // offset of the DNA1 block's header
	whole   []byte  // the decompressed file, when it is small; else nil
	src     source  // when it is not
	size    int64   // of the decompressed file; -1 while it is not known
	headers []Block // of all blocks, when the file is in memory
	// headersErr is what stands in the place of the header after them.
	headersErr error
	closers    []io.Closer
	shared     *Shared
	near       nearby
	err        error // the first failure of reading a body, see DataBlocks
}

// Options change how a file is opened. The zero value is fine.
type Options struct {
	// Shared makes reading many files cheaper. Nil: nothing is shared.
	Shared *Shared
}

// Open opens the Blender file at path. Errors are of type [*FormatError] when they are about its contents,
// else those of package os. When ctx is cancelled whatever reads the file gives the error of ctx.
func Open(ctx context.Context, path string, opts Options) (*File, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = formatError(ErrNotBlend, 0, "%s is a folder", path)
	} else if err == nil && !info.Mode().IsRegular() {
		err = formatError(ErrNotBlend, 0, "%s is no regular file", path)
	}
	if err != nil {
		return nil, err
	}
	osFile, err := openfile.Open(path, info)
	if err != nil {
		return nil, err
	}
	f, err := NewReader(cancellable{ctx, osFile}, info.Size(), opts)
	if err != nil {
		osFile.Close()
		return nil, err
	}
	f.closers = append(f.closers, osFile)
	return f, nil
}

// cancellable is a file that can be read until a context is cancelled.
type cancellable struct {
	ctx context.Context
	r   io.ReaderAt
}

func (c cancellable) ReadAt(b []byte, off int64) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.ReadAt(b, off)
}

// NewReader reads a Blender file of size bytes from r, which must stay
// readable until Close. It is read by the goroutine that uses the File, and by no other.
func NewReader(r io.ReaderAt, size int64, opts Options) (*File, error) {
	f := &File{size: -1, shared: opts.Shared}
	src, whole, compression, err := openSource(r, size, opts.Shared)
	if err != nil {
		if src != nil {
			src.Close()
		}
		return nil, err
	}
	f.Compression, f.whole = compression, whole
	switch {
	case whole != nil:
		f.size = int64(len(whole))
		if src != nil {
			src.Close()
		}
	default:
		f.src, f.closers = src, []io.Closer{src}
		switch s := src.(type) {
		case plain:
			f.size = s.size
		case *zstdFrames:
			f.size = s.size
		}
	}
	if err := f.readStart(opts); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readStart reads the file header and the DNA.
func (f *File) readStart(opts Options) error {
	head, err := new(window).peek(f, 0, maxHeaderSize, 0)
	if err != nil && err != io.EOF {
		return err
	}
	if f.layout, f.Version, err = parseHeader(head); err != nil {
		return err
	}
	dnaBlock, err := f.findDNA()
	if err != nil {
		return err
	}
	if dnaBlock.Len > maxDNA {
		return formatError(ErrLimit, dnaBlock.Offset, "DNA of %d bytes", dnaBlock.Len)
	}
	body, err := f.read(dnaBlock.Body, dnaBlock.Len)
	if err != nil {
		return err
	}
	f.dnaAt = dnaBlock.Offset
	f.dna, err = opts.Shared.dna(body, &f.layout, dnaBlock.Body)
	return err
}

// maxDNA is a bound for the DNA block, which has some 150 kB in Blender 5.
const maxDNA = 8 << 20

// findDNA looks for the DNA block where it always is, at the end of the file,
// and where it is not there walks all blocks.
func (f *File) findDNA() (Block, error) {
	if f.whole == nil && f.size >= 0 {
		if b, ok := f.dnaAtEnd(); ok {
			return b, nil
		}
	}
	if f.whole != nil {
		f.readHeaders()
	}
	w := walker{f: f, pos: f.layout.headerSize}
	last := w.pos
	for {
		b, err := w.next(last) // a stream keeps small blocks for the next walk
		if err != nil {
			return Block{}, err
		}
		switch b.Code {
		case CodeDNA1:
			return b, nil
		case CodeEndB:
			return Block{}, formatError(ErrCorrupt, b.Offset, "no DNA block")
		}
		last = b.Offset
	}
}

// dnaAtEnd finds the DNA block without walking the file. What looks like it may be part of some block's data:
// [File.DataBlocks] checks that the walk comes by this block.
func (f *File) dnaAtEnd() (Block, bool) {
	start := max(f.size-(1<<20), 0)
	tail, err := f.read(start, f.size-start)
	if err != nil {
		return Block{}, false
	}
	for end := len(tail); ; {
		i := bytes.LastIndex(tail[:end], []byte("DNA1"))
		if i < 0 || len(tail)-i < f.layout.blockSize+8 {
			return Block{}, false
		}
		var b Block
		err := f.layout.parseBlock(&b, tail[i:i+f.layout.blockSize], start+int64(i))
		if err == nil && b.Code == CodeDNA1 && b.End() <= f.size &&
			string(tail[i+f.layout.blockSize:][:8]) == "SDNANAME" {
			return b, true
		}
		end = i
	}
}

// DNA gives the description of the file's structs.
func (f *File) DNA() *DNA { return f.dna }

// PointerSize is 4 or 8 bytes.
func (f *File) PointerSize() int { return f.layout.pointerSize }

// BigEndian reports whether numbers are stored with the high byte first.
func (f *File) BigEndian() bool { return f.layout.bigEndian }

// BlockHeaderSize is that of the headers before each block's data, in bytes.
func (f *File) BlockHeaderSize() int { return f.layout.blockSize }

// ReadAt reads decompressed bytes of the file.
func (f *File) ReadAt(b []byte, off int64) (int, error) {
	if f.whole == nil {
		return f.src.ReadAt(b, off)
	}
	return bytes.NewReader(f.whole).ReadAt(b, off)
}

// Close frees what the file holds.
func (f *File) Close() error {
	var first error
	for _, c := range f.closers {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	f.shared.recycle(f.whole)
	f.shared.recycleBlocks(f.headers)
	f.closers, f.whole, f.headers, f.shared = nil, nil, nil, nil
	return first
}
