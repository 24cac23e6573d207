package blend_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/deps/blend/blendtest"
	"github.com/flsync/flsync/internal/lab/long"
)

// readAll reads all there is in a file, following every pointer that has a name.
func readAll(data []byte) (blocks int, err error) {
	f, err := blend.NewReader(bytes.NewReader(data), int64(len(data)), blend.Options{})
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for d, err := range f.DataBlocks() {
		if err != nil {
			return blocks, err
		}
		blocks += 1 + len(d.Data)
		summarize(d)
		for i := range d.Data {
			a := d.Array(&d.Data[i])
			for e := range min(a.Len(), 100) {
				s := a.At(e)
				for _, field := range s.Type.Fields() {
					s.Int(field.Name)
					s.Float(field.Name)
					s.Bytes(field.Name)
					s.Follow(field.Name)
					for range s.List(field.Name) {
					}
				}
			}
		}
	}
	return blocks, nil
}

// patch gives a copy of data with other bytes at an offset.
func patch(data []byte, offset int, with ...byte) []byte {
	p := bytes.Clone(data)
	copy(p[offset:], with)
	return p
}

func le32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

// TestDamage reads files that are wrong in one place.
func TestDamage(t *testing.T) {
	plain := thing(blendtest.Form{})
	five := thing(blendtest.Form{Version: 502, Large: true})
	dna := bytes.Index(plain, []byte("SDNANAME"))
	lengths := bytes.Index(plain, []byte("TLEN"))
	structs := bytes.Index(plain, []byte("STRC"))
	end := len(plain) - 24
	for _, test := range []struct {
		name   string
		data   []byte
		want   error
		offset int64 // -1: whatever
	}{
		{"empty", nil, blend.ErrNotBlend, 0},
		{"short", []byte("BLEN"), blend.ErrNotBlend, 0},
		{"text", []byte("this is a text, and no blend file"), blend.ErrNotBlend, 0},
		{"header only", []byte("BLENDER-v304"), blend.ErrTruncated, 12},
		{"header cut", []byte("BLENDER-v"), blend.ErrTruncated, 9},
		{"header of 5 cut", []byte("BLENDER17-01v05"), blend.ErrTruncated, 15},
		{"byte order", patch(plain, 8, 'x'), blend.ErrNotBlend, 8},
		{"version", patch(plain, 9, 'x'), blend.ErrNotBlend, 9},
		{"version of 5", patch(five, 14, 'x'), blend.ErrNotBlend, 7},
		{"later form of header", patch(five, 7, '1', '9'), blend.ErrUnsupported, 7},
		{"later format", patch(five, 10, '0', '2'), blend.ErrUnsupported, 7},
		{"gzip of text", blendtest.Gzip([]byte("this is a text, and no blend file")), blend.ErrNotBlend, 0},
		{"zstd of text", blendtest.Zstd([]byte("this is a text, and no blend file"), 1<<20, true), blend.ErrNotBlend, 0},
		{"gzip cut", blendtest.Gzip(plain)[:300], blend.ErrTruncated, -1},
		{"gzip damaged", patch(blendtest.Gzip(plain), 200, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), blend.ErrCorrupt, -1},
		{"zstd cut", blendtest.ZstdStream(plain)[:300], blend.ErrTruncated, -1},
		{"zstd frame damaged", patch(blendtest.Zstd(plain, 1<<20, true), 200, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), blend.ErrCorrupt, -1},
		{"negative length", patch(plain, 12+4, le32(0xfffffff0)...), blend.ErrCorrupt, 12},
		{"length beyond the end", patch(plain, 12+4, le32(1<<30)...), blend.ErrTruncated, int64(len(plain))},
		{"length of 5 beyond all", patch(five, 17+16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), blend.ErrCorrupt, 17},
		{"negative count", patch(plain, 12+20, le32(0xffffffff)...), blend.ErrCorrupt, 12},
		{"negative struct", patch(plain, 12+16, le32(0xffffffff)...), blend.ErrCorrupt, 12},
		{"no DNA", append(plain[:dna-24:dna-24], plain[end:]...), blend.ErrCorrupt, -1},
		{"cut before the DNA", plain[:dna-24], blend.ErrTruncated, int64(dna - 24)},
		{"cut in the DNA", plain[:dna+100], blend.ErrTruncated, -1},
		{"cut in the first block", plain[:100], blend.ErrTruncated, -1},
		{"cut in a block header", plain[:20], blend.ErrTruncated, 20},
		{"DNA magic", patch(plain, dna, 'x'), blend.ErrCorrupt, int64(dna)},
		{"DNA name count", patch(plain, dna+8, le32(1<<30)...), blend.ErrCorrupt, -1},
		{"DNA names run together", patch(plain, dna+8, le32(1000)...), blend.ErrCorrupt, -1},
		{"DNA size of a struct", patch(plain, lengths+4+2*15, 1, 2), blend.ErrCorrupt, -1},
		{"DNA struct count", patch(plain, structs+4, le32(1<<20)...), blend.ErrCorrupt, -1},
		{"DNA struct type", patch(plain, structs+8, 0xff, 0xff), blend.ErrCorrupt, -1},
		{"DNA field type", patch(plain, structs+16, 0xff, 0xff), blend.ErrCorrupt, -1},
		{"data first", append([]byte("BLENDER-v304"), plain[bytes.Index(plain, []byte("DATA")):]...), blend.ErrCorrupt, 12},
		{"struct contains itself", blendtest.New(blendtest.Form{}, "raw_data:\nA: int x\nB: B b").Bytes(), blend.ErrCorrupt, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := readAll(test.data)
			if !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			var format *blend.FormatError
			if err != nil && !errors.As(err, &format) {
				t.Fatalf("error %T, want a *FormatError", err)
			}
			if test.offset >= 0 && format.Offset != test.offset {
				t.Errorf("error at %d, want %d: %v", format.Offset, test.offset, err)
			}
		})
	}
}

// TestTolerance reads files that are not whole, which Blender opens too.
func TestTolerance(t *testing.T) {
	plain := thing(blendtest.Form{})
	for name, data := range map[string][]byte{
		"cut before the end block": plain[:len(plain)-24],
		"cut in the end block":     plain[:len(plain)-20],
		"bytes after the end":      append(bytes.Clone(plain), "DNA1 and other bytes"...),
		"bytes after gzip":         append(blendtest.Gzip(plain), "other bytes"...),
		"gzip in two parts":        append(blendtest.Gzip(plain[:1000]), blendtest.Gzip(plain[1000:])...),
	} {
		if blocks, err := readAll(data); err != nil || blocks != 11 {
			t.Errorf("%s: %d blocks, error %v", name, blocks, err)
		}
	}
}

// TestEveryByte changes each byte of a file, and cuts the file after each: the
// result is read or refused, and that is all.
func TestEveryByte(t *testing.T) {
	for name, form := range forms {
		plain := thing(form)
		step := 1
		if !long.Wanted() || name != "64 bits" {
			step = 7
		}
		for i := 0; i < len(plain); i += step {
			for _, data := range [][]byte{plain[:i], patch(plain, i, plain[i]^0xff), patch(plain, i, plain[i]+1)} {
				if _, err := readAll(data); err != nil {
					var format *blend.FormatError
					if !errors.As(err, &format) {
						t.Fatalf("%s, byte %d: %T %v", name, i, err, err)
					}
				}
			}
		}
	}
}

// TestCycles follows lists that go in circles.
func TestCycles(t *testing.T) {
	f := blendtest.New(blendtest.Form{}, testDNA)
	f.Block("TH", "Thing", 1, blendtest.Values{"items.first": uint64(0x10)})
	f.Block("DATA", "Item", 0x10, blendtest.Values{"next": uint64(0x20)})
	f.Block("DATA", "Item", 0x20, blendtest.Values{"next": uint64(0x10)})
	for d, err := range open(t, f.Bytes()).DataBlocks() {
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for range d.Struct().List("items") {
			n++
		}
		if n != 2 {
			t.Errorf("a circle of 2 gave %d", n)
		}
	}
}

// TestBombs reads small files that unpack to large ones.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short, for the race detector: other tests read ahead in the same way")
	}
	zeros := make([]byte, 1<<20)
	start := append([]byte("BLENDER17-01v0502"), blockHeader("TH\x00\x00", 0, 1, 1<<40, 1)...)
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestSpeed)
	w.Write(start)
	for range 300 {
		w.Write(zeros)
	}
	w.Close()

	frame := blendtest.Zstd(zeros, 1<<20, false)
	frames := blendtest.Zstd(start, 1<<20, false)
	for range 3000 {
		frames = append(frames, frame...)
	}
	// A file of empty blocks, each of which has to be looked at.
	empty := bytes.Repeat(blockHeader("TH\x00\x00", 0, 1, 0, 0), 1<<20/32)
	blocks := blendtest.Zstd([]byte("BLENDER17-01v0502"), 1<<20, false)
	frame = blendtest.Zstd(empty, 1<<20, false)
	for range 3000 {
		blocks = append(blocks, frame...)
	}
	for name, data := range map[string][]byte{
		"gzip of 300 MB": zipped.Bytes(), "zstd of 3 GB": frames, "zstd of 100 million blocks": blocks,
	} {
		if n, err := readAll(data); !errors.Is(err, blend.ErrLimit) && !errors.Is(err, blend.ErrTruncated) {
			t.Errorf("%s: %d bytes gave %d blocks, error %v", name, len(data), n, err)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.blend")
	if _, err := blend.Open(t.Context(), path, blend.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := blend.Open(t.Context(), dir, blend.Options{}); !errors.Is(err, blend.ErrNotBlend) {
		t.Errorf("a folder: %v", err)
	}
	if err := os.WriteFile(path, thing(blendtest.Form{}), 0o666); err != nil {
		t.Fatal(err)
	}
	var shared blend.Shared
	var first *blend.DNA
	for range 2 {
		f, err := blend.Open(t.Context(), path, blend.Options{Shared: &shared})
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && f.DNA() != first {
			t.Error("the same DNA was parsed twice")
		}
		first = f.DNA()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if msg := fmt.Sprint(&blend.FormatError{Offset: 7, Err: blend.ErrCorrupt, Reason: "why"}); msg != "damaged Blender file: why (at byte 7)" {
		t.Error(msg)
	}
}

// TestPassedOver reads a gzip file with more large blocks than a stream keeps bytes for. Each data-block is
// read after what belongs to it was passed over, and that is not to mean another pass over the file.
func TestPassedOver(t *testing.T) {
	if testing.Short() {
		t.Skip("-short, for the race detector: other tests read ahead in the same way")
	}
	f := blendtest.New(blendtest.Form{}, testDNA)
	body := make([]byte, 34<<10)
	for i := range 100 { // 53 MiB; a stream keeps 48
		f.Block("TH", "Thing", uint64(i+1)<<16, blendtest.Values{"id.name": "THnumber", "number": i})
		for at := 0; at < len(body); at += 16 {
			binary.LittleEndian.PutUint16(body[at:], uint16((i+1)*at*at>>7))
		}
		for n := range 16 {
			f.Raw("DATA", uint64(n+1), body)
		}
	}
	things := 0
	for d, err := range open(t, blendtest.Gzip(f.Bytes())).DataBlocks() {
		if err != nil {
			t.Fatal(err)
		}
		if n := int(d.Struct().Int("number")); n != things || len(d.Data) != 16 {
			t.Fatalf("thing %d has number %d and %d blocks", things, n, len(d.Data))
		}
		things++
	}
	if things != 100 {
		t.Errorf("%d things, want 100", things)
	}
}

// spread gives a file of 24 MiB in each way of packing it. Nobody may write into it.
var spread = sync.OnceValue(func() map[string][]byte {
	f := blendtest.New(blendtest.Form{}, testDNA)
	body := make([]byte, 1<<20)
	for i := range 24 {
		f.Block("TH", "Thing", uint64(i+1)<<16, blendtest.Values{"number": i})
		for at := range len(body) / 2 {
			binary.LittleEndian.PutUint16(body[2*at:], uint16((i+1)*at*at>>7))
		}
		f.Raw("DATA", 1, body)
	}
	plain := f.Bytes()
	return map[string][]byte{
		"plain": plain, "gzip": blendtest.Gzip(plain),
		"zstd": blendtest.Zstd(plain, 1<<20, true), "zstd stream": blendtest.ZstdStream(plain),
	}
})

// TestCancelled reads until the context is cancelled, and then no more.
func TestCancelled(t *testing.T) {
	for name, data := range spread() {
		path := filepath.Join(t.TempDir(), "a.blend")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f, err := blend.Open(ctx, path, blend.Options{})
		if err != nil {
			t.Fatal(err)
		}
		blocks := 0
		for d, walked := range f.DataBlocks() {
			cancel()
			if err = walked; err != nil {
				break
			}
			f.ReadAt(make([]byte, 25<<20), 0) // more than is kept in memory
			blocks += 1 + len(d.Data)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %d blocks, error %v", name, blocks, err)
		}
		f.Close()
		if _, err := blend.Open(ctx, path, blend.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("opening %s: %v", name, err)
		}
	}
}

// away is a file on a disk that goes away: nothing can be read from byte n on, but for the last.
type away struct {
	io.ReaderAt
	n, size int64
}

func (a away) ReadAt(b []byte, off int64) (int, error) {
	if end := off + int64(len(b)); end > a.n && off < a.size-1<<20 {
		return 0, &fs.PathError{Op: "read", Path: "a.blend", Err: syscall.EIO}
	}
	return a.ReaderAt.ReadAt(b, off)
}

// TestDiskFails: what the disk could not give is no damage of the file.
func TestDiskFails(t *testing.T) {
	for name, data := range spread() {
		size := int64(len(data))
		f, err := blend.NewReader(away{bytes.NewReader(data), size / 2, size}, size, blend.Options{})
		if err == nil {
			for _, walked := range f.DataBlocks() {
				err = walked
			}
			f.Close()
		}
		if damage := (*blend.FormatError)(nil); !errors.Is(err, syscall.EIO) || errors.As(err, &damage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReader reads anything.
func FuzzReader(f *testing.F) {
	for _, form := range forms {
		plain := thing(form)
		f.Add(plain)
		f.Add(blendtest.Gzip(plain))
		f.Add(blendtest.Zstd(plain, 300, true))
	}
	f.Add(blendtest.ZstdStream(thing(blendtest.Form{})))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := readAll(data)
		var format *blend.FormatError
		if err != nil && !errors.As(err, &format) {
			t.Errorf("%T: %v", err, err)
		}
	})
}
