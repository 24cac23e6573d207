package pack

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/flsync/flsync/deps/blend"
)

// A sample is the smallest thing that looks like a blend file: a header, a block
// of garbage, a data-block with a path in a field of 64 bytes and a property's
// count, and a block with a path of its own.
type sample struct {
	data                 []byte
	field, count, header int64
	block                int64 // of the path in the block
	blockSize            int
}

const (
	samplePath = "//tex/wood.png"
	sampleText = "//scripts/rig.py"
)

type dialect struct {
	name, header string
	order        binary.ByteOrder
	pointers     int
	large        bool
}

func dialects() []dialect {
	return []dialect{
		{"3.4", "BLENDER-v304", binary.LittleEndian, 8, false},
		{"2.5 on 32 bits", "BLENDER_v250", binary.LittleEndian, 4, false},
		{"2.5 big endian", "BLENDER_V250", binary.BigEndian, 4, false},
		{"2.5 big endian on 64 bits", "BLENDER-V250", binary.BigEndian, 8, false},
		{"5.2", "BLENDER17-01v0502", binary.LittleEndian, 8, true},
	}
}

func (d dialect) sample(garbage int) sample {
	var s sample
	s.data = []byte(d.header)
	block := func(code string, body []byte) int64 {
		s.data = append(s.data, (code + "\x00\x00\x00\x00")[:4]...)
		old := binary.LittleEndian.AppendUint64(nil, 0x7f0012345678)
		if d.large {
			s.data = binary.LittleEndian.AppendUint32(s.data, 0)
			s.data = append(s.data, old...)
			s.data = binary.LittleEndian.AppendUint64(s.data, uint64(len(body)))
			s.data = binary.LittleEndian.AppendUint64(s.data, 1)
		} else {
			put := func(n int) {
				s.data = append(s.data, 0, 0, 0, 0)
				d.order.PutUint32(s.data[len(s.data)-4:], uint32(n))
			}
			put(len(body))
			s.data = append(s.data, old[:d.pointers]...)
			put(0)
			put(1)
		}
		at := int64(len(s.data))
		s.data = append(s.data, body...)
		return at
	}
	noise := make([]byte, garbage)
	x := uint32(2463534242)
	for i := range noise {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		noise[i] = byte(x) & 0x1f
	}
	block("DATA", noise)
	body := make([]byte, 72)
	copy(body[4:68], samplePath+"\x00leftover")
	d.order.PutUint32(body[68:], uint32(len(sampleText)+1))
	s.field = block("IM", body) + 4
	s.count = s.field + 64
	text := []byte(sampleText + "\x00")
	for !d.large && len(text)%4 != 0 {
		text = append(text, 0xEE)
	}
	s.header = int64(len(s.data))
	s.block, s.blockSize = block("DATA", text), len(text)
	block("DATA", noise)
	block("DNA1", []byte("SDNANAME"))
	block("ENDB", nil)
	return s
}

func (s sample) edits(path, text string) []Edit {
	return []Edit{
		{ID: "IMwood", Field: "Image.name", Offset: s.field, Size: 64, Old: samplePath, New: path},
		{ID: "OBrig", Field: "IDProperty.data", Offset: s.block, Size: s.blockSize, Old: sampleText, New: text, Block: s.header, Length: s.count},
	}
}

// pieces gives the decompressed file without the fields of the edits, and what
// stands in these.
func (s sample) pieces(d dialect, data []byte, textSize int) (rest []byte, field, text string, blockLen, count int) {
	rest = append(rest, data[:s.field]...)
	field = string(data[s.field : s.field+64])
	count = int(d.order.Uint32(data[s.count:]))
	head := data[s.header:s.block]
	if d.large {
		blockLen = int(binary.LittleEndian.Uint64(head[16:]))
	} else {
		blockLen = int(d.order.Uint32(head[4:]))
	}
	rest = append(rest, head[:4]...)
	if d.large {
		rest = append(rest, head[24:]...)
	} else {
		rest = append(rest, head[8:]...)
	}
	text = string(data[s.block:][:textSize])
	rest = append(rest, data[s.block+int64(textSize):]...)
	return rest, field, text, blockLen, count
}

// containers pack a file as Blender and others do.
func containers(t testing.TB) map[string]func([]byte) []byte {
	frames := func(size int, table bool) func([]byte) []byte {
		return func(data []byte) []byte {
			var b bytes.Buffer
			w, err := newFrameWriter(&b)
			if err != nil {
				t.Fatal(err)
			}
			for len(data) > 0 {
				n := min(size, len(data))
				w.Write(data[:n])
				w.endFrame()
				data = data[n:]
			}
			if table {
				w.finish()
			}
			return b.Bytes()
		}
	}
	return map[string]func([]byte) []byte{
		"plain": bytes.Clone,
		"gzip": func(data []byte) []byte {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write(data)
			z.Close()
			return b.Bytes()
		},
		"gzip and more behind it": func(data []byte) []byte {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write(data)
			z.Close()
			return append(b.Bytes(), "trailing"...)
		},
		"zstd as Blender":       frames(frameLimit, true),
		"zstd in small frames":  frames(37, true),
		"zstd without a table":  frames(1000, false),
		"zstd in one big frame": frames(1<<30, false),
	}
}

func unpack(t testing.TB, data []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(data)
	var err error
	switch {
	case bytes.HasPrefix(data, gzipMagic):
		r, err = newGunzipper(r)
	case bytes.HasPrefix(data, zstdMagic):
		r, err = zstd.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func rewriteBytes(data []byte, edits []Edit) ([]byte, error) {
	var b bytes.Buffer
	err := rewrite(context.Background(), &b, bytes.NewReader(data), int64(len(data)), edits)
	return b.Bytes(), err
}

// TestRewrite holds that nothing but the fields changes, in every container and
// dialect, with paths that are shorter and longer than before.
func TestRewrite(t *testing.T) {
	for name, pack := range containers(t) {
		for i, d := range dialects() {
			if i > 0 && i < len(dialects())-1 && name != "plain" {
				continue // what differs between these is behind the container
			}
			s := d.sample(3000)
			for _, text := range []string{"//a.py", "//scripts/rig.pz", "//../_outside_project/mnt/farm/scripts/pipeline/rig.py"} {
				const path = "//../_outside_project/mnt/wood.png"
				packed := pack(s.data)
				got, err := rewriteBytes(packed, s.edits(path, text))
				if err != nil {
					t.Errorf("%s, %s, %s: %v", name, d.name, text, err)
					continue
				}
				size := len(text) + 1
				if !d.large {
					size = (size + 3) &^ 3
				}
				wantRest, _, _, _, _ := s.pieces(d, s.data, s.blockSize)
				rest, field, held, blockLen, count := s.pieces(d, unpack(t, got), size)
				want := path + strings.Repeat("\x00", 64-len(path))
				wantText := text + strings.Repeat("\x00", size-len(text))
				if !bytes.Equal(rest, wantRest) || field != want || held != wantText || blockLen != size || count != len(text)+1 {
					t.Errorf("%s, %s, %s: field %q, text %q, length %d, count %d, rest equal: %v",
						name, d.name, text, field, held, blockLen, count, bytes.Equal(rest, wantRest))
				}
				if strings.HasPrefix(name, "zstd") && blend.SeekTable(bytes.NewReader(got), int64(len(got)), true) == nil {
					t.Errorf("%s: the result has no table of frames", name)
				}
				if i > 0 {
					continue
				}
				if again, err := rewriteBytes(packed, s.edits(path, text)); err != nil || !bytes.Equal(again, got) {
					t.Errorf("%s, %s: not the same bytes the second time (%v)", name, d.name, err)
				}
			}
		}
	}
}

// TestRewriteKeepsFrames holds that frames without a field are not compressed anew.
func TestRewriteKeepsFrames(t *testing.T) {
	d := dialects()[0]
	s := d.sample(3 << 20)
	var b bytes.Buffer
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true))
	if err != nil {
		t.Fatal(err)
	}
	w := &frameWriter{w: &b, encoder: encoder, limit: frameLimit} // other bytes than our own encoder makes
	w.Write(s.data)
	w.finish()
	got, err := rewriteBytes(b.Bytes(), s.edits("//x.png", "//scripts/a much longer path than there was.py"))
	if err != nil {
		t.Fatal(err)
	}
	before, after := blend.SeekTable(bytes.NewReader(b.Bytes()), int64(b.Len()), true), blend.SeekTable(bytes.NewReader(got), int64(len(got)), true)
	if len(before) < 5 || len(before) != len(after) {
		t.Fatalf("%d frames became %d", len(before), len(after))
	}
	same := 0
	for i := range before {
		x := b.Bytes()[before[i].PackedOff:][:before[i].PackedSize]
		if y := got[after[i].PackedOff:][:after[i].PackedSize]; bytes.Equal(x, y) {
			same++
		}
	}
	if same != len(before)-1 {
		t.Errorf("%d of %d frames are as they were; only one has fields", same, len(before))
	}
}

func TestRewriteRefuses(t *testing.T) {
	s := dialects()[0].sample(100)
	good := s.edits("//x.png", "//y.py")
	edit := func(change func(e []Edit)) []Edit {
		e := s.edits("//x.png", "//y.py")
		change(e)
		return e
	}
	for _, c := range []struct {
		name  string
		data  []byte
		edits []Edit
		want  error // nil: any
	}{
		{"another path than was traced", s.data, edit(func(e []Edit) { e[0].Old = "//other.png" }), ErrChanged},
		{"a longer path than was traced", s.data, edit(func(e []Edit) { e[0].Old = samplePath[:5] }), ErrChanged},
		{"another block", s.data, edit(func(e []Edit) { e[1].Size += 4 }), ErrChanged},
		{"another count", s.data, edit(func(e []Edit) { e[1].Length = s.field - 4 }), ErrChanged},
		{"beyond the end", s.data, edit(func(e []Edit) { e[0].Offset = 1 << 40 }), ErrChanged},
		{"cut off in a field", s.data[:s.field+10], good, ErrChanged},
		{"no blend file", []byte("this is a text, and not a short one"), good, nil},
		{"empty", nil, good, nil},
		{"two edits of one field", s.data, append(good[:1:1], good[0]), nil},
		{"a NUL in the path", s.data, edit(func(e []Edit) { e[0].New = "//a\x00b" }), nil},
		{"no header before the block", s.data, edit(func(e []Edit) { e[1].Block -= 8 }), nil},
		{"a field over the file's header", s.data, edit(func(e []Edit) { e[0].Offset = 3 }), nil},
		{"a field without size", s.data, edit(func(e []Edit) { e[0].Size, e[0].Old = 0, "" }), nil},
	} {
		for name, pack := range containers(t) {
			if _, err := rewriteBytes(pack(c.data), c.edits); err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s, %s: error %v, want %v", c.name, name, err, c.want)
			}
		}
	}
}

func TestTooLong(t *testing.T) {
	s := dialects()[0].sample(10)
	for _, n := range []int{63, 64, 65} {
		edits := s.edits("//"+strings.Repeat("x", n-2), sampleText)
		_, err := rewriteBytes(s.data, edits)
		long, ok := errors.AsType[*TooLongError](err)
		if n < 64 {
			if err != nil {
				t.Errorf("%d bytes into 64: %v", n, err)
			}
			continue
		}
		want := &TooLongError{ID: "IMwood", Field: "Image.name", Path: edits[0].New, Room: 63}
		if !ok || cmp.Diff(want, long) != "" {
			t.Errorf("%d bytes into 64: %v, want %v", n, err, want)
		}
	}
	if _, err := rewriteBytes(s.data, s.edits("//x", "//"+strings.Repeat("y", 1500))); err == nil {
		t.Error("a block took a path that Blender would cut")
	}
}

// TestRewriteFiles goes through files, where the system copies.
func TestRewriteFiles(t *testing.T) {
	dir := t.TempDir()
	s := dialects()[0].sample(1 << 18)
	for name, pack := range containers(t) {
		for _, text := range []string{"//scripts/rig.pz", "//scripts/a longer path than before.py"} {
			packed := pack(s.data)
			edits := s.edits("//other.png", text)
			from := filepath.Join(dir, "from.blend")
			if err := os.WriteFile(from, packed, 0o600); err != nil {
				t.Fatal(err)
			}
			src, err := os.Open(from)
			if err != nil {
				t.Fatal(err)
			}
			dst, err := os.Create(filepath.Join(dir, "to.blend"))
			if err != nil {
				t.Fatal(err)
			}
			if err := Rewrite(t.Context(), dst, src, edits); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			src.Close()
			dst.Close()
			got, err := os.ReadFile(dst.Name())
			if err != nil {
				t.Fatal(err)
			}
			want, err := rewriteBytes(packed, edits)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s: a file of %d bytes, in memory %d", name, len(got), len(want))
			}
		}
	}
}

func TestRewriteStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := dialects()[0].sample(1 << 20)
	for name, pack := range containers(t) {
		packed := pack(s.data)
		err := rewrite(ctx, io.Discard, bytes.NewReader(packed), int64(len(packed)), s.edits("//x.png", "//y.py"))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRewrite rewrites whatever it is given. What comes out, if anything, must
// differ in the fields only.
func FuzzRewrite(f *testing.F) {
	s := dialects()[0].sample(200)
	for _, pack := range containers(f) {
		f.Add(pack(s.data), s.field, 64, s.header, s.count, samplePath, "//new/path.png")
		f.Add(pack(s.data), s.block, s.blockSize, s.header, s.count, sampleText, "//a much longer path than it was before.py")
	}
	f.Fuzz(func(t *testing.T, data []byte, offset int64, size int, block, length int64, old, path string) {
		if len(data) > 1<<20 {
			return
		}
		if offset-block > 64 || offset < block {
			block = 0
		}
		edits := []Edit{{Offset: offset, Size: size, Old: old, New: path, Block: block, Length: length}}
		before := unpackLimited(data)
		if before == nil {
			return // damaged, or a bomb
		}
		got, err := rewriteBytes(data, edits)
		if err != nil {
			return
		}
		after := unpackLimited(got)
		if !strings.HasPrefix(string(after[offset:]), path+"\x00") {
			t.Errorf("at %d is %.40q, not %q", offset, after[offset:], path)
		}
		grown := len(after) - len(before)
		if block == 0 && grown != 0 {
			t.Errorf("grew by %d", grown)
		}
		if tail := before[offset+int64(size):]; length < offset && !bytes.HasSuffix(after, tail) {
			t.Errorf("what follows the field has changed")
		}
	})
}

// unpackLimited is unpack for data that may be damaged or a bomb.
func unpackLimited(data []byte) []byte {
	var r io.Reader = bytes.NewReader(data)
	var err error
	switch {
	case bytes.HasPrefix(data, gzipMagic):
		r, err = newGunzipper(r)
	case bytes.HasPrefix(data, []byte("BLENDER")):
	default:
		var d *zstd.Decoder
		if d, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(32<<20)); err == nil {
			defer d.Close()
			r = d
		}
	}
	if err != nil {
		return nil
	}
	out, err := io.ReadAll(io.LimitReader(r, 4<<20))
	if err != nil || len(out) == 4<<20 {
		return nil
	}
	return out
}

// BenchmarkRewrite rewrites one field of a file of 64 MiB.
func BenchmarkRewrite(b *testing.B) {
	s := dialects()[0].sample(32 << 20)
	for _, name := range []string{"plain", "zstd as Blender", "gzip"} {
		dir := b.TempDir()
		from := filepath.Join(dir, "from.blend")
		if err := os.WriteFile(from, containers(b)[name](s.data), 0o600); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s.data)))
			b.ReportAllocs()
			for b.Loop() {
				src, err := os.Open(from)
				if err != nil {
					b.Fatal(err)
				}
				dst, err := os.Create(filepath.Join(dir, "to.blend"))
				if err != nil {
					b.Fatal(err)
				}
				if err := Rewrite(context.Background(), dst, src, s.edits("//x.png", "//scripts/rig.pz")); err != nil {
					b.Fatal(err)
				}
				src.Close()
				dst.Close()
			}
		})
	}
}
