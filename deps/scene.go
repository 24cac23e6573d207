package deps

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Scene is what a render needs to know of a scene. The values are those that Blender's Python API has for the
// same file, by the names that it has for them; the tag rna names the struct that holds an attribute there. The
// tag dna says where in the file the value is: a field of its struct Scene, and of a bool the bit, with a ! where
// the bit says the opposite.
type Scene struct {
	Name string `json:"name" rna:""`
	// Linked says that the scene is read from a library.
	Linked bool `json:"linked"`

	FrameStart   int `json:"frame_start" rna:"" dna:"r.sfra"`
	FrameEnd     int `json:"frame_end" rna:"" dna:"r.efra"`
	FrameStep    int `json:"frame_step" rna:"" dna:"r.frame_step"`
	FrameCurrent int `json:"frame_current" rna:"" dna:"r.cfra"`
	// UsePreviewRange renders only the frames from PreviewStart to PreviewEnd in the viewport.
	UsePreviewRange bool `json:"use_preview_range" rna:"" dna:"r.flag,0"`
	PreviewStart    int  `json:"frame_preview_start" rna:"" dna:"r.psfra"`
	PreviewEnd      int  `json:"frame_preview_end" rna:"" dna:"r.pefra"`

	// FPS divided by FPSBase is the number of frames in a second.
	FPS     int     `json:"fps" rna:"render" dna:"r.frs_sec"`
	FPSBase float32 `json:"fps_base" rna:"render" dna:"r.frs_sec_base"`

	ResolutionX          int     `json:"resolution_x" rna:"render" dna:"r.xsch"` // pixels
	ResolutionY          int     `json:"resolution_y" rna:"render" dna:"r.ysch"`
	ResolutionPercentage int     `json:"resolution_percentage" rna:"render" dna:"r.size"`
	PixelAspectX         float32 `json:"pixel_aspect_x" rna:"render" dna:"r.xasp"`
	PixelAspectY         float32 `json:"pixel_aspect_y" rna:"render" dna:"r.yasp"`

	Engine string `json:"engine" rna:"render" dna:"r.engine"` // CYCLES, BLENDER_EEVEE, …

	// FileFormat is image_settings.file_format: PNG, OPEN_EXR, FFMPEG, …
	// It is "" for a format that is not known.
	FileFormat    string `json:"file_format" rna:"render.image_settings"`
	FileExtension string `json:"file_extension" rna:"render"` // with its dot
	IsMovie       bool   `json:"is_movie_format" rna:"render"`
	ColorMode     string `json:"color_mode" rna:"render.image_settings"`                             // BW, RGB, RGBA
	ColorDepth    string `json:"color_depth" rna:"render.image_settings"`                            // bits of a channel
	Quality       int    `json:"quality" rna:"render.image_settings" dna:"r.im_format.quality"`      // percent
	Compression   int    `json:"compression" rna:"render.image_settings" dna:"r.im_format.compress"` // percent
	// Container and Codec are render.ffmpeg.format and codec, such as MPEG4 and H264, whatever the scene
	// renders to; "" for one that is not known.
	Container string `json:"container,omitempty"`
	Codec     string `json:"codec,omitempty"`
	// TAARenderSamples is eevee.taa_render_samples, 0 before Blender 2.8.
	TAARenderSamples int `json:"taa_render_samples,omitempty" dna:"eevee.taa_render_samples"`
	// Samples is how many samples of a pixel Cycles or EEVEE renders, with Cycles' default where the file
	// holds none; 0 for other engines.
	Samples int `json:"samples"`
	// ViewTransform is view_settings.view_transform: Filmic, AgX, Standard.
	ViewTransform string `json:"view_transform,omitempty" dna:"view_settings.view_transform"`
	// Frames is how many frames the range has.
	Frames int `json:"frames"`
	// UsePreview is image_settings.use_preview: a small JPEG beside each EXR image.
	UsePreview bool `json:"use_preview" rna:"render.image_settings" dna:"r.im_format.flag,1"`
	// Filepath is where frames are rendered to, in Blender's syntax. Its slashes
	// are those of the system, as in Blender.
	Filepath string `json:"filepath" rna:"render" dna:"r.pic"`

	UseFileExtension  bool `json:"use_file_extension" rna:"render" dna:"r.scemode,4"`
	UseOverwrite      bool `json:"use_overwrite" rna:"render" dna:"r.mode,!22"`
	UsePlaceholder    bool `json:"use_placeholder" rna:"render" dna:"r.mode,23"`
	UseCompositing    bool `json:"use_compositing" rna:"render" dna:"r.scemode,6"`
	UseSequencer      bool `json:"use_sequencer" rna:"render" dna:"r.scemode,0"`
	HasStrips         bool `json:"has_strips"` // in the sequencer; without any UseSequencer does nothing
	UseMultiview      bool `json:"use_multiview" rna:"render" dna:"r.scemode,21"`
	UseRenderCache    bool `json:"use_render_cache" rna:"render" dna:"r.scemode,20"`
	UseSingleLayer    bool `json:"use_single_layer" rna:"render" dna:"r.scemode,9"`
	UsePersistentData bool `json:"use_persistent_data" rna:"render" dna:"r.mode,26"`
	UseMotionBlur     bool `json:"use_motion_blur" rna:"render" dna:"r.mode,14"`
	UseSimplify       bool `json:"use_simplify" rna:"render" dna:"r.mode,24"`
	UseFreestyle      bool `json:"use_freestyle" rna:"render" dna:"r.mode,25"`
	UseStamp          bool `json:"use_stamp" rna:"render" dna:"r.stamp,6"`
	FilmTransparent   bool `json:"film_transparent" rna:"render"`
	// UseNodes is always set from Blender 5 on, as in its Python API; HasCompositor says that there are
	// nodes.
	UseNodes      bool `json:"use_nodes" rna:""`
	HasCompositor bool `json:"has_compositor"`
	// HasCompositeOutput says that the nodes have an output; without one Blender renders nothing.
	HasCompositeOutput bool `json:"has_composite_output"`

	// UseBorder renders only a part of the frame: BorderMinX and so on, each
	// from 0 to 1. UseCropToBorder makes the image that small.
	UseBorder       bool    `json:"use_border" rna:"render" dna:"r.mode,9"`
	UseCropToBorder bool    `json:"use_crop_to_border" rna:"render" dna:"r.mode,11"`
	BorderMinX      float32 `json:"border_min_x" rna:"render" dna:"r.border.xmin"`
	BorderMaxX      float32 `json:"border_max_x" rna:"render" dna:"r.border.xmax"`
	BorderMinY      float32 `json:"border_min_y" rna:"render" dna:"r.border.ymin"`
	BorderMaxY      float32 `json:"border_max_y" rna:"render" dna:"r.border.ymax"`

	// Camera is the object that is looked through.
	Camera  Name     `json:"camera"`
	Markers []Marker `json:"markers"`
	// ViewLayers are the names of the view layers, Layers the same with more.
	ViewLayers []string    `json:"view_layers"`
	Layers     []ViewLayer `json:"view_layer_settings"`
	World      Name        `json:"world"`
	// Properties are the scene's custom properties and the settings of render
	// engines ("cycles"): bool, int64, float64, string, []any, map[string]any.
	Properties map[string]any `json:"-"`
}

// A Marker is a named frame, at which a camera may take over.
type Marker struct {
	Name   string `json:"name"`
	Frame  int    `json:"frame"`
	Camera Name   `json:"camera"`
}

// ViewLayer is a view layer of a scene.
type ViewLayer struct {
	Name string `json:"name"`
	// Use says that the layer is rendered.
	Use bool `json:"use"`
}

// Name is the name of a data-block without the letters of its kind; "", which
// is null in JSON as it is None in Python, where there is none.
type Name string

// MarshalJSON writes null for no name.
func (n Name) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(n))
}

// UnmarshalJSON reads null as no name.
func (n *Name) UnmarshalJSON(data []byte) error {
	var s *string
	if err := json.Unmarshal(data, &s); err != nil || s == nil {
		*n = ""
		return err
	}
	*n = Name(*s)
	return nil
}

// RNA returns the scene's attributes by their names in the Python API, such as frame_start and render.fps:
// nil, bool, int64, float64 or string. Custom properties and settings of engines are in Properties.
func (s *Scene) RNA() map[string]any {
	rna := map[string]any{}
	value := reflect.ValueOf(s).Elem()
	for i := range value.NumField() {
		field := value.Type().Field(i)
		group, ok := field.Tag.Lookup("rna")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		name = strings.TrimPrefix(group+"."+name, ".")
		switch v := value.Field(i); v.Kind() {
		case reflect.Int:
			rna[name] = v.Int()
		case reflect.Float32:
			rna[name] = v.Float()
		default:
			rna[name] = v.Interface()
		}
	}
	for name, of := range map[string]Name{"camera": s.Camera, "world": s.World} {
		if of == "" {
			rna[name] = nil
		} else {
			rna[name+".name"] = string(of)
		}
	}
	if s.TAARenderSamples > 0 {
		rna["eevee.taa_render_samples"] = int64(s.TAARenderSamples)
	}
	for name, text := range map[string]string{
		"view_settings.view_transform": s.ViewTransform, "render.ffmpeg.format": s.Container, "render.ffmpeg.codec": s.Codec,
	} {
		if text != "" {
			rna[name] = text
		}
	}
	if s.FileFormat == "" { // whoever asks for it gets an error instead of a guess
		for _, name := range []string{"render.file_extension", "render.is_movie_format", "render.image_settings.file_format"} {
			delete(rna, name)
		}
	}
	return rna
}
