package blend

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// seekable makes a file of zstd frames with the table behind them.
func seekable(f *testing.F, parts ...[]byte) []byte {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	var file, table []byte
	for _, part := range parts {
		frame := encoder.EncodeAll(part, nil)
		file = append(file, frame...)
		table = binary.LittleEndian.AppendUint32(table, uint32(len(frame)))
		table = binary.LittleEndian.AppendUint32(table, uint32(len(part)))
	}
	file = binary.LittleEndian.AppendUint32(file, seekTableFrame)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(table)+seekFooterSize))
	file = append(file, table...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(parts)))
	file = append(file, 0)
	return binary.LittleEndian.AppendUint32(file, seekFooterMagic)
}

// FuzzZstdTables: frames of a table follow on one another, are small, and lie in the file.
func FuzzZstdTables(f *testing.F) {
	whole := seekable(f, []byte("BLENDER-v304"), bytes.Repeat([]byte("abc"), 1000), nil, []byte("end"))
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[len(whole)-40:])
	f.Add(append([]byte{0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4}, whole...))
	f.Fuzz(func(t *testing.T, data []byte) {
		size := int64(len(data))
		for _, frames := range [][]frame{seekTable(bytes.NewReader(data), size), scanFrames(bytes.NewReader(data), size)} {
			var off, packed int64
			for i, fr := range frames {
				if fr.Off != off || fr.PackedOff < packed || fr.Size <= 0 || fr.Size > maxFrame || fr.PackedSize < 0 || fr.PackedOff+fr.PackedSize > size {
					t.Fatalf("frame %d of %d: %+v in a file of %d bytes", i, len(frames), fr, size)
				}
				off, packed = off+fr.Size, fr.PackedOff+fr.PackedSize
			}
		}
	})
}
