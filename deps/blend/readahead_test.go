package blend_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/deps/blend/blendtest"
)

// TestReadAhead reads a large file of frames where there are more processors than frames fit in memory. What
// is read ahead must not push out what was asked for, which is a deadlock, nor what comes next, which would
// be decompressed ten times over and more than is allowed.
func TestReadAhead(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(32))
	const frame, frames = 1 << 20, 24
	f := blendtest.New(blendtest.Form{}, testDNA)
	body := make([]byte, frame)
	for i := range frames {
		for at := 0; at < frame; at += 32 { // it shrinks to a hundredth
			binary.LittleEndian.PutUint16(body[at:], uint16((i+1)*at*at>>7))
		}
		f.Block("TH", "Thing", uint64(i+1)<<8, blendtest.Values{})
		f.Raw("DATA", uint64(i+1)<<8|1, body)
	}
	want := f.Bytes()
	packed := blendtest.Zstd(want, frame, true)
	orders := map[string]func(i int) int{
		"in order":         func(i int) int { return i },
		"from the end":     func(i int) int { return frames - 1 - i },
		"to and fro":       func(i int) int { return i * 7 % frames },
		"two and one back": func(i int) int { return max(0, i-i%3*2) },
	}
	for name, order := range orders {
		t.Log(name)
		synctest.Test(t, func(t *testing.T) {
			f, err := blend.NewReader(bytes.NewReader(packed), int64(len(packed)), blend.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			blocks := 0
			for d, err := range f.DataBlocks() {
				if err != nil {
					t.Fatal(err)
				}
				blocks += 1 + len(d.Data)
			}
			if blocks != 2*frames {
				t.Errorf("%d blocks, want %d", blocks, 2*frames)
			}
			got := make([]byte, frame)
			for i := range frames {
				off := order(i) * frame
				if _, err := f.ReadAt(got, int64(off)); err != nil && err != io.EOF {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want[off:off+frame]) {
					t.Fatalf("frame %d is wrong", order(i))
				}
			}
		})
	}
}
