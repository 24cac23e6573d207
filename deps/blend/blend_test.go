package blend_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/deps/blend/blendtest"
	"github.com/flsync/flsync/internal/lab/long"
)

const testDNA = `
	raw_data:
	ListBase: void *first; void *last
	ID: void *next; void *prev; Library *lib; char name[66]; short flag
	Library: ID id; char name[1024]
	Item: Item *next; Item *prev; int number
	Sub: Item item; float weight; double heavy
	Thing: ID id; char path[64]; short small; int number; int64_t large; float single; double twice; uchar bits; ListBase items; Item *one; Item **many; int grid[2][3]; Sub sub
	FileGlobal: char subvstr[4]; short subversion; Thing *curscene
`

// thing writes a file that uses all of testDNA.
func thing(form blendtest.Form) []byte {
	f := blendtest.New(form, testDNA)
	f.Block("GLOB", "FileGlobal", 0x10, blendtest.Values{"subversion": 7, "curscene": uint64(0x100)})
	for i := range 2 { // the old addresses of DATA blocks are the same in both
		f.Block("TH", "Thing", uint64(0x100*(i+1)), blendtest.Values{
			"id.name": fmt.Sprintf("THnumber %d", i), "path": "//tex/ü.png",
			"small": -5, "number": 70000 + i, "large": 1 << 40, "single": 1.5, "twice": 0.1, "bits": 255,
			"items.first": uint64(0x1000), "items.last": uint64(0x1020),
			"one": uint64(0x1010), "many": uint64(0x2000),
			"sub.item.number": 12, "sub.weight": 0.25,
		})
		f.Block("DATA", "Item", 0x1000, blendtest.Values{"next": uint64(0x1010), "number": 10 * i})
		f.Block("DATA", "Item", 0x1010, blendtest.Values{"next": uint64(0x1020), "prev": uint64(0x1000), "number": 10*i + 1})
		f.Block("DATA", "Sub", 0x1020, blendtest.Values{"item.prev": uint64(0x1010), "item.number": 10*i + 2})
		f.Pointers(0x2000, 0x1000, 0, 0x1020)
	}
	return f.Bytes()
}

var forms = map[string]blendtest.Form{
	"64 bits":             {},
	"32 bits":             {Version: 279, Pointers32: true},
	"64 bits, big endian": {Version: 260, BigEndian: true},
	"32 bits, big endian": {Version: 241, Pointers32: true, BigEndian: true},
	"big endian, letters": {Version: 249, Pointers32: true, BigEndian: true, LettersFirst: true},
	"Blender 5":           {Version: 502, Large: true},
}

// summary is what a file made by thing says.
type summary struct {
	Name, Path                   string
	Small, Number, Large, Bits   int64
	Single, Twice                float64
	Items                        []int64
	One, Grid, Inner             int64
	Many                         []uint64
	Weight                       float64
	Absent                       bool
	Dangling, WrongType, NoArray bool
}

func summarize(d *blend.DataBlock) summary {
	s := d.Struct()
	sum := summary{
		Name: string(s.Bytes("id.name")), Path: string(s.Bytes("path")),
		Small: s.Int("small"), Number: s.Int("number"), Large: s.Int("large"), Bits: s.Int("bits"),
		Single: s.Float("single"), Twice: s.Float("twice"),
		One: s.Follow("one").Int("number"), Inner: s.Int("sub.item.number"), Weight: s.Sub("sub").Float("weight"),
		Many:   s.FollowArray("many").Pointers(),
		Absent: !s.Has("nothing") && s.Int("nothing") == 0 && s.Bytes("nothing") == nil && s.Pointer("nothing") == 0,
	}
	for item := range s.List("items") {
		n := item.Int("number")
		if item.Type.Name == "Sub" {
			n = item.Int("item.number")
		}
		sum.Items = append(sum.Items, n)
	}
	sum.Dangling = !s.Find(0x9999).Valid() && !s.Follow("id.lib").Valid()
	sum.WrongType = s.Pointer("number") == 0 && s.Int("one") == 0 && !s.Sub("one").Valid() && !s.Sub("path").Valid()
	sum.NoArray = !s.FollowArray("many").At(0).Valid() && s.FollowArray("one").Len() == 1
	return sum
}

func TestForms(t *testing.T) {
	for name, form := range forms {
		plain := thing(form)
		files := map[blend.Compression][][]byte{
			blend.None: {plain},
			blend.Gzip: {blendtest.Gzip(plain)},
			blend.Zstd: {
				blendtest.Zstd(plain, 1<<20, true),
				blendtest.Zstd(plain, 300, true),
				blendtest.Zstd(plain, 300, false),
				blendtest.ZstdStream(plain),
			},
		}
		for compression, variants := range files {
			for i, data := range variants {
				t.Run(fmt.Sprintf("%s/%s/%d", name, compression, i), func(t *testing.T) {
					f := open(t, data)
					if f.Compression != compression {
						t.Errorf("compression %q, want %q", f.Compression, compression)
					}
					checkThing(t, f, form)
				})
			}
		}
	}
}

func open(t testing.TB, data []byte) *blend.File {
	t.Helper()
	f, err := blend.NewReader(bytes.NewReader(data), int64(len(data)), blend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func checkThing(t *testing.T, f *blend.File, form blendtest.Form) {
	t.Helper()
	var got []summary
	for d, err := range f.DataBlocks() {
		if err != nil {
			t.Fatal(err)
		}
		if d.Code == blend.MakeCode("TH") {
			got = append(got, summarize(d))
		}
	}
	var want []summary
	for i := range int64(2) {
		want = append(want, summary{
			Name: fmt.Sprintf("THnumber %d", i), Path: "//tex/ü.png",
			Small: -5, Number: 70000 + i, Large: 1 << 40, Bits: 255, Single: 1.5, Twice: 0.1,
			Items: []int64{10 * i, 10*i + 1, 10*i + 2}, One: 10*i + 1, Inner: 12, Weight: 0.25,
			Many: []uint64{0x1000, 0, 0x1020}, Absent: true, Dangling: true, WrongType: true, NoArray: true,
		})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("-want +got:\n" + diff)
	}
	version := form.Version
	if version == 0 {
		version = 304
	}
	if v := (blend.Version{Major: version / 100, Minor: version % 100, Sub: 7}); f.Version != v {
		t.Errorf("version %v, want %v", f.Version, v)
	}
}

// TestOffsets checks that the place of a field is where its bytes are.
func TestOffsets(t *testing.T) {
	for name, form := range forms {
		plain := thing(form)
		f := open(t, blendtest.Gzip(plain))
		for d, err := range f.DataBlocks() {
			if err != nil {
				t.Fatal(err)
			}
			raw, offset := d.Struct().Raw("path")
			if d.Code == blend.MakeCode("TH") && !bytes.Equal(raw, plain[offset:int(offset)+len(raw)]) {
				t.Errorf("%s: the path of %s is not at %d", name, d.Struct().Bytes("id.name"), offset)
			}
		}
	}
}

// large is a file with more than is held in memory: blocks of 1 MiB between
// small ones, and some in the middle of a data-block.
func large(things int) []byte {
	f := blendtest.New(blendtest.Form{}, testDNA)
	noise := make([]byte, 1<<20)
	x := uint32(1)
	for i := range noise {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	for i := range things {
		f.Block("TH", "Thing", uint64(i+1), blendtest.Values{
			"id.name": fmt.Sprintf("THnumber %d", i), "items.first": uint64(0x1000), "number": i,
		})
		f.Block("DATA", "Item", 0x1000, blendtest.Values{"next": uint64(0x1010), "number": i})
		f.Raw("DATA", 0x3000, noise)
		f.Block("DATA", "Item", 0x1010, blendtest.Values{"number": i + 1})
		f.Raw("DATA", 0x4000, noise[:i*100])
	}
	return f.Bytes()
}

// TestLarge reads a file in pieces, in each compression, with little memory.
func TestLarge(t *testing.T) {
	const things = 20
	plain := large(things)
	for name, packed := range map[string]func([]byte) []byte{
		"plain":       func(data []byte) []byte { return data },
		"gzip":        blendtest.Gzip,
		"zstd":        func(data []byte) []byte { return blendtest.Zstd(data, 1<<20, true) },
		"zstd frames": func(data []byte) []byte { return blendtest.Zstd(data, 1<<20, false) },
		"zstd stream": blendtest.ZstdStream,
	} {
		t.Run(name, func(t *testing.T) {
			if name != "plain" && name != "zstd frames" {
				long.Test(t)
			}
			data := packed(plain)
			source := &counter{data: data}
			f, err := blend.NewReader(source, int64(len(data)), blend.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			i := 0
			for d, err := range f.DataBlocks() {
				if err != nil {
					t.Fatal(err)
				}
				var items []int64
				for item := range d.Struct().List("items") {
					items = append(items, item.Int("number"))
				}
				if diff := cmp.Diff([]int64{int64(i), int64(i + 1)}, items); diff != "" {
					t.Fatalf("thing %d: %s", i, diff)
				}
				i++
			}
			if i != things {
				t.Errorf("%d things, want %d", i, things)
			}
			if name == "plain" && source.read > len(data)/4 {
				t.Errorf("%d of %d bytes were read, though most could be passed over", source.read, len(data))
			}
		})
	}
}

// counter counts the bytes that are read of it.
type counter struct {
	data []byte
	read int
}

func (c *counter) ReadAt(b []byte, off int64) (int, error) {
	n, err := bytes.NewReader(c.data).ReadAt(b, off)
	c.read += n
	return n, err
}

// TestMemory reads a packed file of 2 GiB that is not there at all, and
// measures what is allocated for it.
func TestMemory(t *testing.T) {
	const huge = 1<<31 - 1024
	f := blendtest.New(blendtest.Form{Version: 502, Large: true}, testDNA)
	f.Block("TH", "Thing", 1, blendtest.Values{"id.name": "THpacked", "one": uint64(0x10)})
	head := f.Unended()
	head = append(head, blockHeader("DATA", 0, 0x10, huge, 1)...)
	tail := blendtest.New(blendtest.Form{Version: 502, Large: true}, testDNA).Bytes()[17:]
	source := hole{head: head, size: huge, tail: tail}

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	file, err := blend.NewReader(source, int64(len(head))+huge+int64(len(tail)), blend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for d, err := range file.DataBlocks() {
		if err != nil {
			t.Fatal(err)
		}
		if name := string(d.Struct().Bytes("id.name")); name != "THpacked" {
			t.Errorf("name %q", name)
		}
		if b := d.FindBlock(0x10); b == nil || b.Len != huge {
			t.Errorf("packed block %v", b)
		}
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
	// To ask for the contents themselves is refused.
	err = nil
	for d, e := range file.DataBlocks() {
		if d != nil {
			d.Struct().FollowArray("one")
		}
		err = e
	}
	if !errors.Is(err, blend.ErrLimit) {
		t.Errorf("reading 2 GiB at once gives %v", err)
	}
}

// blockHeader is that of Blender 5.
func blockHeader(code string, sdna uint32, old, length, count uint64) []byte {
	le := func(n uint64, size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(n >> (8 * i))
		}
		return b
	}
	return bytes.Join([][]byte{[]byte(code), le(uint64(sdna), 4), le(old, 8), le(length, 8), le(count, 8)}, nil)
}

// hole is a file with zeros in the middle.
type hole struct {
	head []byte
	size int64
	tail []byte
}

func (h hole) ReadAt(b []byte, off int64) (int, error) {
	for i := range b {
		switch at := off + int64(i); {
		case at < int64(len(h.head)):
			b[i] = h.head[at]
		case at < int64(len(h.head))+h.size:
			b[i] = 0
		case at < int64(len(h.head))+h.size+int64(len(h.tail)):
			b[i] = h.tail[at-int64(len(h.head))-h.size]
		default:
			return i, io.EOF
		}
	}
	return len(b), nil
}

// starts counts how often a file is read from its beginning.
type starts struct {
	io.ReaderAt
	n int
}

func (s *starts) ReadAt(b []byte, off int64) (int, error) {
	if off == 0 && len(b) > 4 { // 4 bytes tell how it is compressed
		s.n++
	}
	return s.ReaderAt.ReadAt(b, off)
}

// TestStreamOnce reads the small blocks of a large gzip file, with pixels and
// geometry in between, which takes decompressing it once, and then some of the
// geometry, which takes doing it again.
func TestStreamOnce(t *testing.T) {
	f := blendtest.New(blendtest.Form{}, testDNA)
	geometry := make([]byte, 300<<10)
	for i := range 200 {
		f.Block("TH", "Thing", uint64(1000+i), blendtest.Values{"id.name": fmt.Sprint("TH", i), "items.first": uint64(1)})
		for k := range 3 * i { // so that blocks begin anywhere in what is read at once
			f.Block("DATA", "Item", uint64(1+k), blendtest.Values{"number": i})
		}
		f.Raw("DATA", 5000, geometry)
	}
	packed := blendtest.Gzip(f.Bytes())
	counted := &starts{ReaderAt: bytes.NewReader(packed)}
	file, err := blend.NewReader(counted, int64(len(packed)), blend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	read := func(large bool) {
		t.Helper()
		sum := 0
		for d, err := range file.DataBlocks() {
			if err != nil {
				t.Fatal(err)
			}
			d.Struct()
			for i := range d.Data {
				if b := &d.Data[i]; d.TypeOf(b) != nil {
					sum += int(d.Array(b).At(0).Int("number"))
				} else if large {
					d.Array(b)
				}
			}
		}
		if want := 3 * 199 * 200 * 399 / 6; sum != want {
			t.Errorf("the numbers make %d, want %d", sum, want)
		}
	}
	read(false)
	if counted.n != 1 {
		t.Errorf("the file was decompressed %d times, want once", counted.n)
	}
	read(true)
	if counted.n != 2 {
		t.Errorf("the file was decompressed %d times for all of it, want twice", counted.n)
	}
}
