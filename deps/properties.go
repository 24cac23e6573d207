package deps

import (
	"encoding/binary"
	"math"
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
