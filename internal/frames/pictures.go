package frames

import (
	"encoding/binary"
	"errors"
	stdjpeg "image/jpeg"
	"io"
	"slices"
)

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

// jpeg reads the frame header and checks EOI (ITU-T T.81).
func jpeg(c contents) (s shape, err error) {
	config, err := stdjpeg.DecodeConfig(io.NewSectionReader(c, 0, c.size))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return s, errNoEnd
	case errors.As(err, new(stdjpeg.FormatError)):
		return s, errHeader
	case err == nil:
		s = shape{config.Width, config.Height, true}
	case !errors.As(err, new(stdjpeg.UnsupportedError)):
		return s, err
	}
	end, err := c.at(c.size-2, 2)
	if err == nil && string(end) != "\xff\xd9" {
		err = errNoEnd
	}
	return s, err
}

// tiff checks header, first directory, and that the strips or tiles that it names lie inside of the file
// (TIFF 6.0).
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
	for e := range slices.Chunk(b, 12) {
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
