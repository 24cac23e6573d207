package frames

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	stdpng "image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	xtiff "golang.org/x/image/tiff"
)

func TestNames(t *testing.T) {
	for _, tc := range []struct {
		path, format, ext, frames string
		want                      []string
	}{
		{"/r/sh010/######", "PNG", ".png", "1,250", []string{"000001.png", "000250.png"}},
		{`P:\r\sh010\sh010_####`, "PNG", ".png", "7", []string{"sh010_0007.png"}},
		{"/r/##_####_x", "OPEN_EXR", ".exr", "12345", []string{"##_12345_x.exr"}},
		{"/r/frame", "JPEG", "", "3", []string{"frame0003.jpg"}},
		{"/r/####.png", "PNG", ".png", "3", []string{"0003.png"}},
		{"/r/####", "PNG", ".png", "-5", []string{"-0005.png"}},
		{"/r/######", "FFMPEG", ".mp4", "1-250", []string{"000001-000250.mp4"}},
	} {
		o, err := FromSettings(map[string]any{
			"render_output_path": tc.path, "format": tc.format, "image_file_extension": tc.ext, "frames": tc.frames,
		}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, o.names()); diff != "" {
			t.Errorf("%s %s: (-want +got)\n%s", tc.path, tc.frames, diff)
		}
	}
	if _, err := FromSettings(map[string]any{"message": "x"}, time.Time{}); !errors.Is(err, ErrNoOutput) {
		t.Errorf("no output: %v", err)
	}
}

func picture(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.Set(i%w, i/w, color.RGBA{uint8(i * 31), uint8(i * 17), uint8(i), 255})
	}
	return m
}

// attribute writes one of an OpenEXR header.
func attribute(b *bytes.Buffer, name, kind string, values ...any) {
	var v bytes.Buffer
	for _, value := range values {
		binary.Write(&v, binary.LittleEndian, value)
	}
	fmt.Fprintf(b, "%s\x00%s\x00", name, kind)
	binary.Write(b, binary.LittleEndian, int32(v.Len()))
	b.Write(v.Bytes())
}

// exrFile makes an OpenEXR file of uncompressed lines of 8 bytes.
func exrFile(lines int, written bool) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, []uint32{20000630, 2})
	attribute(&b, "channels", "chlist", []byte{0})
	attribute(&b, "compression", "compression", uint8(0))
	attribute(&b, "dataWindow", "box2i", []int32{0, 0, 1, int32(lines) - 1})
	attribute(&b, "displayWindow", "box2i", []int32{0, 0, 1, int32(lines) - 1})
	b.WriteByte(0)
	begin := b.Len() + 8*lines
	for i := range lines {
		offset := uint64(begin + i*16)
		if !written && i == lines-1 {
			offset = 0
		}
		binary.Write(&b, binary.LittleEndian, offset)
	}
	for i := range lines {
		binary.Write(&b, binary.LittleEndian, []uint32{uint32(i), 8, 0, 0})
	}
	return b.Bytes()
}

// whole are small files that nothing is wrong with, by extension.
func whole(t testing.TB) map[string][]byte {
	t.Helper()
	var p, j, x bytes.Buffer
	if err := errors.Join(stdpng.Encode(&p, picture(40, 30)), stdjpeg.Encode(&j, picture(40, 30), nil),
		xtiff.Encode(&x, picture(40, 30), &xtiff.Options{Compression: xtiff.Deflate})); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		".png": p.Bytes(), ".jpg": j.Bytes(), ".tif": x.Bytes(), ".exr": exrFile(30, true),
		".mp4":  []byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00\x00\x00\x00\x0cmdatdata\x00\x00\x00\x08moov"),
		".mkv":  []byte("\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x01\x00\x00\x00\x00\x00\x00\x04data"),
		".avi":  []byte("RIFF\x0a\x00\x00\x00AVI dataxx"),
		".webp": []byte("RIFF\x0a\x00\x00\x00WEBPdataxx"),
	}
}

// TestCut cuts each format at every place: no part passes for a whole file.
func TestCut(t *testing.T) {
	for ext, data := range whole(t) {
		for n := 1; n <= len(data); n++ {
			_, err := inspect(bytes.NewReader(data[:n]), int64(n), ext)
			if (err == nil) != (n == len(data)) {
				t.Errorf("%s: the first %d of %d bytes: %v", ext, n, len(data), err)
			}
		}
		zeros := append(bytes.Clone(data[:len(data)/2]), make([]byte, len(data)-len(data)/2)...)
		if _, err := inspect(bytes.NewReader(zeros), int64(len(data)), ext); err == nil && (ext == ".png" || ext == ".jpg") {
			t.Errorf("%s: zeros instead of its second half", ext)
		}
	}
	if data := exrFile(30, false); true {
		_, err := inspect(bytes.NewReader(data), int64(len(data)), ".exr")
		if err == nil || !strings.Contains(err.Error(), "not all of its 30 chunks") {
			t.Errorf("an OpenEXR file whose writer was ended: %v", err)
		}
	}
	for _, ext := range []string{".png", ".jpg", ".tif"} {
		data := whole(t)[ext]
		s, err := inspect(bytes.NewReader(data), int64(len(data)), ext)
		if err != nil || s != (shape{40, 30, true}) {
			t.Errorf("%s: %v %v", ext, s, err)
		}
	}
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	good := whole(t)[".png"]
	for _, n := range []string{"000001", "000002", "000003", "000009"} {
		write(t, filepath.Join(dir, n+".png"), good)
	}
	var other bytes.Buffer
	if err := stdpng.Encode(&other, picture(20, 15)); err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(good)
	clear(broken[60 : len(broken)-40])
	write(t, filepath.Join(dir, "000004.png"), good[:len(good)/2])
	write(t, filepath.Join(dir, "000005.png"), nil)
	write(t, filepath.Join(dir, "000006.png"), other.Bytes())
	write(t, filepath.Join(dir, "000007.png"), broken)
	if err := os.Mkdir(filepath.Join(dir, "000008.png"), 0o700); err != nil {
		t.Fatal(err)
	}
	day := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "000009.png"), day, day); err != nil {
		t.Fatal(err)
	}
	o := Output{Path: "/r/######", Ext: ".png", Format: "PNG", Frames: []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, Since: time.Now()}
	for decode, seven := range map[bool]State{false: OK, true: Undecoded} {
		found, err := o.Check(t.Context(), dir, Options{Decode: decode})
		if err != nil {
			t.Fatal(err)
		}
		var got []State
		for _, f := range found {
			got = append(got, f.State)
		}
		if diff := cmp.Diff([]State{OK, OK, OK, Truncated, Empty, OtherSize, seven, Unreadable, Older, Missing}, got); diff != "" {
			t.Errorf("decode %v: (-want +got)\n%s", decode, diff)
		}
	}
	// The scene's size counts, not that of most frames.
	found, err := o.Check(t.Context(), dir, Options{Size: func() (int, int) { return 20, 15 }})
	if err != nil {
		t.Fatal(err)
	}
	if found[0].State != OtherSize || found[5].State != OK || found[0].Detail != "40×30, the scene has 20×15" {
		t.Errorf("against the scene: %+v, %+v", found[0], found[5])
	}
	found, err = o.Check(t.Context(), filepath.Join(dir, "none"), Options{})
	if err != nil || found[0].State != Missing {
		t.Errorf("no folder: %v %v", found, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.Check(ctx, dir, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func FuzzInspect(f *testing.F) {
	for ext, data := range whole(f) {
		f.Add(data, ext)
		f.Add(data[:len(data)/2], ext)
	}
	f.Fuzz(func(t *testing.T, data []byte, ext string) {
		_, _ = inspect(bytes.NewReader(data), int64(len(data)), ext)
	})
}

// BenchmarkCheck looks at 10,000 frames.
func BenchmarkCheck(b *testing.B) {
	dir := b.TempDir()
	o := Output{Path: "/r/######", Ext: ".png", Format: "PNG"}
	data := whole(b)[".png"]
	for n := range 10_000 {
		o.Frames = append(o.Frames, n)
		write(b, filepath.Join(dir, fmt.Sprintf("%06d.png", n)), data)
	}
	b.ResetTimer()
	for b.Loop() {
		found, err := o.Check(b.Context(), dir, Options{})
		if err != nil || found[9999].State != OK {
			b.Fatal(found[9999], err)
		}
	}
}
