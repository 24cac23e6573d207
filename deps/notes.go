package deps

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/internal/pattern"
)

// A Note is what a data-block holds that names no file and may make frames differ on a farm.
type Note struct {
	ID   int32 // index in Contents.IDs
	Code NoteCode
	What string // kind of simulation, or the expression of a driver
	// Of a simulation, whether it is baked, and for which frames of the scene; Last is 0 where that is not
	// known.
	Baked       bool
	First, Last int
	// If are data-blocks of libraries, indices in Contents.IDs: it is a simulation if one of them is, see
	// Contents.Simulating. Empty: it is one.
	If []int32
}

// NoteCode says what a Note is about.
type NoteCode string

const (
	NoteSimulation NoteCode = "simulation"
	NoteRegister   NoteCode = "register" // a text that Blender runs when it opens the file
	NoteDriver     NoteCode = "driver"   // an expression that needs Python
)

// A noteCollector gathers Notes, some of which depend on data-blocks that have not been read yet.
type noteCollector struct {
	now, all []openNote
	// settings says of particle settings whether they simulate, zones which node trees have a simulation
	// zone, all by old address.
	settings, zones map[uint64]bool
	groups          map[uint64][]uint64 // node groups in a node tree
}

// An openNote counts if its particle settings simulate, or its node tree has a simulation zone; 0: always.
type openNote struct {
	Note
	settings, tree uint64
}

func (n *noteCollector) finishID(id int) {
	for _, note := range n.now {
		note.ID = int32(id)
		n.all = append(n.all, note)
	}
	n.now = n.now[:0]
}

// finish keeps the notes that count, or may count.
func (n *noteCollector) finish(c *collector) {
	for _, note := range n.all {
		counts := note.settings == 0 && note.tree == 0 || n.settings[note.settings]
		if note.tree != 0 {
			counts, note.If = n.hasZone(c, note.tree)
		} else if id, ok := c.linked(note.settings); ok {
			note.If = []int32{id}
		}
		if counts || len(note.If) > 0 {
			c.Notes = append(c.Notes, note.Note)
		}
	}
	for _, old := range slices.Sorted(maps.Keys(c.ids)) {
		if n.zones[old] || n.settings[old] {
			c.Simulating = append(c.Simulating, c.ids[old])
		}
	}
}

// linked gives the index of the data-block of that old address if it is read from a library.
func (c *collector) linked(old uint64) (id int32, ok bool) {
	id, ok = c.ids[old]
	return id, ok && c.IDs[id].Library >= 0
}

// hasZone reports whether a node tree, or a group in it, has a simulation zone; libraries are the groups
// among them that are read from one.
func (n *noteCollector) hasZone(c *collector, tree uint64) (has bool, libraries []int32) {
	seen, todo := map[uint64]bool{tree: true}, []uint64{tree}
	for len(todo) > 0 {
		tree, todo = todo[0], todo[1:]
		if n.zones[tree] {
			return true, nil
		}
		if id, ok := c.linked(tree); ok {
			libraries = append(libraries, id)
		}
		for _, group := range n.groups[tree] {
			if !seen[group] {
				seen[group] = true
				todo = append(todo, group)
			}
		}
	}
	return false, libraries
}

// readNode takes in the simulation zones and the groups of a node tree of geometry nodes.
func (n *noteCollector) readNode(tree uint64, node blend.Struct) {
	switch string(node.Bytes("idname")) {
	case "GeometryNodeSimulationOutput":
		n.zones[tree] = true
	case "GeometryNodeGroup":
		n.groups[tree] = append(n.groups[tree], node.Pointer("id"))
	}
}

// noteCache takes in a simulation whose results are in a point cache.
func (c *collector) noteCache(what string, cache blend.Struct, settings uint64) {
	if flag := cache.Int("flag"); cache.Valid() && flag&cacheExternal == 0 {
		c.notes.now = append(c.notes.now, openNote{settings: settings, Note: Note{
			Code: NoteSimulation, What: what, Baked: flag&cacheBaked != 0, First: int(cache.Int("startframe")), Last: int(cache.Int("endframe")),
		}})
	}
}

func readCloth(c *collector, s blend.Struct, _ *row) {
	if s.Int("modifier.mode")&modifierRenders != 0 {
		c.noteCache("cloth", s.Follow("point_cache"), 0)
	}
}

func readSoftBody(c *collector, s blend.Struct, _ *row) {
	c.noteCache("soft body", sharedCache(s), 0)
}

// sharedCache gives the point cache of a soft body or a rigid body world, which Blender 2.8 moved.
func sharedCache(s blend.Struct) blend.Struct {
	if shared := s.Follow("shared"); shared.Valid() {
		return shared.Follow("pointcache")
	}
	return s.Follow("pointcache")
}

func readRigidBodies(c *collector, s blend.Struct, _ *row) {
	const muted = 1 << 0 // RigidBodyWorld.flag
	if s.Int("flag")&muted == 0 && s.Pointer("group") != 0 {
		c.noteCache("rigid bodies", sharedCache(s), 0)
	}
}

func readParticles(c *collector, s blend.Struct, _ *row) {
	if settings := s.Pointer("part"); settings != 0 {
		c.noteCache("particles", s.Follow("pointcache"), settings)
	}
}

// readParticleSettings notes whether particles move by a simulation: those of an emitter by forces, boids or
// as a fluid.
func readParticleSettings(c *collector, s blend.Struct, _ *row) {
	const hair, newton, boids, fluid = 2, 1, 3, 4 // ParticleSettings.type, phystype
	c.notes.settings[c.d.Old] = s.Int("type") != hair && slices.Contains([]int64{newton, boids, fluid}, s.Int("phystype"))
}

func readCanvas(c *collector, s blend.Struct, _ *row) {
	const active, vertices = 1 << 0, 1 // DynamicPaintSurface.flags, format
	if s.Int("flags")&active != 0 && s.Int("format") == vertices {
		c.noteCache("dynamic paint", s.Follow("pointcache"), 0)
	}
}

// readScriptText takes in a text that Blender runs when it opens the file.
func readScriptText(c *collector, s blend.Struct, _ *row) {
	const register = 1 << 4 // Text.flags
	if s.Int("flags")&register != 0 {
		c.notes.now = append(c.notes.now, openNote{Note: Note{Code: NoteRegister}})
	}
}

// readDriver takes in an expression that Blender evaluates with Python only. It computes simple ones itself.
func readDriver(c *collector, s blend.Struct, _ *row) {
	const python = 1 // ChannelDriver.type
	if text := string(s.Bytes("expression")); s.Int("type") == python && needsPython(text) {
		c.notes.now = append(c.notes.now, openNote{Note: Note{Code: NoteDriver, What: text}})
	}
}

// scripts returns what a file has Blender run, see [Blend.Scripts].
func (c *Contents) scripts() []string {
	list := []string{}
	for _, n := range c.Notes {
		switch name := c.IDs[n.ID].Name; n.Code {
		case NoteRegister:
			list = append(list, name)
		case NoteDriver:
			list = append(list, name+": "+n.What)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

var (
	notSimple = pattern.Lazy(`[\[\]'"{}:&|^~@]|[A-Za-z_]\s*\.|\b(self|depsgraph|for|lambda|in|is)\b`)
	called    = pattern.Lazy(`([A-Za-z_]\w*)\s*\(`)
	simple    = strings.Fields("radians degrees abs fabs floor ceil trunc round int sin cos tan asin acos atan atan2 exp log sqrt pow fmod " +
		"lerp clamp smoothstep min max and or not if else")
)

// needsPython reports whether an expression has more than the operators and functions that Blender computes
// itself (its manual, Drivers > Simple Expressions).
func needsPython(text string) bool {
	return notSimple().MatchString(text) || slices.ContainsFunc(called().FindAllStringSubmatch(text, -1), func(m []string) bool {
		return !slices.Contains(simple, m[1])
	})
}

// simulates reports whether a data-block that the visit links is one that simulates, or a node tree with a
// group that does.
func (v *visit) simulates(id int32, seen map[origin]bool) bool {
	lib := v.libraries[v.file.IDs[id].Library]
	if lib == nil || lib.file == nil || seen[origin{v, id}] {
		return false
	}
	seen[origin{v, id}] = true
	root, ok := lib.file.findLinked(v.file.IDs[id].Name)
	if !ok {
		return false
	}
	return slices.ContainsFunc(lib.file.walk([]int32{root}, isNodeTree), func(id int32) bool {
		return slices.Contains(lib.file.Simulating, id) || lib.file.IDs[id].Library >= 0 && lib.simulates(id, seen)
	})
}

// isNodeTree reports whether an ID is a group of nodes.
func isNodeTree(id *ID) bool { return strings.HasPrefix(id.Name, "NT") }

// simulations adds a lack for each simulation that is not baked for the frames of a scene.
func (r *run) simulations(s *Scene) {
	for _, v := range r.visits {
		if v.file == nil || len(v.file.Notes) == 0 {
			continue
		}
		counts := r.counts(v)
		for _, n := range v.file.Notes {
			id := &v.file.IDs[n.ID]
			baked := n.Baked && (n.Last == 0 || n.Last >= s.FrameEnd)
			if n.Code != NoteSimulation || !counts[n.ID] || s.FrameEnd <= n.First || baked {
				continue
			}
			simulates := func(id int32) bool { return v.simulates(id, map[origin]bool{}) }
			if len(n.If) > 0 && !slices.ContainsFunc(n.If, simulates) {
				continue
			}
			kept := func(u Use) bool {
				return u.ID == id.Name && u.Form >= FormPointCache && u.Form <= FormElbeem && len(u.Files) > 0
			}
			if !n.Baked && slices.ContainsFunc(v.uses, kept) {
				continue // frames of it that were played are on disk, and sent
			}
			d := Dependency{Path: native(v.path), UsedBy: native(v.path), ID: id.Name}
			how := "not baked, so each task begins it at its own first frame"
			if n.Baked {
				how = fmt.Sprintf("baked up to frame %d, and the scene ends at %d", n.Last, s.FrameEnd)
			}
			r.lack(LackUnbaked, d, "%s of %s: %s", n.What, id.Name, how)
		}
	}
}
