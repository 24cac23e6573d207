package blend

import "encoding/binary"

// Code is what a block says it is: the two letters of a kind of data-block
// ("OB", "IM"), or four of the file itself ("DATA", "DNA1").
type Code uint32

// Codes with a meaning of their own. All others are kinds of data-blocks.
const (
	CodeData Code = 'D' | 'A'<<8 | 'T'<<16 | 'A'<<24 // belongs to the data-block before it
	CodeGlob Code = 'G' | 'L'<<8 | 'O'<<16 | 'B'<<24 // settings of the file
	CodeRend Code = 'R' | 'E'<<8 | 'N'<<16 | 'D'<<24 // a summary of the scene to render
	CodeTest Code = 'T' | 'E'<<8 | 'S'<<16 | 'T'<<24 // the thumbnail
	CodeUser Code = 'U' | 'S'<<8 | 'E'<<16 | 'R'<<24 // preferences
	CodeDNA1 Code = 'D' | 'N'<<8 | 'A'<<16 | '1'<<24 // the description of all structs
	CodeEndB Code = 'E' | 'N'<<8 | 'D'<<16 | 'B'<<24 // the end of the file
	CodeLink Code = 'I' | 'D'<<8                     // stands for a data-block of a library
	CodeLib  Code = 'L' | 'I'<<8                     // a library
)

// MakeCode gives the code of up to four letters.
func MakeCode(letters string) Code {
	var c Code
	for i := 0; i < len(letters) && i < 4; i++ {
		c |= Code(letters[i]) << (8 * i)
	}
	return c
}

func (c Code) String() string {
	b := []byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)}
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return string(b)
}

// IsID reports whether a block of this code is a data-block (an ID): an
// object, an image, a library, a stand-in for linked data.
func (c Code) IsID() bool { return c>>16 == 0 }

// A Block is the header of one block of the file.
type Block struct {
	Code Code
	// SDNA is the index of the block's struct in the file's DNA; 0 for raw bytes.
	SDNA int
	// Count is the number of structs in the block.
	Count int64
	// Old is the address that the block's data had when the file was written. Pointers in the file hold such
	// addresses. It is unique among the blocks of one data-block and among data-blocks, but not in the file.
	Old uint64
	// Len is the number of bytes after the header.
	Len int64
	// Offset is that of the header; Body is that of the bytes after it. Both
	// count from the start of the decompressed file.
	Offset, Body int64
}

// End is the offset of the next block.
func (b *Block) End() int64 { return b.Body + b.Len }

// parseBlock reads the block header in data, which has l.blockSize bytes and stands at offset.
func (l *layout) parseBlock(b *Block, data []byte, offset int64) error {
	b.Offset = offset
	b.Body = offset + int64(l.blockSize)
	b.Code = Code(binary.LittleEndian.Uint32(data))
	if b.Code&0xffff == 0 {
		// Big-endian Blenders wrote two-letter codes as a number.
		b.Code >>= 16
	}
	var sdna int32
	switch {
	case l.large:
		_ = data[31]
		sdna = int32(binary.LittleEndian.Uint32(data[4:]))
		b.Old = binary.LittleEndian.Uint64(data[8:])
		b.Len = int64(binary.LittleEndian.Uint64(data[16:]))
		b.Count = int64(binary.LittleEndian.Uint64(data[24:]))
	case l.pointerSize == 8:
		_ = data[23]
		if l.bigEndian {
			b.Len = int64(int32(binary.BigEndian.Uint32(data[4:])))
			b.Old = binary.BigEndian.Uint64(data[8:])
			sdna = int32(binary.BigEndian.Uint32(data[16:]))
			b.Count = int64(int32(binary.BigEndian.Uint32(data[20:])))
			break
		}
		b.Len = int64(int32(binary.LittleEndian.Uint32(data[4:])))
		b.Old = binary.LittleEndian.Uint64(data[8:])
		sdna = int32(binary.LittleEndian.Uint32(data[16:]))
		b.Count = int64(int32(binary.LittleEndian.Uint32(data[20:])))
	default:
		_ = data[19]
		b.Len = int64(int32(l.order.Uint32(data[4:])))
		b.Old = uint64(l.order.Uint32(data[8:]))
		sdna = int32(l.order.Uint32(data[12:]))
		b.Count = int64(int32(l.order.Uint32(data[16:])))
	}
	b.SDNA = int(sdna)
	if b.Code == CodeEndB {
		return nil // whatever else it says has no meaning
	}
	switch {
	case b.Len < 0 || b.Len > maxOffset-b.Body:
		return formatError(ErrCorrupt, offset, "block %q has a length of %d", b.Code, b.Len)
	case b.Count < 0:
		return formatError(ErrCorrupt, offset, "block %q holds %d structs", b.Code, b.Count)
	case sdna < 0:
		return formatError(ErrCorrupt, offset, "block %q names struct %d", b.Code, sdna)
	}
	return nil
}

// maxOffset keeps sums of offsets and lengths from overflowing.
const maxOffset = 1 << 62
