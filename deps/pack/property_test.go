package pack_test

import (
	"path/filepath"
	"testing"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/deps/pack"
)

// stringProperties gives an edit for each string among the custom properties
// of a blend file that begins with //, made by value.
func stringProperties(t *testing.T, file string, value func(old string) string) (edits []pack.Edit, lengths []int64) {
	t.Helper()
	f, err := blend.Open(t.Context(), file, blend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d, err := range f.DataBlocks() {
		if err != nil {
			t.Fatal(err)
		}
		for i := range d.Data {
			if typ := d.TypeOf(&d.Data[i]); typ == nil || typ.Name != "IDProperty" {
				continue
			}
			p := d.Array(&d.Data[i]).At(0)
			text := p.FollowArray("data.pointer")
			if p.Int("type") != 0 || !text.Valid() || len(text.Raw()) < 2 || string(text.Raw()[:2]) != "//" {
				continue
			}
			old := string(text.Raw()[:p.Int("len")-1])
			_, length := p.Raw("len")
			edits = append(edits, pack.Edit{
				ID: d.Code.String(), Field: "IDProperty.data", Offset: text.Block.Body, Size: len(text.Raw()),
				Old: old, New: value(old), Block: text.Block.Offset, Length: length,
			})
			lengths = append(lengths, p.Int("len"))
		}
	}
	return edits, lengths
}

// TestStringProperties makes the strings of custom properties longer and
// shorter, and reads them again.
func TestStringProperties(t *testing.T) {
	from := filepath.Join(testdata, "blend", "44-strings", "main.blend")
	for _, value := range []func(string) string{
		func(old string) string { return "//../a/much/longer/path/than/there/was/before/" + old[2:] },
		func(old string) string { return "//" + old[7:] },
	} {
		edits, _ := stringProperties(t, from, value)
		if len(edits) < 2 {
			t.Fatalf("%d string properties, want those of an object and a modifier", len(edits))
		}
		to := filepath.Join(t.TempDir(), "to.blend")
		rewriteFile(t, from, to, edits)
		again, lengths := stringProperties(t, to, value)
		if len(again) != len(edits) {
			t.Fatalf("%d string properties became %d", len(edits), len(again))
		}
		for i, e := range edits {
			if again[i].Old != e.New || lengths[i] != int64(len(e.New)+1) {
				t.Errorf("%q became %q, counted as %d bytes; want %q", e.Old, again[i].Old, lengths[i], e.New)
			}
		}
	}
}
