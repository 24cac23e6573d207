package blendtest

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Gzip compresses a file as Blender up to 2.9x does, but for the level: tests have no need of the smallest.
func Gzip(data []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		panic(err)
	}
	w.Write(data)
	w.Close()
	return out.Bytes()
}

// Zstd compresses a file as Blender since 3.0 does: in frames of the given
// size, with a table of them at the end if seekable.
func Zstd(data []byte, frame int, seekable bool) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	var out, table []byte
	n := 0
	for len(data) > 0 {
		piece := data[:min(frame, len(data))]
		data = data[len(piece):]
		before := len(out)
		out = w.EncodeAll(piece, out)
		table = binary.LittleEndian.AppendUint32(table, uint32(len(out)-before))
		table = binary.LittleEndian.AppendUint32(table, uint32(len(piece)))
		n++
	}
	if !seekable {
		return out
	}
	out = binary.LittleEndian.AppendUint32(out, 0x184D2A5E)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(table)+9))
	out = append(out, table...)
	out = binary.LittleEndian.AppendUint32(out, uint32(n))
	out = append(out, 0)
	return binary.LittleEndian.AppendUint32(out, 0x8F92EAB1)
}

// ZstdStream compresses a file as one frame that does not say its size, as
// piping it through the zstd program does.
func ZstdStream(data []byte) []byte {
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		panic(err)
	}
	w.Write(data)
	w.Close()
	return out.Bytes()
}
