package deps

import (
	"slices"

	"github.com/flsync/flsync/deps/blend"
)

// An idPointer is a field that may point to a data-block.
type idPointer struct {
	offset int
	// array: the pointer leads to an array of pointers to data-blocks.
	array bool
	// node: it is what a node shows, see rendersScene.
	node bool
}

// notUses are pointers to data-blocks that say nothing of what a data-block
// needs: neighbours in lists, what it was copied from, what is above it.
var notUses = []string{"next", "prev", "newid", "orig_id", "lib", "py_instance", "proxy_from", "owner_id"}

// idPointers finds the fields of a struct that may point to data-blocks, also
// within the structs it is made of.
func idPointers(t *blend.Type, base int, list []idPointer) []idPointer {
	fields := t.Fields()
	for i := range fields {
		f := &fields[i]
		switch {
		case !f.Pointer && f.Type.SDNA < 0: // a number
		case slices.Contains(notUses, f.Name):
		case !f.Pointer:
			for e := range f.Elems {
				list = idPointers(f.Type, base+f.Offset+e*f.Type.Size, list)
			}
		case isID(f.Type) || f.Type.Name == "void" && f.Stars == 1:
			size := f.Size / f.Elems
			for e := range f.Elems {
				list = append(list, idPointer{
					offset: base + f.Offset + e*size, array: f.Stars > 1,
					node: t.Name == "bNode" && f.Name == "id",
				})
			}
		}
	}
	return list
}

// isID reports whether a struct is a data-block: it begins with an ID.
func isID(t *blend.Type) bool {
	if t.Name == "ID" {
		return true
	}
	fields := t.Fields()
	return len(fields) > 0 && fields[0].Type.Name == "ID" && !fields[0].Pointer
}

// rendersScene reports whether a node of a compositor stands for the render of a scene. Blender before 4.1
// does not read that scene with a linked one: where it is another one, the node shows nothing.
func rendersScene(node blend.Struct) bool {
	switch string(node.Bytes("idname")) {
	case "CompositorNodeRLayers":
		return true
	case "CompositorNodeCryptomatteV2":
		return node.Int("custom1") == 0 // CMP_CRYPTOMATTE_SRC_RENDER, else an image
	}
	return false
}

// A useCollector gathers which data-blocks point to which. A pointer in any
// block of a data-block counts: modifiers, constraints, drivers, custom
// properties, nodes all are such blocks, so no kind of them has to be known.
type useCollector struct {
	now  []uint64 // of the data-block being read
	uses []use
	// noScenes: scenes that compositor nodes render do not count.
	noScenes bool
}

// A use says that a data-block points to an old address.
type use struct {
	id int
	to uint64
}

// add takes in what a struct points to.
func (u *useCollector) add(s blend.Struct, pointers []idPointer) {
	for _, p := range pointers {
		old := s.PointerAt(p.offset)
		if old == 0 || p.node && u.noScenes && rendersScene(s) {
			continue
		}
		if p.array {
			for _, old := range s.Find(old).Pointers() {
				if old != 0 {
					u.now = append(u.now, old)
				}
			}
			continue
		}
		u.now = append(u.now, old)
	}
}

// finishID gives what was added to a data-block.
func (u *useCollector) finishID(id int) {
	slices.Sort(u.now)
	for _, old := range slices.Compact(u.now) {
		u.uses = append(u.uses, use{id, old})
	}
	u.now = u.now[:0]
}

// finish drops pointers that lead to no data-block.
func (u *useCollector) finish(c *collector) {
	all := make([]int32, 0, len(u.uses))
	for i := 0; i < len(u.uses); {
		id, start := u.uses[i].id, len(all)
		for ; i < len(u.uses) && u.uses[i].id == id; i++ {
			if to, ok := c.ids[u.uses[i].to]; ok && int(to) != id {
				all = append(all, to)
			}
		}
		c.IDs[id].Uses = all[start:len(all):len(all)]
	}
}
