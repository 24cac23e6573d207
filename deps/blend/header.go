package blend

import (
	"encoding/binary"
	"fmt"
)

// Version is the Blender version that wrote a file.
type Version struct {
	Major, Minor int
	// Sub is the subversion, from the GLOB block; -1 where it is not known.
	Sub int
}

// String gives the version as Blender writes it for people: 2.83, 3.4, 5.2.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// AtLeast reports whether the file was written by major.minor or later.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// layout is what the file header decides: how block headers look and how numbers and pointers are stored.
type layout struct {
	headerSize  int64 // of the file header
	blockSize   int   // of a block header
	pointerSize int
	bigEndian   bool
	large       bool // block headers of 5.x: 64-bit lengths, another order
	order       binary.ByteOrder
}

const (
	magic         = "BLENDER"
	maxHeaderSize = 17
)

// parseHeader reads either form of the file header. data holds the first
// bytes of the file, at least 17 of them unless the file is shorter.
func parseHeader(data []byte) (layout, Version, error) {
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return layout{}, Version{}, formatError(ErrNotBlend, 0, "it does not begin with %q", magic)
	}
	if len(data) < 12 {
		return layout{}, Version{}, formatError(ErrTruncated, int64(len(data)), "within the file header")
	}
	if c := data[7]; c == '_' || c == '-' {
		return parseOldHeader(data)
	}
	return parseNewHeader(data)
}

// parseOldHeader reads the 12 bytes of all versions up to 4.x: BLENDER-v304.
func parseOldHeader(data []byte) (layout, Version, error) {
	l := layout{headerSize: 12, pointerSize: 4, blockSize: 20, order: binary.LittleEndian}
	if data[7] == '-' {
		l.pointerSize, l.blockSize = 8, 24
	}
	switch data[8] {
	case 'v':
	case 'V':
		l.bigEndian, l.order = true, binary.BigEndian
	default:
		return layout{}, Version{}, formatError(ErrNotBlend, 8, "unknown byte order %q", data[8])
	}
	n, ok := decimal(data[9:12])
	if !ok {
		return layout{}, Version{}, formatError(ErrNotBlend, 9, "the version %q is not a number", data[9:12])
	}
	return l, Version{Major: n / 100, Minor: n % 100, Sub: -1}, nil
}

// parseNewHeader reads the form of 5.x, which names its own size: BLENDER17-01v0502.
func parseNewHeader(data []byte) (layout, Version, error) {
	if len(data) < maxHeaderSize {
		return layout{}, Version{}, formatError(ErrTruncated, int64(len(data)), "within the file header")
	}
	size, ok1 := decimal(data[7:9])
	format, ok2 := decimal(data[10:12])
	version, ok3 := decimal(data[13:17])
	if !ok1 || !ok2 || !ok3 || data[9] != '-' || data[12] != 'v' {
		return layout{}, Version{}, formatError(ErrNotBlend, 7, "unknown file header %q", data[:maxHeaderSize])
	}
	if size != maxHeaderSize || format != 1 {
		return layout{}, Version{}, formatError(ErrUnsupported, 7,
			"file header of %d bytes, format version %d (known: 17 bytes, version 1)", size, format)
	}
	l := layout{headerSize: maxHeaderSize, pointerSize: 8, blockSize: 32, large: true, order: binary.LittleEndian}
	return l, Version{Major: version / 100, Minor: version % 100, Sub: -1}, nil
}

func decimal(digits []byte) (n int, ok bool) {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
