package deps

import (
	"sync"

	"github.com/flsync/flsync/deps/blend"
)

// A row says which field of which struct names files. Names are those on disk.
type row struct {
	Struct string
	Field  string // of the path; in references it stands as Struct.Field
	Kind   Kind
	Form   Form
	Base   Base
	// When reports whether the field counts; nil: always.
	When func(blend.Struct) bool
	// Read replaces all of the above for what takes more than one field.
	Read func(c *collector, s blend.Struct, r *row)
}

// table is where paths hide. Structs that are written only, or that belong to the user interface, are not in
// it on purpose: RenderData.pic, NodeImageMultiFile.base_path, DynamicPaintSurface.image_output_path,
// BakeData.filepath, Brush.icon_filepath, Editing.act_imagedir, FileSelectParams.dir,
// LibraryWeakReference.library_filepath (where appended data once came from), and the absolute copies of
// library paths.
func table() []row {
	return []row{
		{Struct: "Image", Field: "name", Read: readImage},
		{Struct: "bNode", Field: "storage", Read: readNode},
		{Struct: "Tex", Field: "ima", Read: readImageUser},
		{Struct: "CameraBGImage", Field: "ima", Read: readImageUser},
		{Struct: "MovieClip", Field: "name", Read: readClip},
		{Struct: "Sequence", Field: "strip", Read: readStrip},
		{Struct: "bSound", Field: "name", Kind: KindSound, When: notPacked},
		{Struct: "VFont", Field: "name", Kind: KindFont, When: isFontFile},
		{Struct: "Text", Field: "name", Kind: KindText, Read: readText},
		{Struct: "Volume", Field: "filepath", Kind: KindVolume, Read: readFrames},

		{Struct: "CacheFile", Field: "filepath", Kind: KindCache, Read: readFrames},
		{Struct: "CacheFileLayer", Field: "filepath", Kind: KindCache, Read: readCacheLayer},
		{Struct: "MeshCacheModifierData", Field: "filepath", Kind: KindCache},
		{Struct: "CustomDataExternal", Field: "filename", Kind: KindCache},
		{Struct: "VoxelData", Field: "source_path", Kind: KindCache},
		{Struct: "OceanModifierData", Field: "cachepath", Kind: KindCache, Form: FormOcean, When: isSet("cached")},
		{Struct: "FluidDomainSettings", Field: "cache_directory", Kind: KindCache, Read: readFluid},
		{Struct: "FluidsimSettings", Field: "surfdataPath", Kind: KindCache, Read: readElbeem},
		{Struct: "ClothModifierData", Field: "point_cache", Read: readCloth},
		{Struct: "SoftBody", Field: "pointcache", Read: readSoftBody},
		{Struct: "RigidBodyWorld", Field: "pointcache", Read: readRigidBodies},
		{Struct: "ParticleSystem", Field: "pointcache", Read: readParticles},
		{Struct: "ParticleSettings", Field: "type", Read: readParticleSettings},
		{Struct: "DynamicPaintSurface", Field: "pointcache", Read: readCanvas},
		{Struct: "Text", Field: "flags", Read: readScriptText},
		{Struct: "ChannelDriver", Field: "expression", Read: readDriver},
		{Struct: "PointCache", Field: "path", Kind: KindCache, Read: readPointCache},
		{Struct: "NodesModifierData", Field: "simulation_bake_directory", Kind: KindCache, Read: readNodesModifier},

		{Struct: "NodeShaderTexIES", Field: "filepath", Kind: KindOther, Base: BaseShader, When: isExternal("mode")},
		{Struct: "NodeShaderScript", Field: "filepath", Kind: KindOther, Base: BaseShader, When: isExternal("mode")},
		{Struct: "Camera", Field: "custom_filepath", Kind: KindOther, When: isExternal("custom_mode")},
		{Struct: "IDProperty", Field: "data", Read: readProperty},
		{Struct: "bNodeSocketValueString", Field: "value", Kind: KindOther, Read: readSocketString},
		{Struct: "bNodeTreeInterfaceSocket", Field: "identifier", Read: readInterfaceSocket},
	}
}

// isSet counts a field when another is not zero.
func isSet(field string) func(blend.Struct) bool {
	return func(s blend.Struct) bool { return s.Int(field) != 0 }
}

// isExternal counts a field when the mode beside it says that the text comes from a file (NODE_IES_EXTERNAL,
// NODE_SCRIPT_EXTERNAL). In the other mode it comes from a text data-block, and the path is a leftover.
func isExternal(mode string) func(blend.Struct) bool {
	return func(s blend.Struct) bool { return s.Int(mode) == 1 }
}

// notPacked counts a field when the file is not packed into the blend file.
func notPacked(s blend.Struct) bool { return s.Pointer("packedfile") == 0 }

func isFontFile(s blend.Struct) bool {
	return notPacked(s) && string(s.Bytes("name")) != "<builtin>"
}

// read takes in a struct.
func (r *row) read(c *collector, s blend.Struct) {
	if r.Read != nil {
		r.Read(c, s, r)
		return
	}
	if r.When == nil || r.When(s) {
		c.add(r.reference(s))
	}
}

// reference is what a row gives for a struct when there is nothing special to it.
func (r *row) reference(s blend.Struct) Reference {
	return Reference{
		Field: r.Struct + "." + r.Field, Kind: r.Kind, Form: r.Form, Base: r.Base,
		Path: string(s.Bytes(r.Field)), Parts: []Part{pathPart(s, r.Field, RolePath)},
	}
}

// A plan is the table laid out for the DNA of one file.
type plan struct {
	rows     [][]*row         // by the index that blocks name structs with
	pointers []structPointers // likewise
}

// structPointers are the fields of a struct that may point to data-blocks, once somebody asked.
type structPointers struct {
	once sync.Once
	list []idPointer
}

func (p *plan) pointersOf(t *blend.Type) []idPointer {
	s := &p.pointers[t.SDNA]
	s.once.Do(func() { s.list = idPointers(t, 0, nil) })
	return s.list
}

// A planCache keeps plans, as files of one version of Blender share a DNA.
type planCache struct {
	mu    sync.Mutex
	plans map[*blend.DNA]*plan
}

const maxPlans = 64

func (p *planCache) of(dna *blend.DNA) *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.plans[dna]; known != nil {
		return known
	}
	structs := dna.Structs()
	made := &plan{rows: make([][]*row, len(structs)), pointers: make([]structPointers, len(structs))}
	rows := table()
	for i := range rows {
		r := &rows[i]
		if t := dna.Struct(r.Struct); t != nil {
			if _, ok := t.Field(r.Field); ok {
				made.rows[t.SDNA] = append(made.rows[t.SDNA], r)
			}
		}
	}
	if p.plans == nil || len(p.plans) >= maxPlans {
		p.plans = map[*blend.DNA]*plan{}
	}
	p.plans[dna] = made
	return made
}
