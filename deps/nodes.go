package deps

import (
	"slices"

	"github.com/flsync/flsync/deps/blend"
)

// subtypeFile says of a string that it is the path of a file, for sockets
// (PROP_FILEPATH).
const subtypeFile = 1

// inputSocket is the direction of a socket that takes a value (bNodeSocket.in_out).
const inputSocket = 1

// A nodeCollector gathers paths in node trees: strings that are known to be
// paths because of the socket they go into.
type nodeCollector struct {
	values []blend.Struct // of the data-block being read: file path values of sockets
	paths  []string       // of the data-block being read: group inputs that are file paths

	fileInputs map[uint64][]string // old address of a node group: its inputs that are file paths
	modifiers  []modifierInput
}

// A modifierInput is a string among the inputs of a geometry nodes modifier.
type modifierInput struct {
	ref   int    // index in Contents.Refs
	group uint64 // old address of the node group
	name  string // of the input
}

// readSocketString notes the value of a socket that takes the path of a file.
func readSocketString(c *collector, s blend.Struct, _ *row) {
	if s.Int("subtype") == subtypeFile {
		c.nodes.values = append(c.nodes.values, s)
	}
}

// readInterfaceSocket notes which inputs of a node group are paths of files.
func readInterfaceSocket(c *collector, s blend.Struct, _ *row) {
	if s.Follow("socket_data").Int("subtype") != subtypeFile || s.Follow("socket_data").Type.Name != "bNodeSocketValueString" {
		return
	}
	if name, _, ok := charPointer(s, "identifier"); ok {
		c.nodes.paths = append(c.nodes.paths, name)
	}
}

// readModifier takes in strings among the inputs of a geometry nodes modifier. Whether one is a path is known to
// the node group, which may not have been read yet: see finish. Blender 5.2 reads the inputs from
// system_properties, as inputs > Socket_2 > value, and keeps a copy for older ones where those have them.
func (n *nodeCollector) readModifier(c *collector, s blend.Struct) {
	for property := range s.Follow("settings.properties").List("data.group") {
		n.addInput(c, s, property, property, "NodesModifierData.settings")
	}
	for group := range s.Follow("modifier.system_properties").List("data.group") {
		if string(group.Bytes("name")) != "inputs" {
			continue
		}
		for input := range group.List("data.group") {
			for property := range input.List("data.group") {
				if string(property.Bytes("name")) == "value" {
					n.addInput(c, s, input, property, "ModifierData.system_properties")
				}
			}
		}
	}
}

// addInput takes in the string that a property holds as the value of an input of a modifier.
func (n *nodeCollector) addInput(c *collector, modifier, input, property blend.Struct, field string) {
	if property.Int("type") != propString {
		return
	}
	path, part, ok := charPointer(property, "data.pointer")
	if !ok || !isRooted(path) {
		return
	}
	_, part.Length = property.Raw("len")
	before := len(c.Refs)
	c.add(Reference{Field: field, Kind: KindOther, Path: path, Parts: []Part{part}, Optional: true})
	if len(c.Refs) > before {
		n.modifiers = append(n.modifiers, modifierInput{before, modifier.Pointer("node_group"), string(input.Bytes("name"))})
	}
}

// finishID adds the paths of the data-block that was read.
func (n *nodeCollector) finishID(c *collector) {
	if len(n.paths) > 0 {
		if n.fileInputs == nil {
			n.fileInputs = map[uint64][]string{}
		}
		n.fileInputs[c.d.Old] = n.paths
		n.paths = nil
	}
	if len(n.values) > 0 {
		t := newNodeTree(c.d)
		for _, value := range n.values {
			t.addValue(c, value)
		}
		n.values = n.values[:0]
	}
}

// finish settles which inputs of modifiers are paths: where the node group says
// so, a file that does not exist is missing.
func (n *nodeCollector) finish(c *collector) {
	for _, m := range n.modifiers {
		if slices.Contains(n.fileInputs[m.group], m.name) {
			c.Refs[m.ref].Optional = false
		}
	}
}

// A nodeTree is what there is of nodes in one data-block, which may hold
// several trees.
type nodeTree struct {
	owner   map[uint64]blend.Struct   // old address of a socket's value: the socket
	sources map[uint64][]blend.Struct // old address of a socket: the links into it
	seen    map[uint64]bool           // old addresses of nodes that were followed upstream
}

func newNodeTree(d *blend.DataBlock) *nodeTree {
	t := &nodeTree{
		owner:   map[uint64]blend.Struct{},
		sources: map[uint64][]blend.Struct{},
		seen:    map[uint64]bool{},
	}
	for i := range d.Data {
		b := &d.Data[i]
		typ := d.TypeOf(b)
		if typ == nil {
			continue
		}
		switch typ.Name {
		case "bNodeSocket":
			s := d.Array(b).At(0)
			if value := s.Pointer("default_value"); value != 0 {
				t.owner[value] = s
			}
		case "bNodeLink":
			link := d.Array(b).At(0)
			to := link.Pointer("tosock")
			t.sources[to] = append(t.sources[to], link)
		}
	}
	return t
}

// addValue adds what goes into the socket that a file path value belongs to:
// the value itself when the socket is not linked, else the strings that come
// from upstream.
func (t *nodeTree) addValue(c *collector, value blend.Struct) {
	ref := Reference{
		Field: "bNodeSocketValueString.value", Kind: KindOther,
		Path: string(value.Bytes("value")), Parts: []Part{pathPart(value, "value", RolePath)},
	}
	socket, ok := t.owner[value.Old()]
	if !ok { // the default of a group's input
		ref.Optional = true
		c.add(ref)
		return
	}
	if socket.Int("in_out") != inputSocket {
		return
	}
	links := t.sources[socket.Old()]
	if len(links) == 0 {
		c.add(ref)
		return
	}
	t.upstream(c, links, true)
}

// upstream adds the strings that come out of the nodes at the start of links.
// direct says that nothing on the way changes them; else they may be half a
// path, and count only when they are the path of something that exists.
func (t *nodeTree) upstream(c *collector, links []blend.Struct, direct bool) {
	for _, link := range links {
		node := link.Follow("fromnode")
		if !node.Valid() || t.seen[node.Old()] {
			continue
		}
		t.seen[node.Old()] = true
		storage := node.Follow("storage")
		if storage.Valid() && storage.Type.Name == "NodeInputString" {
			addString(c, storage, direct)
			continue
		}
		inputs, into := 0, []blend.Struct(nil)
		for socket := range node.List("inputs") {
			inputs++
			into = append(into, t.sources[socket.Old()]...)
		}
		t.upstream(c, into, direct && inputs == 1)
	}
}

// addString adds the string of a String node.
func addString(c *collector, storage blend.Struct, direct bool) {
	path, part, ok := charPointer(storage, "string")
	if ok && (direct || isRooted(path)) {
		c.add(Reference{
			Field: "NodeInputString.string", Kind: KindOther, Path: path,
			Parts: []Part{part}, Optional: !direct,
		})
	}
}
