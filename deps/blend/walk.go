package blend

import (
	"io"
	"iter"
)

// A DataBlock is one data-block of the file (an ID in Blender's words: a scene, an image, a library) and the
// DATA blocks that belong to it. Old addresses of DATA blocks mean something within one DataBlock only.
//
// It also stands for the blocks of the file itself: GLOB, REND, TEST, USER.
type DataBlock struct {
	// Block is the ID's own block.
	Block
	// Data are the DATA blocks after it, in the order of the file.
	Data []Block

	f      *File
	w      *window
	byOld  map[uint64]int // index in Data; made when there are many
	mapped bool
}

// few is up to how many blocks a linear search is faster than a map.
const few = 12

// DataBlocks walks the file. A DataBlock, and whatever was got from it, is valid until the next one is asked
// for. The walk ends with the file, or with an error: of the walk itself, or the first that occurred when
// data of a DataBlock was read.
func (f *File) DataBlocks() iter.Seq2[*DataBlock, error] {
	return func(yield func(*DataBlock, error) bool) {
		w := walker{f: f, pos: f.layout.headerSize}
		if err := w.run(yield); err != nil {
			yield(nil, err)
		}
	}
}

// A walker goes from block header to block header.
type walker struct {
	f   *File
	win window
	pos int64
	at  int // in File.headers, if there are any
	// after is set when the last block was the DNA: the file may end here.
	after bool
}

func (w *walker) run(yield func(*DataBlock, error) bool) error {
	f := w.f
	d := DataBlock{f: f, w: &w.win}
	f.err = nil
	b, err := w.next(w.pos)
	for {
		if err != nil {
			return err
		}
		switch b.Code {
		case CodeEndB:
			return nil
		case CodeDNA1:
			if b.Offset != f.dnaAt {
				return formatError(ErrCorrupt, b.Offset, "a second DNA block, the other is at byte %d", f.dnaAt)
			}
			b, err = w.next(w.pos)
			continue
		case CodeData:
			return formatError(ErrCorrupt, b.Offset, "data that belongs to no data-block")
		}
		d.Block, d.Data, d.mapped = b, d.Data[:0], false
		if f.headers != nil {
			d.Data = f.headers[w.at:w.at] // what is appended is there already
		}
		for {
			b, err = w.next(d.Offset)
			if err != nil || b.Code != CodeData {
				break
			}
			if len(d.Data) == maxBlocks {
				return formatError(ErrLimit, b.Offset, "more than %d blocks of one data-block", maxBlocks)
			}
			d.Data = append(d.Data, b)
		}
		if d.Code == CodeGlob {
			f.Version.Sub = int(d.Struct().Int("subversion"))
		}
		if !yield(&d, nil) {
			return nil
		}
		if f.err != nil {
			return f.err
		}
	}
}

// readHeaders reads the headers of all blocks of a file that is in memory.
func (f *File) readHeaders() {
	w := walker{f: f, pos: f.layout.headerSize}
	list := f.shared.blocks(len(f.whole) / 256) // most blocks are larger
	for {
		b, err := w.next(w.pos)
		if err != nil {
			f.headersErr = err
			break
		}
		list = append(list, b)
		if b.Code == CodeEndB {
			break
		}
	}
	f.headers = list
}

// maxBlocks bounds the memory for the headers of one data-block's blocks: some
// 250 MB. The largest real ones have some 100,000.
const maxBlocks = 4 << 20

// next reads the header at w.pos and moves on to the one after it. The window keeps what follows from offset
// keep on. Where the file ends right after the DNA, an ENDB block is made up, as Blender opens such files.
func (w *walker) next(keep int64) (Block, error) {
	var b Block
	f := w.f
	if f.headers != nil {
		if w.at == len(f.headers) {
			return b, f.headersErr
		}
		w.at++
		return f.headers[w.at-1], nil
	}
	head, err := w.win.peek(f, w.pos, f.layout.blockSize, keep)
	if err != nil && err != io.EOF {
		return b, err
	}
	if len(head) < f.layout.blockSize {
		if w.after {
			return Block{Code: CodeEndB, Offset: w.pos, Body: w.pos}, nil
		}
		if len(head) >= 4 && Code(f.layout.order.Uint32(head)) == CodeEndB {
			return Block{Code: CodeEndB, Offset: w.pos, Body: w.pos}, nil
		}
		return b, formatError(ErrTruncated, w.pos+int64(len(head)), "no end block")
	}
	if err := f.layout.parseBlock(&b, head, w.pos); err != nil {
		return b, err
	}
	if b.Code == CodeEndB {
		return b, nil
	}
	if f.size >= 0 && b.End() > f.size {
		return b, formatError(ErrTruncated, f.size, "block %q at %d announces %d bytes", b.Code, b.Offset, b.Len)
	}
	if b.Code == 0 {
		return b, formatError(ErrCorrupt, b.Offset, "block without a code")
	}
	w.after = b.Code == CodeDNA1
	w.pos = b.End()
	return b, nil
}
