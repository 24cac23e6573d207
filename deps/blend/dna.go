package blend

import (
	"strings"
	"sync"
)

// DNA describes every struct of a file: the file's own word on what its bytes
// mean. It does not change after parsing and may be shared by goroutines.
type DNA struct {
	types   []Type
	structs []*Type
	byName  map[string]int // index in types

	body        string
	names       []dnaName
	pointerSize int
	bigEndian   bool
}

// A Type is a struct or a primitive of the file's DNA.
type Type struct {
	Name string
	// Size is in bytes.
	Size int
	// SDNA is the index that blocks use for the struct; -1 for primitives.
	SDNA int
	prim primitive
	id   int // index in DNA.types

	dna       *DNA
	at, count int // where its fields are in DNA.body, and how many
	once      sync.Once
	fields    []Field // set by once
}

// A Field is a member of a struct, or of a struct within it.
type Field struct {
	// Name is bare: "mat" for "**mat", "name" for "name[1024]".
	Name string
	Type *Type
	// Offset is in bytes from the start of the struct it was looked up in.
	Offset int
	// Size is that of the whole field in bytes.
	Size int
	// Elems is the number of elements: the product of all dimensions, 1 when there are none.
	Elems int
	// Pointer says that the elements are pointers: to Type, or to an array of
	// pointers to Type when Stars is 2.
	Pointer bool
	Stars   int
}

type primitive uint8

const (
	notPrimitive primitive = iota
	signedInt
	unsignedInt
	floatingPoint
	untyped
)

// primitives says how the types that are no structs are read; their sizes are
// in the file. Blender is compiled with unsigned char on all platforms.
var primitives = map[string]primitive{
	"char": unsignedInt, "int8_t": signedInt, "short": signedInt, "int16_t": signedInt,
	"int": signedInt, "int32_t": signedInt, "long": signedInt, "int64_t": signedInt,
	"uchar": unsignedInt, "uint8_t": unsignedInt, "ushort": unsignedInt, "uint16_t": unsignedInt,
	"uint": unsignedInt, "uint32_t": unsignedInt, "ulong": unsignedInt, "uint64_t": unsignedInt,
	"bool": unsignedInt, "float": floatingPoint, "double": floatingPoint,
	"void": untyped, "raw_data": untyped,
}

// Struct gives the struct of that name, or nil.
func (d *DNA) Struct(name string) *Type {
	if i, ok := d.byName[name]; ok && d.types[i].SDNA >= 0 {
		return &d.types[i]
	}
	return nil
}

// Structs gives all structs by the index that blocks name them with.
func (d *DNA) Structs() []*Type { return d.structs }

// structOf gives the struct of a block; nil for raw bytes and for an index that the DNA does not have.
func (d *DNA) structOf(b *Block) *Type {
	if b.SDNA == 0 && b.Code == CodeData || b.SDNA >= len(d.structs) {
		return nil
	}
	return d.structs[b.SDNA]
}

// Field finds a field by its path: "id.name", "r.im_format.imtype". Only
// fields that are structs themselves are looked into, pointers are not followed.
func (t *Type) Field(path string) (Field, bool) {
	if t == nil {
		return Field{}, false
	}
	offset := 0
	for {
		name, rest, nested := strings.Cut(path, ".")
		f := t.field(name)
		if f == nil {
			return Field{}, false
		}
		if !nested {
			found := *f
			found.Offset += offset
			return found, true
		}
		if f.Pointer {
			return Field{}, false
		}
		offset += f.Offset
		t, path = f.Type, rest
	}
}

// Fields are those of a struct in the order of the file, not to be changed; nil for primitives. They are made
// when they are first asked for: a file describes a thousand structs, and a few dozen of them matter.
func (t *Type) Fields() []Field {
	if t.count == 0 {
		return nil
	}
	t.once.Do(func() {
		t.fields = make([]Field, t.count)
		offset := 0
		for i := range t.fields {
			typ, name := t.dna.rawField(t, i)
			n := &t.dna.names[name]
			t.fields[i] = Field{
				Name: n.bare, Type: &t.dna.types[typ], Offset: offset, Size: t.dna.sizeOf(typ, n),
				Elems: n.elems, Pointer: n.stars > 0, Stars: n.stars,
			}
			offset += t.fields[i].Size
		}
	})
	return t.fields
}

// rawField gives the indices of a field's type and name.
func (d *DNA) rawField(t *Type, i int) (typ, name int) {
	at := t.at + 4*i
	return twoBytes(d.body[at:], d.bigEndian), twoBytes(d.body[at+2:], d.bigEndian)
}

// sizeOf is how many bytes a field of this type and name has.
func (d *DNA) sizeOf(typ int, n *dnaName) int {
	if n.stars > 0 {
		return d.pointerSize * n.elems
	}
	return d.types[typ].Size * n.elems
}

func (t *Type) field(name string) *Field {
	fields := t.Fields()
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

// next finds the pointer that makes a struct an element of a linked list: its
// field "next", or that of the struct it begins with.
func (t *Type) next() (Field, bool) {
	for depth := 0; t != nil && t.count > 0 && depth < maxNesting; depth++ {
		if f := t.field("next"); f != nil {
			return *f, f.Pointer && f.Offset == 0
		}
		first := t.Fields()[0]
		if first.Pointer {
			break
		}
		t = first.Type
	}
	return Field{}, false
}

// maxNesting bounds how deep structs lie in each other; parseDNA sees to it.
const maxNesting = 64
