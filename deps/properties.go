package deps

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/flsync/flsync/deps/blend"
)

// Types of custom properties (IDProperty.type). Others hold data-blocks.
const (
	propString  = 0
	propInt     = 1
	propFloat   = 2
	propArray   = 5
	propGroup   = 6
	propDouble  = 8
	propBoolean = 10
)

const (
	maxPropertyDepth = 8       // of groups in groups
	maxProperties    = 10_000  // of one scene
	maxPropertyArray = 1 << 10 // elements
)

// properties gives a group of custom properties.
func properties(group blend.Struct) map[string]any {
	left := maxProperties
	return propertyGroup(group, maxPropertyDepth, &left)
}

func propertyGroup(group blend.Struct, depth int, left *int) map[string]any {
	if !group.Valid() || depth == 0 {
		return nil
	}
	values := map[string]any{}
	for p := range group.List("data.group") {
		if *left--; *left < 0 {
			break
		}
		if v := propertyValue(p, depth, left); v != nil {
			values[utf8(p.Bytes("name"))] = v
		}
	}
	return values
}

func propertyValue(p blend.Struct, depth int, left *int) any {
	number, _ := p.Raw("data.val")
	switch p.Int("type") {
	case propString:
		if s, _, ok := charPointer(p, "data.pointer"); ok {
			return utf8([]byte(s))
		}
	case propDouble: // it reaches into the field after it
		more, _ := p.Raw("data.val2")
		return propertyNumber(propDouble, append(number[:len(number):len(number)], more...), p.ByteOrder())
	case propGroup:
		return propertyGroup(p, depth-1, left)
	case propArray:
		return propertyList(p)
	default:
		return propertyNumber(p.Int("type"), number, p.ByteOrder())
	}
	return nil
}

// propertyNumber reads one number of a custom property.
func propertyNumber(kind int64, b []byte, order binary.ByteOrder) any {
	switch {
	case kind == propInt && len(b) >= 4:
		return int64(int32(order.Uint32(b)))
	case kind == propFloat && len(b) >= 4:
		return float64(math.Float32frombits(order.Uint32(b)))
	case kind == propDouble && len(b) >= 8:
		return math.Float64frombits(order.Uint64(b))
	case kind == propBoolean && len(b) >= 1:
		return b[0] != 0
	}
	return nil
}

// propertyList reads an array of numbers.
func propertyList(p blend.Struct) any {
	kind := p.Int("subtype")
	size := map[int64]int{propInt: 4, propFloat: 4, propDouble: 8, propBoolean: 1}[kind]
	raw := p.FollowArray("data.pointer").Raw()
	n := p.Int("len")
	if size == 0 || n < 0 || n > maxPropertyArray || int(n) > len(raw)/size {
		return nil
	}
	list := make([]any, n)
	for i := range list {
		list[i] = propertyNumber(kind, raw[i*size:], p.ByteOrder())
	}
	return list
}

// utf8 makes text of bytes that ought to be UTF-8.
func utf8(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// readProperty notes a text that is rooted like a path among the custom properties of a data-block, where
// add-ons keep the folders of their caches.
func readProperty(c *collector, s blend.Struct, _ *row) {
	if s.Int("type") != propString {
		return
	}
	path, part, ok := charPointer(s, "data.pointer")
	if !ok || !isRooted(path) || len(path) > maxPropertyPath {
		return
	}
	_, part.Length = s.Raw("len")
	c.properties = append(c.properties, Reference{
		Field: "IDProperty " + utf8(s.Bytes("name")), Kind: KindOther, Form: FormProperty, Path: path, Parts: []Part{part}, Optional: true,
	})
}

// maxPropertyPath is where Blender cuts paths (FILE_MAX).
const maxPropertyPath = 1024

// addProperties adds the properties that nothing else has taken for a path, from the reference first on.
func (c *collector) addProperties(first int) {
	for _, ref := range c.properties {
		taken := slices.ContainsFunc(c.Refs[first:], func(r Reference) bool {
			return slices.ContainsFunc(r.Parts, func(p Part) bool { return p.Offset == ref.Parts[0].Offset })
		})
		if !taken {
			c.add(ref)
		}
	}
	c.properties = c.properties[:0]
}

// property finds what a path in a custom property leads to: a file, or a folder with all that is in it. Where
// properties are not sent it only looks whether something is there. A folder that the blend file lies in says
// nothing.
func (x *expander) property(e *expansion, target, base string) {
	switch x.disk.stat(target) {
	case isFile:
		e.files = []string{target}
	case isFolder:
		if strings.HasPrefix(base, target+"/") || target == "/" {
			return
		}
		if !x.properties {
			e.missing, e.wrong = []string{target}, WrongFolder
			return
		}
		x.everything(e, target, maxPropertyDepth)
	}
}

// propertyPaths tells of paths in custom properties that lead to something which is not sent.
func (r *run) propertyPaths() {
	for _, v := range r.visits {
		for i := range v.properties {
			use := &v.properties[i]
			d := Dependency{UsedBy: native(v.path), ID: use.ID, Field: use.Field}
			what := "a file"
			switch {
			case len(use.Files) > 0:
				d.Path = native(use.Files[0])
			case use.Wrong == WrongFolder:
				d.Path, what = native(use.Missing[0]), "a folder"
			default:
				continue
			}
			name := strings.TrimPrefix(use.Field, "IDProperty ")
			r.lack(LackProperty, d, "the property %q of %s in %s is %q and leads to %s, which is not sent", name, use.ID, d.UsedBy, use.Path, what)
		}
	}
}
