package deps

import (
	"strconv"

	"github.com/flsync/flsync/deps/blend"
)

// modifierRenders is the bit of ModifierData.mode for renders.
const modifierRenders = 1 << 1

// PointCache.flag
const (
	cacheBaked         = 1 << 0
	cacheOnDisk        = 1 << 6
	cacheExternal      = 1 << 9
	cacheIgnoreLibrary = 1 << 11 // linked data's caches lie with the main file, not with the library
)

// readPointCache takes in the cache of cloth, soft bodies, particles, dynamic
// paint or rigid bodies. Only those on disk have files: one a frame.
func readPointCache(c *collector, s blend.Struct, r *row) {
	flag := s.Int("flag")
	name := string(s.Bytes("name"))
	ref := Reference{Kind: r.Kind, Stack: int(s.Int("index"))}
	if flag&cacheIgnoreLibrary != 0 {
		ref.Base = BaseMain
	}
	switch {
	case flag&cacheExternal != 0:
		ref.Field, ref.Form, ref.Name = "PointCache.path", FormPointCache, name
		ref.Path, ref.Parts = string(s.Bytes("path")), []Part{pathPart(s, "path", RoleFolder)}
	case flag&cacheOnDisk != 0:
		ref.Field, ref.Form, ref.Name = "PointCache.name", FormDiskCache, name
		if name == "" {
			ref.Name = hexName(c.idName()[min(2, len(c.idName())):])
		}
		ref.Stack = max(ref.Stack, 0)
		// Without a bake there are files only of frames that were played.
		ref.Optional = flag&cacheBaked == 0
		if c.d.Code == blend.MakeCode("SC") {
			ref.Base = BaseMain // a rigid body world's cache belongs to no object
		}
	default:
		return
	}
	c.add(ref)
}

// fluidBaked are the flags that say that some part of a fluid is baked (FluidDomainSettings.cache_flag).
const fluidBaked = 1<<1 | 1<<3 | 1<<5 | 1<<7 | 1<<9

// readFluid takes in the domain of a fluid. Its folder is always set; it has
// to be there when something is baked.
func readFluid(c *collector, s blend.Struct, r *row) {
	ref := r.reference(s)
	ref.Form, ref.Parts[0].Role = FormFluid, RoleFolder
	ref.Optional = s.Int("cache_flag")&fluidBaked == 0
	c.add(ref)
	c.notes.now = append(c.notes.now, openNote{Note: Note{
		Code: NoteSimulation, What: "fluid", Baked: !ref.Optional, First: int(s.Int("cache_frame_start")), Last: int(s.Int("cache_frame_end")),
	}})
}

// readElbeem takes in the domain of a fluid of Blender up to 2.81.
func readElbeem(c *collector, s blend.Struct, r *row) {
	const domain = 1 << 1 // FluidsimSettings.type
	if s.Int("type")&domain == 0 {
		return
	}
	ref := r.reference(s)
	ref.Form, ref.Optional = FormElbeem, true
	c.add(ref)
}

// Where the bakes of geometry nodes are (bake_target) and how (flag).
const (
	bakeInherit    = 0
	bakePacked     = 1
	bakeCustomPath = 1 << 1
)

// readNodesModifier takes in the bakes of a geometry nodes modifier, and paths among its inputs.
func readNodesModifier(c *collector, s blend.Struct, r *row) {
	c.nodes.readModifier(c, s)
	folder, part, _ := charPointer(s, r.Field)
	part.Role = RoleFolder
	ref := Reference{Kind: r.Kind, Form: FormBake, Optional: true}
	bakes := s.FollowArray("bakes")
	packed := false
	for i := range bakes.Len() {
		packed = packed || bakes.At(i).Pointer("packed") != 0
	}
	if tree := s.Pointer("node_group"); tree != 0 && s.Int("modifier.mode")&modifierRenders != 0 && !packed {
		c.notes.now = append(c.notes.now, openNote{tree: tree, Note: Note{Code: NoteSimulation, What: "geometry nodes", First: 1}})
	}
	if bakes.Len() == 0 && folder != "" { // Blender 3.6: one bake, right in the folder
		ref.Field, ref.Path, ref.Parts = "NodesModifierData.simulation_bake_directory", folder, []Part{part}
		c.add(ref)
	}
	for i := range bakes.Len() {
		bake := bakes.At(i)
		target := bake.Int("bake_target")
		if target == bakeInherit {
			target = s.Int("bake_target")
		}
		if target == bakePacked || bake.Pointer("packed") != 0 {
			continue
		}
		ref := ref
		if bake.Int("flag")&bakeCustomPath != 0 {
			custom, part, ok := charPointer(bake, "directory")
			if !ok {
				continue
			}
			part.Role = RoleFolder
			ref.Field, ref.Path, ref.Parts = "NodesModifierBake.directory", custom, []Part{part}
		} else if folder != "" {
			ref.Field, ref.Parts = "NodesModifierData.simulation_bake_directory", []Part{part}
			ref.Path = joinName(folder, strconv.FormatInt(bake.Int("id"), 10))
		}
		c.add(ref)
	}
}
