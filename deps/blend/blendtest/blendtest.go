// Package blendtest makes small Blender files in any of the forms that there are, for tests. The files hold
// what a test puts in and nothing else, so Blender itself would not open them.
package blendtest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Form is how a file is laid out. The zero value is that of Blender 3.4.
type Form struct {
	Version      int  // 304 for 3.4; 0 means that
	Large        bool // the file and block headers of Blender 5
	Pointers32   bool
	BigEndian    bool
	LettersFirst bool // two-letter codes as little-endian files have them, also in big-endian ones
}

// A File is a Blender file in the making.
type File struct {
	form    Form
	order   binary.ByteOrder
	structs []*structure
	types   []string
	sizes   map[string]int
	out     bytes.Buffer
}

type structure struct {
	name   string
	fields []field
}

type field struct {
	typ, name string // name with its stars and dimensions
	bare      string
	offset    int
	size      int
	elems     int
	pointer   bool
}

var sizes = map[string]int{
	"char": 1, "uchar": 1, "int8_t": 1, "short": 2, "ushort": 2, "int": 4, "long": 4,
	"float": 4, "double": 8, "int64_t": 8, "uint64_t": 8, "void": 0,
}

// New begins a file. dna describes its structs, one a line, in order of use:
//
//	ID: void *next; void *prev; Library *lib; char name[66]
//	Image: ID id; char name[1024]
//
// The first one is what blocks of raw bytes name; it may be empty.
func New(form Form, dna string) *File {
	form.Version = cmp.Or(form.Version, 304)
	f := &File{form: form, order: binary.LittleEndian, sizes: map[string]int{}}
	if form.BigEndian {
		f.order = binary.BigEndian
	}
	for name, size := range sizes {
		f.sizes[name] = size
	}
	f.types = append(f.types, "char", "uchar", "int8_t", "short", "ushort", "int", "long", "float", "double",
		"int64_t", "uint64_t", "void")
	for _, line := range strings.Split(dna, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			f.addStruct(line)
		}
	}
	f.header()
	return f
}

func (f *File) pointerSize() int {
	if f.form.Pointers32 {
		return 4
	}
	return 8
}

func (f *File) addStruct(line string) {
	name, rest, _ := strings.Cut(line, ":")
	s := &structure{name: strings.TrimSpace(name)}
	offset := 0
	for _, decl := range strings.Split(rest, ";") {
		decl = strings.TrimSpace(decl)
		if decl == "" {
			continue
		}
		typ, full, _ := strings.Cut(decl, " ")
		fd := field{typ: typ, name: full, offset: offset, elems: 1}
		bare := strings.TrimLeft(full, "*")
		fd.pointer = bare != full
		for {
			i := strings.IndexByte(bare, '[')
			if i < 0 {
				break
			}
			j := strings.IndexByte(bare, ']')
			n, _ := strconv.Atoi(bare[i+1 : j])
			fd.elems *= n
			bare = bare[:i] + bare[j+1:]
		}
		fd.bare = bare
		fd.size = f.sizes[typ]
		if fd.pointer {
			fd.size = f.pointerSize()
		}
		fd.size *= fd.elems
		offset += fd.size
		s.fields = append(s.fields, fd)
		f.addType(typ)
	}
	f.addType(s.name)
	f.sizes[s.name] = offset
	f.structs = append(f.structs, s)
}

func (f *File) addType(name string) {
	for _, t := range f.types {
		if t == name {
			return
		}
	}
	f.types = append(f.types, name)
}

func (f *File) header() {
	if f.form.Large {
		fmt.Fprintf(&f.out, "BLENDER17-01v%04d", f.form.Version)
		return
	}
	pointers, order := "-", "v"
	if f.form.Pointers32 {
		pointers = "_"
	}
	if f.form.BigEndian {
		order = "V"
	}
	fmt.Fprintf(&f.out, "BLENDER%s%s%03d", pointers, order, f.form.Version)
}

// Values are the values of a struct by the paths of their fields: int, float64,
// string, []byte, uint64 for pointers, []uint64 for arrays of them.
type Values map[string]any

// Block adds a block of structs.
func (f *File) Block(code, structName string, old uint64, elements ...Values) *File {
	index := -1
	for i, s := range f.structs {
		if s.name == structName {
			index = i
		}
	}
	if index < 0 {
		panic("blendtest: no struct " + structName)
	}
	var body []byte
	for _, values := range elements {
		data := make([]byte, f.sizes[structName])
		for path, value := range values {
			f.set(data, f.structs[index], path, value)
		}
		body = append(body, data...)
	}
	return f.block(code, index, old, len(elements), body)
}

// Raw adds a block of bytes.
func (f *File) Raw(code string, old uint64, body []byte) *File {
	return f.block(code, 0, old, 1, body)
}

// Pointers adds a block that is an array of pointers.
func (f *File) Pointers(old uint64, to ...uint64) *File {
	var body []byte
	for _, p := range to {
		body = f.appendPointer(body, p)
	}
	return f.Raw("DATA", old, body)
}

func (f *File) block(code string, index int, old uint64, count int, body []byte) *File {
	head := make([]byte, 4)
	copy(head, code)
	if len(code) == 2 && f.form.BigEndian && !f.form.LettersFirst {
		copy(head, []byte{0, 0, code[0], code[1]})
	}
	o := f.order.(binary.AppendByteOrder)
	if f.form.Large {
		head = o.AppendUint32(head, uint32(index))
		head = o.AppendUint64(head, old)
		head = o.AppendUint64(head, uint64(len(body)))
		head = o.AppendUint64(head, uint64(count))
	} else {
		head = o.AppendUint32(head, uint32(len(body)))
		head = f.appendPointer(head, old)
		head = o.AppendUint32(head, uint32(index))
		head = o.AppendUint32(head, uint32(count))
	}
	f.out.Write(head)
	f.out.Write(body)
	return f
}

func (f *File) appendPointer(b []byte, p uint64) []byte {
	o := f.order.(binary.AppendByteOrder)
	if f.form.Pointers32 {
		return o.AppendUint32(b, uint32(p))
	}
	return o.AppendUint64(b, p)
}

func (f *File) set(data []byte, s *structure, path string, value any) {
	name, rest, nested := strings.Cut(path, ".")
	for _, fd := range s.fields {
		if fd.bare != name {
			continue
		}
		at := data[fd.offset : fd.offset+fd.size]
		if nested {
			for _, inner := range f.structs {
				if inner.name == fd.typ {
					f.set(at, inner, rest, value)
					return
				}
			}
		}
		f.put(at, fd, value)
		return
	}
	panic("blendtest: " + s.name + " has no field " + path)
}

func (f *File) put(at []byte, fd field, value any) {
	switch v := value.(type) {
	case string:
		copy(at, v)
	case []byte:
		copy(at, v)
	case uint64:
		copy(at, f.appendPointer(nil, v))
	case []uint64:
		var all []byte
		for _, p := range v {
			all = f.appendPointer(all, p)
		}
		copy(at, all)
	case float64:
		if fd.typ == "double" {
			f.order.PutUint64(at, math.Float64bits(v))
			return
		}
		f.order.PutUint32(at, math.Float32bits(float32(v)))
	case int:
		switch fd.size / fd.elems {
		case 1:
			at[0] = byte(v)
		case 2:
			f.order.PutUint16(at, uint16(v))
		case 4:
			f.order.PutUint32(at, uint32(v))
		case 8:
			f.order.PutUint64(at, uint64(v))
		}
	default:
		panic(fmt.Sprintf("blendtest: cannot store %T", value))
	}
}

// DNA gives the body of the DNA block.
func (f *File) DNA() []byte {
	o := f.order.(binary.AppendByteOrder)
	var names []string
	index := map[string]int{}
	for _, s := range f.structs {
		for _, fd := range s.fields {
			if _, ok := index[fd.name]; !ok {
				index[fd.name] = len(names)
				names = append(names, fd.name)
			}
		}
	}
	types := map[string]int{}
	for i, t := range f.types {
		types[t] = i
	}
	b := []byte("SDNANAME")
	b = o.AppendUint32(b, uint32(len(names)))
	for _, n := range names {
		b = append(append(b, n...), 0)
	}
	b = append(pad(b), "TYPE"...)
	b = o.AppendUint32(b, uint32(len(f.types)))
	for _, t := range f.types {
		b = append(append(b, t...), 0)
	}
	b = append(pad(b), "TLEN"...)
	for _, t := range f.types {
		b = o.AppendUint16(b, uint16(f.sizes[t]))
	}
	b = append(pad(b), "STRC"...)
	b = o.AppendUint32(b, uint32(len(f.structs)))
	for _, s := range f.structs {
		b = o.AppendUint16(b, uint16(types[s.name]))
		b = o.AppendUint16(b, uint16(len(s.fields)))
		for _, fd := range s.fields {
			b = o.AppendUint16(b, uint16(types[fd.typ]))
			b = o.AppendUint16(b, uint16(index[fd.name]))
		}
	}
	return b
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// Bytes ends the file with the DNA and the end block.
func (f *File) Bytes() []byte {
	f.Raw("DNA1", 0x1234, f.DNA())
	f.Raw("ENDB", 0, nil)
	return f.out.Bytes()
}

// Unended gives what there is so far, without DNA and end block.
func (f *File) Unended() []byte { return f.out.Bytes() }
