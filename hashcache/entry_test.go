package hashcache

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEntry(t *testing.T) {
	e := entry{Stamp: Stamp{1, -2, 3, 1 << 63, 5}, written: -6}
	copy(e.sha256[:], "sha256")
	copy(e.blake3[:], "blake3")
	var got entry
	if !got.decode(e.encode(nil)) {
		t.Fatal("not decoded")
	}
	if diff := cmp.Diff(e, got, cmp.AllowUnexported(entry{})); diff != "" {
		t.Error(diff)
	}
}

func FuzzEntry(f *testing.F) {
	f.Add((&entry{}).encode(nil))
	f.Add([]byte{entryVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		var e entry
		if e.decode(b) {
			copy(b[1+6*8:], make([]byte, reservedSize))
		}
		if e.decode(b) && !bytes.Equal(e.encode(nil), b) {
			t.Errorf("%x is not what it decodes to", b)
		}
	})
}
