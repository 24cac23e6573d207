package frames

import (
	"bytes"
	"encoding/binary"
)

// boxes walks through the top of an MP4 or QuickTime file (ISO/IEC 14496-12): it needs moov and mdat, and all
// boxes whole. What FFmpeg writes gets its moov at the very end.
func boxes(c contents) (s shape, err error) {
	var movie, media bool
	for at := int64(0); at < c.size; {
		head, err := c.at(at, 8)
		if err != nil {
			return s, err
		}
		size := int64(binary.BigEndian.Uint32(head))
		switch size {
		case 0: // to the end of the file
			size = c.size - at
		case 1:
			large, err := c.at(at+8, 8)
			if err != nil {
				return s, err
			}
			size = int64(binary.BigEndian.Uint64(large))
		}
		switch string(head[4:]) {
		case "moov":
			movie = true
		case "mdat":
			media = true
		}
		if size < 8 || size > c.size-at {
			return s, errNoEnd
		}
		at += size
	}
	if !movie || !media {
		return s, errNoEnd
	}
	return s, nil
}

// ebml checks that the segment of a Matroska or WebM file (RFC 8794, RFC 9559) has a size, and lies inside of
// the file: a writer that was ended leaves it unknown.
func ebml(c contents) (s shape, err error) {
	head, err := c.at(0, int(min(c.size, 128)))
	if err != nil {
		return s, err
	}
	rest, ok := bytes.CutPrefix(head, []byte{0x1a, 0x45, 0xdf, 0xa3})
	if !ok {
		return s, errHeader
	}
	n, length, _ := vint(rest)
	if length == 0 || n > int64(len(rest)-length) {
		return s, errNoEnd
	}
	rest = rest[length+int(n):]
	if rest, ok = bytes.CutPrefix(rest, []byte{0x18, 0x53, 0x80, 0x67}); !ok {
		return s, errNoEnd
	}
	n, length, known := vint(rest)
	if begin := int64(len(head) - len(rest) + length); length == 0 || !known || n > c.size-begin {
		return s, errNoEnd
	}
	return s, nil
}

// vint reads a number of EBML, and its length in bytes; it is not known if all its bits are set.
func vint(b []byte) (n int64, length int, known bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	for length = 1; length <= 8 && b[0]&(0x80>>(length-1)) == 0; length++ {
	}
	if length > 8 || length > len(b) {
		return 0, 0, false
	}
	n = int64(b[0]) & (0x7f >> (length - 1))
	for _, next := range b[1:length] {
		n = n<<8 | int64(next)
	}
	return n, length, n != 1<<(7*length)-1
}

// riff checks that an AVI or WebP file is as long as its header says. A large AVI has more behind that.
func riff(c contents) (s shape, err error) {
	head, err := c.at(0, 12)
	if err != nil {
		return s, err
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "AVI " && string(head[8:]) != "WEBP" {
		return s, errHeader
	}
	if n := int64(binary.LittleEndian.Uint32(head[4:])); n < 4 || n+8 > c.size {
		return s, errNoEnd
	}
	return s, nil
}
