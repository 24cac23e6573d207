package deps

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"unsafe"
)

// contentsFormat stands before the digest in the keys of kept contents. Its number goes up whenever the same
// file may give other contents, or a field is added.
const contentsFormat = "deps.contents.15:"

// maxKeptDepth bounds how deep kept values nest: files packed into files, and groups of custom properties.
const maxKeptDepth = maxPackedDepth + maxPropertyDepth + 6

var errKept = errors.New("kept contents are damaged")

// encodeContents packs contents for keeping: all fields, which must be exported, in their order, and numbers
// as varints. A slice, map or string follows its length plus one; 0 is nil. In place of a string that came
// before stand its negative length and where it is: names and paths are most of a file, and come twice.
func encodeContents(c *Contents) []byte {
	e := encoder{buf: make([]byte, 0, 256+64*len(c.IDs)+128*len(c.Refs)), texts: make(map[string]int)}
	e.value(reflect.ValueOf(c).Elem())
	return e.buf
}

// decodeContents is the reverse of encodeContents. It believes nothing that it reads. The texts of the result
// are parts of data, which is not to change any more.
func decodeContents(data []byte) (*Contents, error) {
	d := decoder{buf: data, text: unsafe.String(unsafe.SliceData(data), len(data))}
	c := &Contents{}
	d.value(reflect.ValueOf(c).Elem(), 0)
	if d.failed || len(d.buf) > 0 || !c.sound() {
		return nil, errKept
	}
	return c, nil
}

// keptTypes are the types of values of custom properties. Their numbers in kept contents begin at 1.
func keptTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int64](), reflect.TypeFor[float64](), reflect.TypeFor[string](),
		reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](),
	}
}

type encoder struct {
	buf   []byte
	texts map[string]int // where in buf they are
}

func (e *encoder) int(n int64) { e.buf = binary.AppendVarint(e.buf, n) }

// length writes how many elements follow, and reports whether v is there at all.
func (e *encoder) length(v reflect.Value) bool {
	if v.IsNil() {
		e.int(0)
		return false
	}
	e.int(int64(v.Len()) + 1)
	return true
}

func (e *encoder) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		n := int64(0)
		if v.Bool() {
			n = 1
		}
		e.int(n)
	case reflect.Int, reflect.Int32, reflect.Int64:
		e.int(v.Int())
	case reflect.Uint8:
		e.int(int64(v.Uint()))
	case reflect.Float32, reflect.Float64:
		e.int(int64(math.Float64bits(v.Float())))
	case reflect.String:
		text := v.String()
		if at, known := e.texts[text]; known {
			e.int(-int64(len(text)))
			e.int(int64(at))
			return
		}
		e.int(int64(len(text)) + 1)
		if text != "" {
			e.texts[text] = len(e.buf)
		}
		e.buf = append(e.buf, text...)
	case reflect.Struct:
		for i := range v.NumField() {
			e.value(v.Field(i))
		}
	case reflect.Slice:
		if e.length(v) {
			for i := range v.Len() {
				e.value(v.Index(i))
			}
		}
	case reflect.Map:
		if e.length(v) {
			for i := v.MapRange(); i.Next(); {
				e.value(i.Key())
				e.value(i.Value())
			}
		}
	case reflect.Pointer:
		if v.IsNil() {
			e.int(0)
			return
		}
		e.int(1)
		e.value(v.Elem())
	case reflect.Interface:
		for i, t := range keptTypes() {
			if !v.IsNil() && v.Elem().Type() == t {
				e.int(int64(i) + 1)
				e.value(v.Elem())
				return
			}
		}
		e.int(0)
	}
}

type decoder struct {
	buf    []byte // what is left
	text   string // all of it, of which strings are parts: they are most of it
	parts  []Part // for references to come: most have one
	failed bool
}

func (d *decoder) fail() { d.failed, d.buf = true, nil }

func (d *decoder) int() int64 {
	if len(d.buf) > 0 && d.buf[0] < 0x80 { // most are small
		n := int64(d.buf[0]>>1) ^ -int64(d.buf[0]&1)
		d.buf = d.buf[1:]
		return n
	}
	n, size := binary.Varint(d.buf)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

// length reads how many elements follow, each of which takes a byte or more; -1 for nil.
func (d *decoder) length() int {
	n := d.int() - 1
	if n < -1 || n > int64(len(d.buf)) {
		d.fail()
		return -1
	}
	return int(n)
}

func (d *decoder) string() string {
	n, at := d.int()-1, int64(len(d.text)-len(d.buf))
	if n < -1 {
		n, at = -(n + 1), d.int()
	} else if n > 0 && n <= int64(len(d.buf)) {
		d.buf = d.buf[n:]
	}
	if n > 0 && (at < 0 || n > int64(len(d.text)) || at > int64(len(d.text))-n) {
		d.fail()
	}
	if n <= 0 || d.failed {
		return ""
	}
	return d.text[at : at+n]
}

func (d *decoder) uint8() uint8 {
	n := d.int()
	if n != int64(uint8(n)) {
		d.fail()
	}
	return uint8(n)
}

func decodeList[T any](d *decoder, list *[]T, element func(*T)) {
	n := d.length()
	if n < 0 {
		return
	}
	*list = make([]T, n)
	for i := 0; i < n && !d.failed; i++ {
		element(&(*list)[i])
	}
}

func (d *decoder) id(id *ID) {
	id.Name, id.Library, id.FirstRef, id.NumRefs = d.string(), int(d.int()), int(d.int()), int(d.int())
	decodeList(d, &id.Uses, func(n *int32) { *n = int32(d.int()) })
}

func (d *decoder) reference(r *Reference) {
	r.ID, r.Field, r.Kind, r.Path = d.string(), d.string(), Kind(d.string()), d.string()
	r.Form, r.Base, r.Library = Form(d.uint8()), Base(d.uint8()), int(d.int())
	decodeList(d, &r.Tiles, func(n *int) { *n = int(d.int()) })
	r.Name, r.Stack, r.Optional = d.string(), int(d.int()), d.int() != 0
	n := max(0, d.length())
	if n > len(d.parts) {
		d.parts = make([]Part, max(n, 64))
	}
	r.Parts, d.parts = d.parts[:n:n], d.parts[n:]
	for i := range r.Parts {
		p := &r.Parts[i]
		p.Role, p.Offset, p.Size, p.Raw, p.Block, p.Length = Role(d.uint8()), d.int(), int(d.int()), d.string(), d.int(), d.int()
	}
}

func (d *decoder) value(v reflect.Value, depth int) {
	if depth > maxKeptDepth {
		d.fail()
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(d.int() != 0)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n := d.int()
		if v.SetInt(n); v.Int() != n {
			d.fail()
		}
	case reflect.Uint8:
		v.SetUint(uint64(d.uint8()))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(math.Float64frombits(uint64(d.int())))
	case reflect.String:
		v.SetString(d.string())
	case reflect.Struct:
		for i := range v.NumField() {
			d.value(v.Field(i), depth)
		}
	case reflect.Slice:
		switch list := v.Addr().Interface().(type) { // most of a file, so these go without reflection
		case *[]int32:
			decodeList(d, list, func(n *int32) { *n = int32(d.int()) })
			return
		case *[]ID:
			decodeList(d, list, d.id)
			return
		case *[]Reference:
			decodeList(d, list, d.reference)
			return
		}
		n := d.length()
		if n < 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := 0; i < n && !d.failed; i++ {
			d.value(v.Index(i), depth)
		}
	case reflect.Map:
		if n := d.length(); n >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for i := 0; i < n && !d.failed; i++ {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				d.value(key, depth)
				d.value(value, depth)
				v.SetMapIndex(key, value)
			}
		}
	case reflect.Pointer:
		if d.int() != 0 {
			v.Set(reflect.New(v.Type().Elem()))
			d.value(v.Elem(), depth+1)
		}
	case reflect.Interface:
		types := keptTypes()
		switch n := d.int(); {
		case n < 0 || n > int64(len(types)):
			d.fail()
		case n > 0:
			value := reflect.New(types[n-1]).Elem()
			d.value(value, depth+1)
			v.Set(value)
		}
	}
}

// sound reports whether all indices lead somewhere.
func (c *Contents) sound() bool {
	ok := true
	in := func(i, low, limit int) { ok = ok && i >= low && i < limit }
	ids := func(list ...int32) {
		for _, id := range list {
			in(int(id), 0, len(c.IDs))
		}
	}
	for _, l := range c.Libraries {
		in(l.Ref, 0, len(c.Refs))
		ok = ok && (l.Packed == nil || l.Packed.sound())
	}
	for _, id := range c.IDs {
		in(id.Library, -1, len(c.Libraries))
		in(id.NumRefs, 0, len(c.Refs)+1)
		in(id.FirstRef, 0, len(c.Refs)-id.NumRefs+1)
		ids(id.Uses...)
	}
	for _, r := range c.Refs {
		in(int(r.Form), 0, int(formsEnd))
		in(int(r.Base), 0, int(basesEnd))
		in(r.Library, 0, max(len(c.Libraries), 1))
		ok = ok && (r.Base != BaseLibrary || len(c.Libraries) > 0)
	}
	for _, u := range c.Frames {
		ids(u.ID, u.Target)
		in(int(u.Mode), 0, int(frameModesEnd))
	}
	for _, n := range c.Notes {
		ids(n.ID)
		ids(n.If...)
	}
	ids(c.Simulating...)
	return ok
}
