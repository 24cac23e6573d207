package deps

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Scene is what a render needs to know of a scene. The values are those that Blender's Python API has for the
// same file, by the names that it has for them; the tag rna names the struct that holds an attribute there.
type Scene struct {
	Name string `json:"name" rna:""`
	// Linked says that the scene is read from a library.
	Linked bool `json:"linked"`

	FrameStart   int `json:"frame_start" rna:""`
	FrameEnd     int `json:"frame_end" rna:""`
	FrameStep    int `json:"frame_step" rna:""`
	FrameCurrent int `json:"frame_current" rna:""`
	// UsePreviewRange renders only the frames from PreviewStart to PreviewEnd in the viewport.
	UsePreviewRange bool `json:"use_preview_range" rna:""`
	PreviewStart    int  `json:"frame_preview_start" rna:""`
	PreviewEnd      int  `json:"frame_preview_end" rna:""`

	// FPS divided by FPSBase is the number of frames in a second.
	FPS     int     `json:"fps" rna:"render"`
	FPSBase float32 `json:"fps_base" rna:"render"`

	ResolutionX          int     `json:"resolution_x" rna:"render"` // pixels
	ResolutionY          int     `json:"resolution_y" rna:"render"`
	ResolutionPercentage int     `json:"resolution_percentage" rna:"render"`
	PixelAspectX         float32 `json:"pixel_aspect_x" rna:"render"`
	PixelAspectY         float32 `json:"pixel_aspect_y" rna:"render"`

	Engine string `json:"engine" rna:"render"` // CYCLES, BLENDER_EEVEE, …

	// FileFormat is image_settings.file_format: PNG, OPEN_EXR, FFMPEG, …
	// It is "" for a format that is not known.
	FileFormat    string `json:"file_format" rna:"render.image_settings"`
	FileExtension string `json:"file_extension" rna:"render"` // with its dot
	IsMovie       bool   `json:"is_movie_format" rna:"render"`
	ColorMode     string `json:"color_mode" rna:"render.image_settings"`  // BW, RGB, RGBA
	ColorDepth    string `json:"color_depth" rna:"render.image_settings"` // bits of a channel
	Quality       int    `json:"quality" rna:"render.image_settings"`     // percent
	Compression   int    `json:"compression" rna:"render.image_settings"` // percent
	// Container and Codec are render.ffmpeg.format and codec, such as MPEG4 and H264, whatever the scene
	// renders to; "" for one that is not known.
	Container string `json:"container,omitempty"`
	Codec     string `json:"codec,omitempty"`
	// TAARenderSamples is eevee.taa_render_samples, 0 before Blender 2.8.
	TAARenderSamples int `json:"taa_render_samples,omitempty"`
	// Samples is how many samples of a pixel Cycles or EEVEE renders, with Cycles' default where the file
	// holds none; 0 for other engines.
	Samples int `json:"samples"`
	// ViewTransform is view_settings.view_transform: Filmic, AgX, Standard.
	ViewTransform string `json:"view_transform,omitempty"`
	// Frames is how many frames the range has.
	Frames int `json:"frames"`
	// UsePreview is image_settings.use_preview: a small JPEG beside each EXR image.
	UsePreview bool `json:"use_preview" rna:"render.image_settings"`
	// Filepath is where frames are rendered to, in Blender's syntax. Its slashes
	// are those of the system, as in Blender.
	Filepath string `json:"filepath" rna:"render"`

	UseFileExtension  bool `json:"use_file_extension" rna:"render"`
	UseOverwrite      bool `json:"use_overwrite" rna:"render"`
	UsePlaceholder    bool `json:"use_placeholder" rna:"render"`
	UseCompositing    bool `json:"use_compositing" rna:"render"`
	UseSequencer      bool `json:"use_sequencer" rna:"render"`
	HasStrips         bool `json:"has_strips"` // in the sequencer; without any UseSequencer does nothing
	UseMultiview      bool `json:"use_multiview" rna:"render"`
	UseRenderCache    bool `json:"use_render_cache" rna:"render"`
	UseSingleLayer    bool `json:"use_single_layer" rna:"render"`
	UsePersistentData bool `json:"use_persistent_data" rna:"render"`
	UseMotionBlur     bool `json:"use_motion_blur" rna:"render"`
	UseSimplify       bool `json:"use_simplify" rna:"render"`
	UseFreestyle      bool `json:"use_freestyle" rna:"render"`
	UseStamp          bool `json:"use_stamp" rna:"render"`
	FilmTransparent   bool `json:"film_transparent" rna:"render"`
	// UseNodes is always set from Blender 5 on, as in its Python API; HasCompositor says that there are
	// nodes.
	UseNodes      bool `json:"use_nodes" rna:""`
	HasCompositor bool `json:"has_compositor"`
	// HasCompositeOutput says that the nodes have an output; without one Blender renders nothing.
	HasCompositeOutput bool `json:"has_composite_output"`

	// UseBorder renders only a part of the frame: BorderMinX and so on, each
	// from 0 to 1. UseCropToBorder makes the image that small.
	UseBorder       bool    `json:"use_border" rna:"render"`
	UseCropToBorder bool    `json:"use_crop_to_border" rna:"render"`
	BorderMinX      float32 `json:"border_min_x" rna:"render"`
	BorderMaxX      float32 `json:"border_max_x" rna:"render"`
	BorderMinY      float32 `json:"border_min_y" rna:"render"`
	BorderMaxY      float32 `json:"border_max_y" rna:"render"`

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
