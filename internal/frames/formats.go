package frames

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// shape is what a file's header says.
type shape struct {
	width, height int  // pixels, 0 where they are not read
	decodes       bool // [Picture] can decode it
}

var (
	errNoEnd  = errors.New("its end is missing")
	errHeader = errors.New("its header is not that of its format")
)

// contents is a file and its size in bytes.
type contents struct {
	io.ReaderAt
	size int64
}

// inspect reads header and end of a file. Which format it has to have follows from its extension; of a format that is
// not known nothing is read.
func inspect(file io.ReaderAt, size int64, ext string) (shape, error) {
	check := map[string]func(contents) (shape, error){
		".png": png, ".jpg": jpeg, ".jpeg": jpeg, ".exr": exr, ".tif": tiff, ".tiff": tiff,
		".mp4": boxes, ".mov": boxes, ".m4v": boxes, ".mkv": ebml, ".webm": ebml, ".avi": riff, ".webp": riff,
	}[strings.ToLower(ext)]
	if check == nil {
		return shape{}, nil
	}
	return check(contents{file, size})
}

// at reads n bytes; a file that has fewer lacks its end.
func (c contents) at(offset int64, n int) ([]byte, error) {
	if offset < 0 || offset > c.size-int64(n) {
		return nil, errNoEnd
	}
	b := make([]byte, n)
	if _, err := c.ReadAt(b, offset); err != nil {
		if errors.Is(err, io.EOF) { // it has become shorter meanwhile
			err = errNoEnd
		}
		return nil, err
	}
	return b, nil
}

// png checks signature, IHDR and IEND (ISO/IEC 15948).
func png(c contents) (s shape, err error) {
	head, err := c.at(0, 24)
	if err != nil {
		return s, err
	}
	if string(head[:8]) != "\x89PNG\r\n\x1a\n" || string(head[12:16]) != "IHDR" {
		return s, errHeader
	}
	s = shape{int(binary.BigEndian.Uint32(head[16:])), int(binary.BigEndian.Uint32(head[20:])), true}
	end, err := c.at(c.size-12, 12)
	if err == nil && string(end) != "\x00\x00\x00\x00IEND\xaeB`\x82" {
		err = errNoEnd
	}
	return s, err
}

// jpeg checks SOI, finds the frame header and checks EOI (ITU-T T.81).
func jpeg(c contents) (s shape, err error) {
	head, err := c.at(0, 2)
	if err != nil {
		return s, err
	}
	if string(head) != "\xff\xd8" {
		return s, errHeader
	}
	for at := int64(2); ; {
		m, err := c.at(at, 4)
		if err != nil {
			return s, err
		}
		if m[0] != 0xff {
			return s, errHeader
		}
		if m[1] == 0xff { // filling
			at++
			continue
		}
		if kind := m[1]; kind >= 0xc0 && kind <= 0xcf && kind != 0xc4 && kind != 0xc8 && kind != 0xcc {
			frame, err := c.at(at+5, 4)
			if err != nil {
				return s, err
			}
			s = shape{int(binary.BigEndian.Uint16(frame[2:])), int(binary.BigEndian.Uint16(frame)), true}
			break
		} else if kind == 0xda {
			return s, errHeader
		}
		at += 2 + int64(max(2, binary.BigEndian.Uint16(m[2:])))
	}
	end, err := c.at(c.size-2, 2)
	if err == nil && string(end) != "\xff\xd9" {
		err = errNoEnd
	}
	return s, err
}

// tiff checks header, first directory, and that the strips or tiles that it names lie inside of the file (TIFF 6.0).
func tiff(c contents) (s shape, err error) {
	head, err := c.at(0, 8)
	if err != nil {
		return s, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(head[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	case "II+\x00", "MM\x00+": // BigTIFF
		return s, nil
	default:
		return s, errHeader
	}
	directory := int64(order.Uint32(head[4:]))
	b, err := c.at(directory, 2)
	if err != nil {
		return s, err
	}
	n := int(order.Uint16(b))
	if b, err = c.at(directory+2, 12*n); err != nil {
		return s, err
	}
	// values are the numbers of an entry: 16 or 32 bits each, in the entry itself where they fit.
	values := func(e []byte) ([]uint32, error) {
		width := map[uint16]int{3: 2, 4: 4}[order.Uint16(e[2:])]
		count := int64(order.Uint32(e[4:]))
		if width == 0 || count > mostParts {
			return nil, errHeader
		}
		raw := e[8:12]
		if int64(width)*count > 4 {
			if raw, err = c.at(int64(order.Uint32(e[8:])), width*int(count)); err != nil {
				return nil, err
			}
		}
		out := make([]uint32, count)
		for i := range out {
			if width == 2 {
				out[i] = uint32(order.Uint16(raw[2*i:]))
			} else {
				out[i] = order.Uint32(raw[4*i:])
			}
		}
		return out, nil
	}
	const imageWidth, imageLength, stripOffsets, stripCounts, tileOffsets, tileCounts = 256, 257, 273, 279, 324, 325
	tags := map[uint16][]uint32{}
	for e := range sliceEach(b, 12) {
		sizes := []int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8} // bytes of a value by its type
		if kind := int(order.Uint16(e[2:])); kind < len(sizes) {
			if n := sizes[kind] * int64(order.Uint32(e[4:])); n > 4 && int64(order.Uint32(e[8:]))+n > c.size {
				return s, errNoEnd
			}
		}
		switch tag := order.Uint16(e); tag {
		case imageWidth, imageLength, stripOffsets, stripCounts, tileOffsets, tileCounts:
			if tags[tag], err = values(e); err != nil {
				return s, err
			}
		}
	}
	if len(tags[imageWidth]) != 1 || len(tags[imageLength]) != 1 {
		return s, errHeader
	}
	s = shape{int(tags[imageWidth][0]), int(tags[imageLength][0]), true}
	offsets, counts := append(tags[stripOffsets], tags[tileOffsets]...), append(tags[stripCounts], tags[tileCounts]...)
	for i := range min(len(offsets), len(counts)) {
		if int64(offsets[i])+int64(counts[i]) > c.size {
			return s, errNoEnd
		}
	}
	return s, nil
}

func sliceEach(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for ; len(b) >= n && yield(b[:n]); b = b[n:] {
		}
	}
}

// mostParts bounds the strips, tiles and chunks of one file, of which each has an entry in a table.
const mostParts = 1 << 22

// linesOf is how many scan lines a chunk of an OpenEXR file has, by the number of its compression.
var linesOf = []int{1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32}

// exr checks the headers of an OpenEXR file, and that its tables of offsets are whole: a writer that was ended has
// zeros in them, and a file that was cut has not all chunks that they name ("OpenEXR File Layout").
func exr(c contents) (s shape, err error) {
	in := bufio.NewReader(io.NewSectionReader(c, 0, c.size))
	at := int64(0) // of the next byte of in
	read := func(n int) ([]byte, error) {
		if int64(n) > c.size-at {
			return nil, errNoEnd
		}
		at += int64(n)
		b := make([]byte, n)
		_, err := io.ReadFull(in, b)
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = errNoEnd
		}
		return b, err
	}
	word := func() (string, error) {
		const longest = 256
		var b []byte
		for len(b) < longest {
			one, err := read(1)
			if err != nil || one[0] == 0 {
				return string(b), err
			}
			b = append(b, one[0])
		}
		return "", errHeader
	}
	head, err := read(8)
	if err != nil {
		return s, err
	}
	flags := binary.LittleEndian.Uint32(head[4:])
	if string(head[:4]) != "\x76\x2f\x31\x01" || flags&0xff != 2 {
		return s, errHeader
	}
	const tiled, deep, multipart = 1 << 9, 1 << 11, 1 << 12
	chunks := 0         // of all parts
	var headers []int64 // by part: bytes before the data of a chunk, the last 4 of them its size; 0 for deep data
	for {
		values := map[string][]byte{}
		name, err := word()
		for ; err == nil && name != ""; name, err = word() {
			if _, err = word(); err != nil { // the type
				return s, err
			}
			b, err := read(4)
			if err != nil {
				return s, err
			}
			n := int64(int32(binary.LittleEndian.Uint32(b)))
			if n < 0 || n > c.size-at {
				return s, errNoEnd
			}
			switch name {
			case "chunkCount", "compression", "dataWindow", "displayWindow", "tiles", "type":
				if values[name], err = read(int(min(n, 64))); err != nil {
					return s, err
				}
				n -= min(n, 64)
			}
			skipped, err := in.Discard(int(n))
			if at += int64(skipped); err != nil {
				return s, errNoEnd
			}
		}
		if err != nil {
			return s, err
		}
		if len(values) == 0 { // the end of several headers
			break
		}
		window, data := values["displayWindow"], values["dataWindow"]
		if len(window) < 16 || len(data) < 16 || len(values["compression"]) < 1 {
			return s, errHeader
		}
		number := func(b []byte, i int) int { return int(int32(binary.LittleEndian.Uint32(b[4*i:]))) }
		if s.width == 0 {
			s.width, s.height = number(window, 2)-number(window, 0)+1, number(window, 3)-number(window, 1)+1
		}
		width, height := number(data, 2)-number(data, 0)+1, number(data, 3)-number(data, 1)+1
		count, tiles, how := values["chunkCount"], values["tiles"], int(values["compression"][0])
		isTiled := flags&tiled != 0 || len(tiles) > 0
		across, down := 1, 0
		switch {
		case len(count) >= 4:
			down = number(count, 0)
		case !isTiled && how < len(linesOf):
			down = (height + linesOf[how] - 1) / linesOf[how]
		case isTiled && len(tiles) >= 9 && tiles[8]&15 == 0 && number(tiles, 0) > 0 && number(tiles, 1) > 0: // one level
			across, down = (width+number(tiles, 0)-1)/number(tiles, 0), (height+number(tiles, 1)-1)/number(tiles, 1)
		default:
			return s, nil // mip maps, or a compression that is newer than this: the table's length is not known
		}
		if across < 1 || down < 1 || across > mostParts || down > mostParts/across {
			return s, errHeader
		}
		chunks += across * down
		header := int64(8)
		if isTiled {
			header = 20
		}
		if flags&multipart == 0 {
			if flags&deep != 0 {
				header = 0
			}
			headers = append(headers, header)
			break
		}
		if bytes.HasPrefix(values["type"], []byte("deep")) {
			header = -4
		}
		headers = append(headers, header+4)
	}
	if int64(chunks) > min((c.size-at)/8, mostParts) {
		return s, errNoEnd
	}
	table, err := read(8 * chunks)
	if err != nil {
		return s, err
	}
	last := int64(0)
	for o := range sliceEach(table, 8) {
		offset := int64(binary.LittleEndian.Uint64(o))
		if offset == 0 {
			return s, fmt.Errorf("not all of its %d chunks were written", chunks)
		}
		if offset < at {
			return s, errHeader
		}
		last = max(last, offset)
	}
	part := 0
	if flags&multipart != 0 {
		b, err := c.at(last, 4)
		if err != nil {
			return s, err
		}
		part = int(binary.LittleEndian.Uint32(b))
	}
	if part >= len(headers) {
		return s, errHeader
	}
	header := headers[part]
	if header == 0 {
		return s, nil
	}
	b, err := c.at(last+header-4, 4)
	if err == nil && last+header+int64(binary.LittleEndian.Uint32(b)) > c.size {
		err = errNoEnd
	}
	return s, err
}

// boxes walks through the top of an MP4 or QuickTime file (ISO/IEC 14496-12): it needs moov and mdat, and all boxes
// whole. What FFmpeg writes gets its moov at the very end.
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

// ebml checks that the segment of a Matroska or WebM file (RFC 8794, RFC 9559) has a size, and lies inside of the
// file: a writer that was ended leaves it unknown.
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
