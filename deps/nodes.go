package deps

import (
	"strings"

	"github.com/flsync/flsync/deps/blend"
)

// subtypeFile says of a string that it is the path of a file, for sockets (PROP_FILEPATH).
const subtypeFile = 1

// inputSocket is the direction of a socket that takes a value (bNodeSocket.in_out).
const inputSocket = 1

// A nodeCollector gathers paths in node trees: strings that end up in a socket that takes the path of a file.
// A string may come through groups, which are read in any order, so the strings of each port are kept until
// finish.
type nodeCollector struct {
	strings bool // the data-block being read has sockets for strings
	// hidden: bundles or closures carry strings, which are not followed there; so all rooted ones may be
	// paths.
	hidden bool

	ports map[port]*portStrings
	wants []want // ports whose strings are paths
}

// A port is an input or an output of a node group.
type port struct {
	group uint64 // old address
	out   bool
	name  string // identifier
}

// portStrings are what may come out of a port.
type portStrings struct {
	refs []int // indices in Contents.Refs
	from []want
}

// A want is a port whose strings are wanted.
type want struct {
	port
	use stringUse
}

// A stringUse says how sure a string is to be a path, and of what.
type stringUse struct {
	optional bool // one of several, or in a group that is not known
	made     bool // nodes make something else of it on the way
}

// A found is what comes into a socket from upstream.
type found struct {
	strings []foundString
	ports   []want
	// made says that nodes put something together, and tail is how it ends, if that is known.
	made bool
	tail string
}

type foundString struct {
	ref Reference
	use stringUse
}

func (n *nodeCollector) port(p port) *portStrings {
	if n.ports[p] == nil {
		n.ports[p] = &portStrings{}
	}
	return n.ports[p]
}

// readSocketString notes that the data-block has sockets for strings.
func readSocketString(c *collector, s blend.Struct, _ *row) { c.nodes.strings = true }

// readInterfaceSocket takes in the default of a string that is an input of a node group.
func readInterfaceSocket(c *collector, s blend.Struct, _ *row) {
	value := s.Follow("socket_data")
	name, _, ok := charPointer(s, "identifier")
	if !ok || !value.Valid() || value.Type.Name != "bNodeSocketValueString" {
		return
	}
	in := port{c.d.Old, false, name}
	ref := valueReference(value)
	ref.Optional = true // a modifier or a node of the group has its own value
	c.addString(in, ref)
	if value.Int("subtype") == subtypeFile {
		c.nodes.wants = append(c.nodes.wants, want{port: in})
	}
}

// addString adds a string that a port may have, if it can be a path.
func (c *collector) addString(p port, ref Reference) {
	if before := len(c.Refs); isRooted(ref.Path) {
		if c.add(ref); len(c.Refs) > before {
			s := c.nodes.port(p)
			s.refs = append(s.refs, before)
		}
	}
}

// valueReference is the reference that the value of a string socket holds.
func valueReference(value blend.Struct) Reference {
	return Reference{
		Field: "bNodeSocketValueString.value", Kind: KindOther,
		Path: string(value.Bytes("value")), Parts: []Part{pathPart(value, "value", RolePath)},
	}
}

// readModifier takes in strings among the inputs of a geometry nodes modifier. Blender 5.2 reads the inputs
// from system_properties, as inputs > Socket_2 > value, and keeps a copy for older ones where those have
// them.
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
	if path, part, ok := charPointer(property, "data.pointer"); ok {
		_, part.Length = property.Raw("len")
		c.addString(port{modifier.Pointer("node_group"), false, string(input.Bytes("name"))},
			Reference{Field: field, Kind: KindOther, Path: path, Parts: []Part{part}})
	}
}

// finishID adds the paths of the data-block that was read.
func (n *nodeCollector) finishID(c *collector) {
	if n.strings {
		n.strings = false
		newNodeTree(c.d).add(c)
	}
}

// finish works out which strings of ports are paths. What is not is left empty. A group of a library is not
// known here: a string for one counts where it is the path of something that exists. In such a group // is
// the folder of the library, since Blender takes the tree that the importing node is in.
func (n *nodeCollector) finish(c *collector) {
	type wanted struct {
		stringUse
		library int // -1: the file's own group
	}
	known := map[port]wanted{}
	queue := append([]want(nil), n.wants...)
	libraryOf := func(p port) int {
		if i, ok := c.ids[p.group]; ok {
			return c.IDs[i].Library
		}
		return -1
	}
	for p := range n.ports {
		if n.hidden || libraryOf(p) >= 0 {
			queue = append(queue, want{p, stringUse{optional: true}})
		}
	}
	for _, w := range queue {
		known[w.port] = wanted{w.use, libraryOf(w.port)}
	}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		for _, from := range n.port(w.port).from {
			use := stringUse{w.use.optional || from.use.optional, w.use.made || from.use.made}
			was, ok := known[from.port]
			if !ok || was.optional && !use.optional || was.made && !use.made {
				if ok {
					use = stringUse{was.optional && use.optional, was.made && use.made}
				}
				known[from.port] = wanted{use, known[w.port].library}
				queue = append(queue, want{from.port, use})
			}
		}
	}
	for p, s := range n.ports {
		use, ok := known[p]
		for _, i := range s.refs {
			r := &c.Refs[i]
			if !ok || p.isLoose() && c.taken(i) {
				*r = Reference{ID: r.ID, Kind: KindOther, Optional: true}
				continue
			}
			r.Optional = r.Optional || use.optional
			if use.made {
				r.Form = FormMade
			}
			if use.library >= 0 && r.Base == BaseSelf {
				r.Base, r.Library = BaseLibrary, use.library
			}
		}
	}
}

// isLoose reports whether p stands for the strings of all nodes, whether they are paths or not.
func (p port) isLoose() bool { return p == port{} }

// taken reports whether another reference was read from the place of the one at index i.
func (c *collector) taken(i int) bool {
	for k := range c.Refs {
		other := &c.Refs[k]
		if k != i && len(other.Parts) > 0 && other.Parts[0].Offset == c.Refs[i].Parts[0].Offset {
			return true
		}
	}
	return false
}

// A nodeTree is what there is of nodes in one data-block, which may hold several trees.
type nodeTree struct {
	group   uint64                    // old address of the data-block
	nodes   []blend.Struct            // those with string sockets or links
	sources map[uint64][]blend.Struct // old address of a socket: the links into it
	seen    map[uint64]bool           // old addresses of nodes on the way upstream
	left    int                       // how many nodes may still be looked at
}

// maxNodeLooks bounds the way upstream, which is as long as the product of all branches that meet again.
const maxNodeLooks = 100_000

func newNodeTree(d *blend.DataBlock) *nodeTree {
	t := &nodeTree{group: d.Old, sources: map[uint64][]blend.Struct{}, seen: map[uint64]bool{}, left: maxNodeLooks}
	for i := range d.Data {
		b := &d.Data[i]
		typ := d.TypeOf(b)
		if typ == nil {
			continue
		}
		switch typ.Name {
		case "bNode":
			t.nodes = append(t.nodes, d.Array(b).At(0))
		case "bNodeLink":
			link := d.Array(b).At(0)
			to := link.Pointer("tosock")
			t.sources[to] = append(t.sources[to], link)
		}
	}
	return t
}

// add adds what goes into sockets that take the path of a file, and notes what goes into groups and out of
// them.
func (t *nodeTree) add(c *collector) {
	for _, node := range t.nodes {
		kind, group := string(node.Bytes("idname")), node.Pointer("id")
		c.nodes.hidden = c.nodes.hidden || strings.Contains(kind, "Bundle") || strings.Contains(kind, "Closure")
		if ref, ok := inputString(node); ok {
			c.addString(port{}, ref)
		}
		isGroup := group != 0 && strings.HasSuffix(kind, "NodeGroup")
		for socket := range node.List("inputs") {
			value, ok := stringValue(socket)
			if !ok || value.Valid() && socket.Int("in_out") != inputSocket {
				continue
			}
			if len(t.sources[socket.Old()]) == 0 && value.Valid() {
				c.addString(port{}, valueReference(value))
			}
			switch {
			case value.Valid() && value.Int("subtype") == subtypeFile:
				t.addPath(c, socket)
			case isGroup:
				t.addPort(c, port{group, false, string(socket.Bytes("identifier"))}, socket)
			case kind == "NodeGroupOutput":
				t.addPort(c, port{t.group, true, string(socket.Bytes("identifier"))}, socket)
			}
		}
	}
}

// stringValue gives the value of a socket for strings; ok is false for any other socket.
func stringValue(socket blend.Struct) (value blend.Struct, ok bool) {
	value = socket.Follow("default_value")
	if !value.Valid() {
		return value, false
	}
	return value, value.Type.Name == "bNodeSocketValueString"
}

// addPath adds what goes into a socket that takes a path.
func (t *nodeTree) addPath(c *collector, socket blend.Struct) {
	f := t.into(socket)
	for _, s := range f.strings {
		if s.use.made && !isRooted(s.ref.Path) {
			continue
		}
		if s.ref.Optional = s.use.optional; s.use.made {
			s.ref.Form, s.ref.Name = FormMade, f.tail
		}
		c.add(s.ref)
	}
	c.nodes.wants = append(c.nodes.wants, f.ports...)
	if f.made {
		c.add(Reference{Field: "bNodeSocket", Kind: KindOther, Form: FormMadeUp, Optional: true})
	}
}

// addPort notes what goes into a port.
func (t *nodeTree) addPort(c *collector, p port, socket blend.Struct) {
	f := t.into(socket)
	for _, s := range f.strings {
		c.addString(p, s.ref)
	}
	for _, from := range f.ports {
		s := c.nodes.port(p)
		s.from = append(s.from, from)
	}
}

// into gives what goes into a socket: its own value, or what comes from upstream where it is linked.
func (t *nodeTree) into(socket blend.Struct) found {
	var f found
	clear(t.seen)
	t.upstream(&f, socket, stringUse{})
	return f
}

func (t *nodeTree) upstream(f *found, socket blend.Struct, use stringUse) {
	links := t.sources[socket.Old()]
	if len(links) == 0 {
		if value, ok := stringValue(socket); ok {
			f.strings = append(f.strings, foundString{valueReference(value), use})
		}
		return
	}
	for _, link := range links {
		node := link.Follow("fromnode")
		if t.left--; t.left < 0 || !node.Valid() || t.seen[node.Old()] {
			continue
		}
		t.seen[node.Old()] = true
		t.through(f, node, link.Follow("fromsock"), use)
		delete(t.seen, node.Old())
	}
}

// through goes on upstream of a node that strings come out of.
func (t *nodeTree) through(f *found, node, out blend.Struct, use stringUse) {
	kind := string(node.Bytes("idname"))
	group := node.Pointer("id")
	ref, isString := inputString(node)
	switch {
	case isString:
		f.strings = append(f.strings, foundString{ref, use})
	case kind == "NodeGroupInput":
		f.ports = append(f.ports, want{port{t.group, false, string(out.Bytes("identifier"))}, use})
	case group != 0 && strings.HasSuffix(kind, "NodeGroup"):
		f.ports = append(f.ports, want{port{group, true, string(out.Bytes("identifier"))}, use})
	case kind == "NodeReroute":
		for socket := range node.List("inputs") {
			t.upstream(f, socket, use)
		}
	case strings.HasPrefix(kind, "GeometryNode") && strings.HasSuffix(kind, "Switch"):
		t.throughSwitch(f, node, use)
	default:
		f.made, use.made = true, true
		// What others make of a string, such as Replace String, need not begin with it.
		use.optional = use.optional || kind != "FunctionNodeFormatString" && kind != "GeometryNodeStringJoin"
		for socket := range node.List("inputs") {
			value, ok := stringValue(socket)
			switch {
			case !ok:
			case value.Int("subtype") == subtypeFile: // what a file holds
			default:
				t.upstream(f, socket, use)
			}
		}
		for _, s := range f.strings {
			if strings.HasPrefix(s.ref.Path, ".") && s.use.made {
				f.tail = s.ref.Path
			}
		}
	}
}

// inputString gives the string of a node that is nothing else.
func inputString(node blend.Struct) (ref Reference, ok bool) {
	storage := node.Follow("storage")
	if !storage.Valid() || storage.Type.Name != "NodeInputString" {
		return ref, false
	}
	path, part, ok := charPointer(storage, "string")
	return Reference{Field: "NodeInputString.string", Kind: KindOther, Path: path, Parts: []Part{part}}, ok
}

// throughSwitch goes on upstream of a Switch, Index Switch or Menu Switch. Where it chooses by a plain value,
// the other branches are optional.
func (t *nodeTree) throughSwitch(f *found, node blend.Struct, use stringUse) {
	chosen, branch := -1, 0
	for socket := range node.List("inputs") {
		value := socket.Follow("default_value")
		if len(t.sources[socket.Old()]) == 0 && value.Valid() {
			switch value.Type.Name {
			case "bNodeSocketValueBoolean", "bNodeSocketValueInt":
				chosen = int(value.Int("value"))
			case "bNodeSocketValueMenu":
				items := node.Follow("storage").Sub("enum_definition").FollowArray("items_array")
				for i := range items.Len() {
					if items.At(i).Int("identifier") == value.Int("value") {
						chosen = i
					}
				}
			}
		}
		if _, ok := stringValue(socket); !ok {
			continue
		}
		branchUse := use
		branchUse.optional = use.optional || chosen >= 0 && branch != chosen
		t.upstream(f, socket, branchUse)
		branch++
	}
}
