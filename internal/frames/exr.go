package frames

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// linesOf is how many scan lines a chunk of an OpenEXR file has, by the number of its compression.
var linesOf = []int{1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32}

// exr checks the headers of an OpenEXR file, and that its tables of offsets are whole: a writer that was
// ended has zeros in them, and a file that was cut has not all chunks that they name ("OpenEXR File Layout").
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
	for o := range slices.Chunk(table, 8) {
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
