package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// An Edit puts another path into one field of a blend file.
type Edit struct {
	// ID and Field name the place for people: "IMwood", "Image.name".
	ID, Field string
	// Offset is where the field begins in the decompressed file, Size how many bytes it has there.
	Offset int64
	Size   int
	// Old is what must stand there now, New what is to stand there, both
	// without a closing NUL. They are bytes, not necessarily UTF-8.
	Old, New string
	// Block is the offset of the block header right before the field when the
	// field is a block of its own, to which a pointer leads (Text.name). Such a
	// block is made longer where needed. 0: the field has a fixed size.
	Block int64
	// Length is the offset of IDProperty.len when the field is the text of a
	// string property, which counts its bytes; else 0.
	Length int64
}

// ErrChanged says that a blend file does not hold what it held when it was traced: trace it again.
var ErrChanged = errors.New("the file has changed since it was traced")

// A TooLongError is a path that its field has no room for. The file, or the
// project, has to move to where its path is shorter.
type TooLongError struct {
	Blend     string // the blend file
	ID, Field string
	Path      string // the new path
	Room      int    // the longest path the field takes, in bytes
}

func (e *TooLongError) Error() string {
	path := e.Path
	if len(path) > 200 {
		path = path[:100] + "…" + path[len(path)-100:]
	}
	return fmt.Sprintf("%s: %s of %s has room for %d bytes, and %d are needed for %q: move the file to a shorter path, or into the project",
		e.Blend, e.Field, e.ID, e.Room, len(e.Path), path)
}

// room is how many bytes New may have.
func (e *Edit) room() int {
	if e.Block != 0 {
		return maxBlockPath
	}
	return e.Size - 1 // for the closing NUL
}

// maxBlockPath bounds paths in blocks of their own. Blender itself cuts every path at 1,024 bytes (FILE_MAX).
const maxBlockPath = 1023

// maxField is more than any field or block that holds a path has.
const maxField = 64 << 10

func (e *Edit) check() error {
	switch {
	case e.Size <= 0 || e.Size > maxField || e.Offset < headerSize || e.Offset > 1<<60 ||
		len(e.Old) > e.Size || e.Block < 0 || e.Length < 0 || e.Block > 0 && e.Block >= e.Offset:
		return fmt.Errorf("%s of %s: an edit of %d bytes at %d makes no sense", e.Field, e.ID, e.Size, e.Offset)
	case slices.Contains([]byte(e.New), 0):
		return fmt.Errorf("%s of %s: a path cannot hold a NUL: %q", e.Field, e.ID, e.New)
	case len(e.New) > e.room():
		return &TooLongError{ID: e.ID, Field: e.Field, Path: e.New, Room: e.room()}
	}
	return nil
}

// A patch replaces size bytes at off of the decompressed file by what apply
// makes of them. The new bytes may be more or fewer.
type patch struct {
	off, size int64
	apply     func(old []byte) ([]byte, error)
}

func (p *patch) end() int64 { return p.off + p.size }

// form is what the header of a blend file says of its blocks.
type form struct {
	order     binary.ByteOrder
	blockSize int64 // bytes of a block header
	lenAt     int   // where in the header the length of the block is
	large     bool  // the length has 64 bits, and needs not be a multiple of 4
}

// headerSize is how many bytes of a blend file formOf needs.
const headerSize = 12

// formOf reads the first bytes of a blend file.
func formOf(head []byte) (form, error) {
	if len(head) < headerSize || string(head[:7]) != "BLENDER" {
		return form{}, errors.New("this is no blend file")
	}
	f := form{order: binary.LittleEndian, blockSize: 24, lenAt: 4}
	switch head[7] {
	case '-':
	case '_':
		f.blockSize = 20
	default:
		f.blockSize, f.lenAt, f.large = 32, 16, true
	}
	if !f.large && head[8] == 'V' {
		f.order = binary.BigEndian
	}
	return f, nil
}

// patches turns edits into patches in the order of the file, which begins with head.
func patches(head []byte, edits []Edit) ([]patch, error) {
	f, err := formOf(head)
	if err != nil {
		return nil, err
	}
	var list []patch
	for i := range edits {
		e := &edits[i]
		if err := e.check(); err != nil {
			return nil, err
		}
		size := e.Size
		if e.Block != 0 {
			if e.Offset-e.Block != f.blockSize {
				return nil, fmt.Errorf("%s of %s: no block header is %d bytes long", e.Field, e.ID, e.Offset-e.Block)
			}
			if size = len(e.New) + 1; !f.large {
				size = (size + 3) &^ 3 // as Blender writes them
			}
			list = append(list, patch{e.Block, f.blockSize, e.resize(f, size)})
		}
		list = append(list, patch{e.Offset, int64(e.Size), e.replace(size)})
		if e.Length != 0 {
			list = append(list, patch{e.Length, 4, e.recount(f)})
		}
	}
	slices.SortFunc(list, func(a, b patch) int { return int(min(max(a.off-b.off, -1), 1)) })
	for i := 1; i < len(list); i++ {
		if list[i].off < list[i-1].end() {
			return nil, fmt.Errorf("two edits of the same bytes at %d", list[i].off)
		}
	}
	return list, nil
}

// replace puts the new path where the old one is, and zeros behind it.
func (e *Edit) replace(size int) func([]byte) ([]byte, error) {
	return func(old []byte) ([]byte, error) {
		if string(old[:len(e.Old)]) != e.Old || len(e.Old) < len(old) && old[len(e.Old)] != 0 {
			return nil, fmt.Errorf("%s of %s: %w", e.Field, e.ID, ErrChanged)
		}
		data := make([]byte, size)
		copy(data, e.New)
		return data, nil
	}
}

// resize writes another length into the header of a block of raw bytes.
func (e *Edit) resize(f form, size int) func([]byte) ([]byte, error) {
	return func(old []byte) ([]byte, error) {
		head := slices.Clone(old)
		at, count := head[f.lenAt:], head[f.blockSize-8:]
		if f.large {
			if string(head[:4]) != "DATA" || f.order.Uint64(at) != uint64(e.Size) {
				return nil, fmt.Errorf("block of %s of %s: %w", e.Field, e.ID, ErrChanged)
			}
			f.order.PutUint64(at, uint64(size))
			if f.order.Uint64(count) == uint64(e.Size) && e.Size > 1 {
				f.order.PutUint64(count, uint64(size)) // it counts bytes
			}
			return head, nil
		}
		if string(head[:4]) != "DATA" || f.order.Uint32(at) != uint32(e.Size) {
			return nil, fmt.Errorf("block of %s of %s: %w", e.Field, e.ID, ErrChanged)
		}
		f.order.PutUint32(at, uint32(size))
		return head, nil
	}
}

// recount writes another number of bytes into IDProperty.len, which counts the closing NUL.
func (e *Edit) recount(f form) func([]byte) ([]byte, error) {
	return func(old []byte) ([]byte, error) {
		if n := int(f.order.Uint32(old)); n != len(e.Old)+1 && n != len(e.Old) {
			return nil, fmt.Errorf("length of %s of %s: %w", e.Field, e.ID, ErrChanged)
		}
		n := make([]byte, 4)
		f.order.PutUint32(n, uint32(len(e.New)+1))
		return n, nil
	}
}
