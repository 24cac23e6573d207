package blend

import (
	"strings"
)

// parseDNA reads the body of the DNA1 block, which starts at offset. Nothing in it is believed: a struct
// whose fields do not add up to its size makes the whole description worthless.
func parseDNA(body string, l *layout, offset int64) (*DNA, error) {
	p := dnaParser{data: body, l: l, base: offset}
	p.magic("SDNA")
	p.magic("NAME")
	d := &DNA{body: body, pointerSize: l.pointerSize, bigEndian: l.bigEndian}
	d.names = p.names(p.strings())
	p.align()
	p.magic("TYPE")
	typeNames := p.strings()
	p.align()
	p.magic("TLEN")
	d.types, d.byName = make([]Type, len(typeNames)), make(map[string]int, len(typeNames))
	for i, name := range typeNames {
		d.types[i] = Type{Name: name, Size: p.uint16(), SDNA: -1, prim: primitives[name], id: i, dna: d}
		if _, twice := d.byName[name]; twice {
			p.fail("type %q twice", name)
		}
		d.byName[name] = i
	}
	p.align()
	p.magic("STRC")
	p.structs(d)
	if p.err != nil {
		return nil, p.err
	}
	if err := checkNesting(d, offset); err != nil {
		return nil, err
	}
	return d, nil
}

// dnaName is what the name of a field says of its type.
type dnaName struct {
	bare  string
	stars int
	elems int
}

type dnaParser struct {
	data string
	pos  int
	l    *layout
	base int64
	err  error
}

func (p *dnaParser) fail(reason string, args ...any) {
	if p.err == nil {
		p.err = formatError(ErrCorrupt, p.base+int64(p.pos), "DNA: "+reason, args...)
	}
	p.pos = len(p.data)
}

func (p *dnaParser) magic(want string) {
	if p.err == nil && !strings.HasPrefix(p.data[p.pos:], want) {
		p.fail("no %q here", want)
	}
	if p.err == nil {
		p.pos += len(want)
	}
}

func (p *dnaParser) align() {
	if rest := p.pos % 4; rest != 0 && p.err == nil {
		p.pos = min(p.pos+4-rest, len(p.data))
	}
}

func (p *dnaParser) uint16() int {
	if len(p.data)-p.pos < 2 {
		p.fail("ends too early")
		return 0
	}
	p.pos += 2
	return twoBytes(p.data[p.pos-2:], p.l.bigEndian)
}

func twoBytes(s string, bigEndian bool) int {
	if bigEndian {
		return int(s[0])<<8 | int(s[1])
	}
	return int(s[1])<<8 | int(s[0])
}

// count reads how many things of at least size bytes follow.
func (p *dnaParser) count(size int) int {
	if len(p.data)-p.pos < 4 {
		p.fail("ends too early")
		return 0
	}
	n := int64(p.l.order.Uint32([]byte(p.data[p.pos : p.pos+4])))
	if n > int64(len(p.data)-p.pos-4)/int64(size) {
		p.fail("count of %d is more than it has room for", n)
		return 0
	}
	p.pos += 4
	return int(n)
}

func (p *dnaParser) strings() []string {
	list := make([]string, p.count(1))
	for i := range list {
		n := strings.IndexByte(p.data[p.pos:], 0)
		if n < 0 {
			p.fail("name without an end")
			return nil
		}
		list[i] = p.data[p.pos : p.pos+n]
		p.pos += n + 1
	}
	return list
}

// names takes the names of fields apart: "*next", "mat[4][4]", "(*func)()".
func (p *dnaParser) names(full []string) []dnaName {
	list := make([]dnaName, len(full))
	for i, s := range full {
		n := dnaName{elems: 1}
		start := 0
		for start < len(s) && (s[start] == '*' || s[start] == '(') {
			if s[start] == '*' {
				n.stars++
			}
			start++
		}
		end := start
		for end < len(s) && s[end] != '[' && s[end] != ')' {
			end++
		}
		n.bare = s[start:end]
		for dims := s[end:]; strings.HasPrefix(dims, "["); {
			dim, rest, _ := strings.Cut(dims[1:], "]")
			size, ok := decimal([]byte(dim))
			if !ok || len(dim) > 8 || size == 0 || n.elems > maxStructSize/size {
				p.fail("array %q", s)
				return nil
			}
			n.elems *= size
			dims = rest
		}
		list[i] = n
	}
	return list
}

// maxStructSize is what the 16 bits of TLEN allow.
const maxStructSize = 1<<16 - 1

func (p *dnaParser) structs(d *DNA) {
	n := p.count(4)
	d.structs = make([]*Type, n)
	for i := range d.structs {
		index, fields := p.uint16(), p.uint16()
		if p.err != nil {
			return
		}
		if index >= len(d.types) || d.types[index].SDNA >= 0 || fields > (len(p.data)-p.pos)/4 {
			p.fail("struct %d is of type %d and has %d fields", i, index, fields)
			return
		}
		t := &d.types[index]
		t.SDNA, t.at, t.count = i, p.pos, fields
		d.structs[i] = t
		p.fields(d, t)
	}
}

// fields checks what [Type.Fields] will make of a struct.
func (p *dnaParser) fields(d *DNA, t *Type) {
	size := 0
	for i := range t.count {
		typ, name := d.rawField(t, i)
		p.pos += 4
		if typ >= len(d.types) || name >= len(d.names) {
			p.fail("field %d of %s is of type %d, name %d", i, t.Name, typ, name)
			return
		}
		size += d.sizeOf(typ, &d.names[name])
	}
	if size != t.Size {
		p.fail("the fields of %s take %d bytes, it has %d", t.Name, size, t.Size)
	}
}

// checkNesting refuses structs that contain themselves.
func checkNesting(d *DNA, offset int64) error {
	depth := make([]int8, len(d.types)) // 0 unknown, -1 under way, else 1 + depth
	var visit func(t *Type) int8
	visit = func(t *Type) int8 {
		if depth[t.id] != 0 {
			return depth[t.id]
		}
		depth[t.id] = -1
		deepest := int8(0)
		for k := range t.count {
			typ, name := d.rawField(t, k)
			if d.names[name].stars > 0 || d.types[typ].SDNA < 0 {
				continue
			}
			inner := visit(&d.types[typ])
			if inner < 0 {
				return -1
			}
			deepest = max(deepest, inner)
		}
		if deepest >= maxNesting {
			return -1
		}
		depth[t.id] = deepest + 1
		return depth[t.id]
	}
	for _, t := range d.structs {
		if visit(t) < 0 {
			return formatError(ErrCorrupt, offset, "DNA: struct %s contains itself", t.Name)
		}
	}
	return nil
}
