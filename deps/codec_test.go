package deps

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flsync/flsync/deps/blend"
)

func readFile(t testing.TB, path string) *Contents {
	t.Helper()
	f, err := blend.Open(t.Context(), path, blend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := readContents(f, &planCache{}, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCodec keeps the contents of all vectors and gets the same back.
func TestCodec(t *testing.T) {
	vectors(t, func(t *testing.T, project string) {
		var about truth
		readJSON(t, project+".truth.json", &about)
		want := readFile(t, filepath.Join(project, filepath.FromSlash(about.Main)))
		kept := encodeContents(want)
		got, err := decodeContents(kept)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		for i := 0; i < len(kept); i += 1 + len(kept)/50 {
			if _, err := decodeContents(kept[:i]); err == nil {
				t.Errorf("%d of %d bytes are accepted", i, len(kept))
			}
		}
	})
}

// FuzzDecode reads kept contents that are anything.
func FuzzDecode(f *testing.F) {
	f.Add(encodeContents(&Contents{Version: "3.4", Compression: blend.Zstd, Libraries: []Library{{Packed: &Contents{}, Ref: 0}}, Refs: []Reference{{
		Path: "//a.png", Tiles: []int{1001}, Parts: []Part{{Raw: "//a.png", Size: 8}},
	}}, IDs: []ID{{Name: "IMa", Library: -1, NumRefs: 1, Uses: []int32{0}}}, Scenes: []Scene{{
		Name: "S", Properties: map[string]any{"a": []any{int64(1), 2.5, true, "x"}, "g": map[string]any{}},
	}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeContents(data)
		if err != nil {
			return
		}
		if _, err := decodeContents(encodeContents(c)); err != nil {
			t.Errorf("what was decoded cannot be encoded: %v", err)
		}
		file := newTracedFile("/a/b.blend", c)
		x := expander{disk: newDisk(nil)}
		for _, l := range file.everything(&x).links {
			file.libraryPath(&x, file.IDs[l].Library)
		}
	})
}
