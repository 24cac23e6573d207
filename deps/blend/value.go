package blend

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"iter"
	"math"
	"slices"
)

// A Struct is one struct in the file. Its accessors take a field's path as in [Type.Field], and give zero for
// a field that the file's version of the struct does not have: ask [Struct.Has] where that matters. The zero
// Struct has no fields at all.
type Struct struct {
	Type *Type
	// Offset is where it stands in the decompressed file.
	Offset int64

	data []byte
	d    *DataBlock
}

// Valid reports whether there is a struct at all.
func (s Struct) Valid() bool { return s.Type != nil }

// Old is the address that the struct had, when it is the first of its block; else 0.
func (s Struct) Old() uint64 {
	if s.d == nil {
		return 0
	}
	if s.Offset == s.d.Body {
		return s.d.Old
	}
	i, ok := slices.BinarySearchFunc(s.d.Data, s.Offset, func(b Block, offset int64) int {
		return cmp.Compare(b.Body, offset)
	})
	if !ok {
		return 0
	}
	return s.d.Data[i].Old
}

// Has reports whether the struct has the field.
func (s Struct) Has(path string) bool {
	_, ok := s.Type.Field(path)
	return ok
}

// bytes gives the contents of a field.
func (s Struct) bytes(f *Field) []byte {
	if f.Offset+f.Size > len(s.data) {
		return nil
	}
	return s.data[f.Offset : f.Offset+f.Size]
}

// Int gives the first element of a number field, also of a floating-point one.
func (s Struct) Int(path string) int64 {
	f, ok := s.Type.Field(path)
	if !ok || f.Pointer {
		return 0
	}
	if f.Type.prim == floatingPoint {
		return int64(s.Float(path))
	}
	return s.d.f.layout.int(s.bytes(&f), &f)
}

// Float gives the first element of a number field. Floats are 32 bits wide in
// most structs; the result is the same number, as Python shows it.
func (s Struct) Float(path string) float64 {
	f, ok := s.Type.Field(path)
	if !ok || f.Pointer {
		return 0
	}
	b := s.bytes(&f)
	switch {
	case f.Type.prim != floatingPoint:
		return float64(s.d.f.layout.int(b, &f))
	case f.Type.Size == 4 && len(b) >= 4:
		return float64(math.Float32frombits(s.d.f.layout.order.Uint32(b)))
	case f.Type.Size == 8 && len(b) >= 8:
		return math.Float64frombits(s.d.f.layout.order.Uint64(b))
	}
	return 0
}

// Bytes gives a character array up to its first NUL, or all of it if it has
// none. Blender writes UTF-8, but a path holds whatever bytes it holds.
func (s Struct) Bytes(path string) []byte {
	raw, _ := s.Raw(path)
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		return raw[:i]
	}
	return raw
}

// Raw gives all bytes of a field, and where they stand in the decompressed file.
func (s Struct) Raw(path string) (raw []byte, offset int64) {
	f, ok := s.Type.Field(path)
	if !ok {
		return nil, 0
	}
	return s.bytes(&f), s.Offset + int64(f.Offset)
}

// Pointer gives the old address in a pointer field; of an array of them the first.
func (s Struct) Pointer(path string) uint64 {
	f, ok := s.Type.Field(path)
	if !ok || !f.Pointer {
		return 0
	}
	return s.PointerAt(f.Offset)
}

// PointerAt gives the old address at an offset in the struct, see [Field].
func (s Struct) PointerAt(offset int) uint64 {
	size := s.d.f.layout.pointerSize
	if offset < 0 || offset+size > len(s.data) {
		return 0
	}
	return s.d.f.layout.pointer(s.data[offset:])
}

// ByteOrder is that of the file's numbers.
func (s Struct) ByteOrder() binary.ByteOrder { return s.d.f.layout.order }

// Sub gives a struct that is a field of this one.
func (s Struct) Sub(path string) Struct {
	f, ok := s.Type.Field(path)
	if !ok || f.Pointer || f.Type.SDNA < 0 || f.Offset+f.Type.Size > len(s.data) {
		return Struct{}
	}
	return Struct{Type: f.Type, Offset: s.Offset + int64(f.Offset), data: s.data[f.Offset : f.Offset+f.Type.Size], d: s.d}
}

// Follow gives the struct that a pointer field refers to, within the same
// data-block; the zero Struct when there is none.
func (s Struct) Follow(path string) Struct {
	return s.d.Find(s.Pointer(path)).At(0)
}

// FollowArray gives all structs of the block that a pointer field refers to.
func (s Struct) FollowArray(path string) Array {
	if s.d == nil {
		return Array{}
	}
	return s.d.Find(s.Pointer(path))
}

// Find gives the block of the same data-block that had an old address.
func (s Struct) Find(old uint64) Array { return s.d.Find(old) }

// List walks the linked list that a ListBase field holds.
func (s Struct) List(path string) iter.Seq[Struct] {
	return func(yield func(Struct) bool) {
		if s.d == nil {
			return
		}
		e := s.Follow(path + ".first")
		// A list that is longer than there are blocks goes in a circle.
		for range s.d.Data {
			if !e.Valid() || !yield(e) {
				return
			}
			next, ok := e.Type.next()
			if !ok {
				return
			}
			e = s.d.Find(e.PointerAt(next.Offset)).At(0)
		}
	}
}

// An Array is the contents of a block: structs, or raw bytes.
type Array struct {
	Block *Block
	// Type is that of the elements; nil for raw bytes.
	Type *Type
	data []byte
	d    *DataBlock
}

// Valid reports whether there is a block at all.
func (a Array) Valid() bool { return a.Block != nil }

// Raw gives all bytes of the block.
func (a Array) Raw() []byte { return a.data }

// Len is the number of structs: what the block's header says, or as many as it has room for.
func (a Array) Len() int {
	if a.Type == nil || a.Type.Size == 0 {
		return 0
	}
	return int(min(a.Block.Count, int64(len(a.data)/a.Type.Size)))
}

// At gives element i; the zero Struct when there is none.
func (a Array) At(i int) Struct {
	if i < 0 || i >= a.Len() {
		return Struct{}
	}
	size := a.Type.Size
	return Struct{Type: a.Type, Offset: a.Block.Body + int64(i*size), data: a.data[i*size : (i+1)*size], d: a.d}
}

// Pointers gives the addresses in a block that is an array of pointers.
func (a Array) Pointers() []uint64 {
	if a.d == nil {
		return nil
	}
	size := a.d.f.layout.pointerSize
	list := make([]uint64, 0, len(a.data)/size)
	for b := a.data; len(b) >= size; b = b[size:] {
		list = append(list, a.d.f.layout.pointer(b))
	}
	return list
}

func (l *layout) pointer(b []byte) uint64 {
	switch {
	case l.pointerSize == 4:
		return uint64(l.order.Uint32(b))
	case l.bigEndian:
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// int reads a whole number as wide as the file says its type is.
func (l *layout) int(b []byte, f *Field) int64 {
	if f.Type.SDNA >= 0 || f.Type.prim == notPrimitive || len(b) < f.Type.Size {
		return 0
	}
	var u uint64
	bits := 8 * f.Type.Size
	switch f.Type.Size {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(l.order.Uint16(b))
	case 4:
		u = uint64(l.order.Uint32(b))
	case 8:
		u = l.order.Uint64(b)
	default:
		return 0
	}
	if f.Type.prim == signedInt {
		return int64(u<<(64-bits)) >> (64 - bits)
	}
	return int64(u)
}
