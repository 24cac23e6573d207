package deps

import (
	"maps"
	"reflect"
	"strconv"
	"strings"

	"github.com/flsync/flsync/deps/blend"
)

// Bits and values in a scene's render settings (RenderData) and in layers.
const (
	sceneMultiview = 1 << 21 // scemode
	transparent    = 1       // alphamode
	layerRender    = 1 << 0  // ViewLayer.flag
	layerDisable   = 1 << 16
)

// A sceneCollector gathers the facts about scenes. Which camera a pointer means
// is known when all data-blocks were read.
type sceneCollector struct {
	active uint64   // old address of the scene to render
	stored []uint64 // old addresses of libraries: one for each data-block stored from them
	found  []foundScene

	names map[uint64]string // of objects and worlds by old address
	// outputs says of data-blocks with nodes, by old address, whether they have an output of a compositor.
	outputs map[uint64]bool
}

// foundScene is a scene with its pointers.
type foundScene struct {
	scene         Scene
	old           uint64
	camera, world uint64
	compositor    uint64 // old address of what holds the nodes
	markerCameras []uint64
}

// readFile takes in a block of the file itself.
func (sc *sceneCollector) readFile(c *collector) {
	if c.d.Code == blend.CodeGlob {
		sc.active = c.d.Struct().Pointer("curscene")
	}
}

// readID takes in a data-block.
func (sc *sceneCollector) readID(c *collector) {
	switch c.d.Code.String() {
	case "SC":
		sc.found = append(sc.found, readScene(c.d, c.id, c.version))
	case "WO", "OB": // a scene can look through any object
		sc.names[c.d.Old] = bareName(c.idName())
	}
}

// bareName is a data-block's name without the letters of its kind.
func bareName(name string) string { return name[min(2, len(name)):] }

// readScene takes in a scene.
func readScene(d *blend.DataBlock, s blend.Struct, version blend.Version) foundScene {
	r := s.Sub("r")
	format := formatOf(r.Int("im_format.imtype"), r.Int("im_format.jp2_codec"))
	f := foundScene{old: d.Old, camera: s.Pointer("camera"), world: s.Pointer("world")}
	f.scene = Scene{
		Name:            bareName(string(s.Bytes("id.name"))),
		FileFormat:      format.name,
		FileExtension:   format.extension,
		IsMovie:         format.movie,
		ColorMode:       colorModes[r.Int("im_format.planes")],
		ColorDepth:      colorDepths[r.Int("im_format.depth")],
		Container:       containers[r.Int("ffcodecdata.type")],
		Codec:           codecs[r.Int("ffcodecdata.codec")],
		HasStrips:       s.Follow("ed").Pointer("seqbase.first") != 0,
		FilmTransparent: r.Int("alphamode") == transparent,
		UseNodes:        s.Int("use_nodes") != 0 || version.AtLeast(5, 0),
		HasCompositor:   s.Pointer("compositing_node_group") != 0 || s.Int("use_nodes") != 0 && s.Pointer("nodetree") != 0,
		Markers:         []Marker{},
		ViewLayers:      []string{},
		Layers:          []ViewLayer{},
		Properties:      properties(s.Follow("id.properties")),
	}
	f.scene.readTagged(s)
	if span := f.scene.FrameEnd - f.scene.FrameStart; span >= 0 {
		f.scene.Frames = span/max(f.scene.FrameStep, 1) + 1
	}
	if f.compositor = s.Pointer("compositing_node_group"); f.compositor == 0 {
		f.compositor = d.Old
	}
	// From Blender 5 on what add-ons define, as the settings of engines, is apart.
	if system := properties(s.Follow("id.system_properties")); system != nil {
		maps.Copy(system, f.scene.Properties)
		f.scene.Properties = system
	}
	for m := range s.List("markers") {
		f.scene.Markers = append(f.scene.Markers, Marker{Name: string(m.Bytes("name")), Frame: int(m.Int("frame"))})
		f.markerCameras = append(f.markerCameras, m.Pointer("camera"))
	}
	f.scene.Samples = samples(&f.scene, version)
	f.addLayers(s)
	return f
}

// readTagged reads the fields with a tag dna from the struct of a scene.
func (scene *Scene) readTagged(s blend.Struct) {
	value := reflect.ValueOf(scene).Elem()
	for i := range value.NumField() {
		field, bit, _ := strings.Cut(value.Type().Field(i).Tag.Get("dna"), ",")
		switch v := value.Field(i); {
		case field == "":
		case v.Kind() == reflect.Int:
			v.SetInt(s.Int(field))
		case v.Kind() == reflect.Float32:
			v.SetFloat(s.Float(field))
		case v.Kind() == reflect.String:
			v.SetString(string(s.Bytes(field)))
		case v.Kind() == reflect.Bool:
			number, opposite := strings.CutPrefix(bit, "!")
			n, _ := strconv.Atoi(number) // a number by the type above
			v.SetBool((s.Int(field)&(1<<n) != 0) != opposite)
		}
	}
}

// samples gives the samples of a pixel. Blender stores those of Cycles when they differ from the default.
func samples(s *Scene, version blend.Version) int {
	switch {
	case s.Engine == "CYCLES":
		cycles, _ := s.Properties["cycles"].(map[string]any)
		if n, stored := cycles["samples"].(int64); stored {
			return int(n)
		}
		if version.AtLeast(3, 0) {
			return 4096
		}
		return 128
	case strings.HasPrefix(s.Engine, "BLENDER_EEVEE"):
		return s.TAARenderSamples
	}
	return 0
}

// readNode takes in a node of a scene or of a node group. What a group within a compositor has is not looked
// at: it counts as an output.
func (sc *sceneCollector) readNode(c *collector, node blend.Struct) {
	if code := c.d.Code.String(); code != "SC" && code != "NT" {
		return
	}
	switch output := sc.outputs[c.d.Old]; string(node.Bytes("idname")) {
	case "CompositorNodeComposite", "CompositorNodeOutputFile", "CompositorNodeGroup", "NodeGroupOutput":
		sc.outputs[c.d.Old] = true
	default:
		sc.outputs[c.d.Old] = output // the block has nodes
	}
}

// addLayers takes in the view layers; Blender 2.7x has render layers instead.
func (f *foundScene) addLayers(s blend.Struct) {
	for l := range s.List("view_layers") {
		f.scene.Layers = append(f.scene.Layers, ViewLayer{string(l.Bytes("name")), l.Int("flag")&layerRender != 0})
	}
	if !s.Has("view_layers") {
		for l := range s.List("r.layers") {
			f.scene.Layers = append(f.scene.Layers, ViewLayer{string(l.Bytes("name")), l.Int("layflag")&layerDisable == 0})
		}
	}
	for _, l := range f.scene.Layers {
		f.scene.ViewLayers = append(f.scene.ViewLayers, l.Name)
	}
}

// finish resolves what scenes point to.
func (sc *sceneCollector) finish(c *collector) {
	for _, f := range sc.found {
		s := f.scene
		s.Camera = sc.nameOf(c, f.camera)
		s.World = sc.nameOf(c, f.world)
		output, read := sc.outputs[f.compositor]
		s.HasCompositeOutput = s.HasCompositor && (output || !read)
		for i, old := range f.markerCameras {
			s.Markers[i].Camera = sc.nameOf(c, old)
		}
		if f.old == sc.active || c.ActiveScene == "" {
			c.ActiveScene = s.Name
		}
		c.Scenes = append(c.Scenes, s)
	}
}

// nameOf is the name of the object, world or linked data-block at an old address.
func (sc *sceneCollector) nameOf(c *collector, old uint64) Name {
	if name, ok := sc.names[old]; ok {
		return Name(name)
	}
	if i, ok := c.ids[old]; ok && old != 0 {
		return Name(bareName(c.IDs[i].Name))
	}
	return ""
}
