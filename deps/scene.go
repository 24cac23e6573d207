package deps

import "encoding/json"

// Scene is what a render needs to know of a scene. The values are those that
// Blender's Python API gives for the same file, by the names it has for them.
type Scene struct {
	Name string `json:"name"`
	// Linked says that the scene is read from a library.
	Linked bool `json:"linked"`

	FrameStart   int `json:"frame_start"`
	FrameEnd     int `json:"frame_end"`
	FrameStep    int `json:"frame_step"`
	FrameCurrent int `json:"frame_current"`
	// UsePreviewRange renders only the frames from PreviewStart to PreviewEnd in the viewport.
	UsePreviewRange bool `json:"use_preview_range"`
	PreviewStart    int  `json:"frame_preview_start"`
	PreviewEnd      int  `json:"frame_preview_end"`

	// FPS divided by FPSBase is the number of frames in a second.
	FPS     int     `json:"fps"`
	FPSBase float32 `json:"fps_base"`

	ResolutionX          int     `json:"resolution_x"` // pixels
	ResolutionY          int     `json:"resolution_y"`
	ResolutionPercentage int     `json:"resolution_percentage"`
	PixelAspectX         float32 `json:"pixel_aspect_x"`
	PixelAspectY         float32 `json:"pixel_aspect_y"`

	Engine string `json:"engine"` // CYCLES, BLENDER_EEVEE, …

	// FileFormat is image_settings.file_format: PNG, OPEN_EXR, FFMPEG, …
	// It is "" for a format that is not known.
	FileFormat    string `json:"file_format"`
	FileExtension string `json:"file_extension"` // with its dot
	IsMovie       bool   `json:"is_movie_format"`
	ColorMode     string `json:"color_mode"`  // BW, RGB, RGBA
	ColorDepth    string `json:"color_depth"` // bits of a channel
	Quality       int    `json:"quality"`     // percent
	Compression   int    `json:"compression"` // percent
	// Container and Codec are render.ffmpeg.format and codec, such as MPEG4 and H264, whatever the scene renders to;
	// "" for one that is not known.
	Container string `json:"container,omitempty"`
	Codec     string `json:"codec,omitempty"`
	// TAARenderSamples is eevee.taa_render_samples, 0 before Blender 2.8.
	TAARenderSamples int `json:"taa_render_samples,omitempty"`
	// Samples is how many samples of a pixel Cycles or EEVEE renders, with Cycles' default where the file holds none;
	// 0 for other engines.
	Samples int `json:"samples"`
	// ViewTransform is view_settings.view_transform: Filmic, AgX, Standard.
	ViewTransform string `json:"view_transform,omitempty"`
	// Frames is how many frames the range has.
	Frames int `json:"frames"`
	// UsePreview is image_settings.use_preview: a small JPEG beside each EXR image.
	UsePreview bool `json:"use_preview"`
	// Filepath is where frames are rendered to, in Blender's syntax. Its slashes
	// are those of the system, as in Blender.
	Filepath string `json:"filepath"`

	UseFileExtension  bool `json:"use_file_extension"`
	UseOverwrite      bool `json:"use_overwrite"`
	UsePlaceholder    bool `json:"use_placeholder"`
	UseCompositing    bool `json:"use_compositing"`
	UseSequencer      bool `json:"use_sequencer"`
	HasStrips         bool `json:"has_strips"` // in the sequencer; without any UseSequencer does nothing
	UseMultiview      bool `json:"use_multiview"`
	UseRenderCache    bool `json:"use_render_cache"`
	UseSingleLayer    bool `json:"use_single_layer"`
	UsePersistentData bool `json:"use_persistent_data"`
	UseMotionBlur     bool `json:"use_motion_blur"`
	UseSimplify       bool `json:"use_simplify"`
	UseFreestyle      bool `json:"use_freestyle"`
	UseStamp          bool `json:"use_stamp"`
	FilmTransparent   bool `json:"film_transparent"`
	// UseNodes is always set from Blender 5 on, as in its Python API; HasCompositor says that there are nodes.
	UseNodes      bool `json:"use_nodes"`
	HasCompositor bool `json:"has_compositor"`
	// HasCompositeOutput says that the nodes have an output; without one Blender renders nothing.
	HasCompositeOutput bool `json:"has_composite_output"`

	// UseBorder renders only a part of the frame: BorderMinX and so on, each
	// from 0 to 1. UseCropToBorder makes the image that small.
	UseBorder       bool    `json:"use_border"`
	UseCropToBorder bool    `json:"use_crop_to_border"`
	BorderMinX      float32 `json:"border_min_x"`
	BorderMaxX      float32 `json:"border_max_x"`
	BorderMinY      float32 `json:"border_min_y"`
	BorderMaxY      float32 `json:"border_max_y"`

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

// RNA gives the scene as the Python API has it, as nested maps: for a map s,
// s["frame_start"] is scene.frame_start and s["render"]["fps"] is
// scene.render.fps. Custom properties and settings of engines are at the top,
// as in scene.cycles.
func (s *Scene) RNA() map[string]any {
	rna := map[string]any{}
	for name, value := range s.Properties {
		rna[name] = value
	}
	layers := make([]any, len(s.Layers))
	for i, l := range s.Layers {
		layers[i] = map[string]any{"name": l.Name, "use": l.Use}
	}
	markers := make([]any, len(s.Markers))
	for i, m := range s.Markers {
		markers[i] = map[string]any{"name": m.Name, "frame": int64(m.Frame), "camera": m.Camera.rna()}
	}
	for name, value := range map[string]any{
		"name":                s.Name,
		"frame_start":         int64(s.FrameStart),
		"frame_end":           int64(s.FrameEnd),
		"frame_step":          int64(s.FrameStep),
		"frame_current":       int64(s.FrameCurrent),
		"frame_preview_start": int64(s.PreviewStart),
		"frame_preview_end":   int64(s.PreviewEnd),
		"use_preview_range":   s.UsePreviewRange,
		"use_nodes":           s.UseNodes,
		"camera":              s.Camera.rna(),
		"world":               s.World.rna(),
		"view_layers":         layers,
		"timeline_markers":    markers,
		"render":              s.renderRNA(),
	} {
		rna[name] = value
	}
	if s.TAARenderSamples > 0 {
		rna["eevee"] = map[string]any{"taa_render_samples": int64(s.TAARenderSamples)}
	}
	if s.ViewTransform != "" {
		rna["view_settings"] = map[string]any{"view_transform": s.ViewTransform}
	}
	return rna
}

func (n Name) rna() any {
	if n == "" {
		return nil
	}
	return map[string]any{"name": string(n)}
}

// renderRNA gives scene.render.
func (s *Scene) renderRNA() map[string]any {
	rna := map[string]any{
		"engine":                s.Engine,
		"fps":                   int64(s.FPS),
		"fps_base":              float64(s.FPSBase),
		"resolution_x":          int64(s.ResolutionX),
		"resolution_y":          int64(s.ResolutionY),
		"resolution_percentage": int64(s.ResolutionPercentage),
		"pixel_aspect_x":        float64(s.PixelAspectX),
		"pixel_aspect_y":        float64(s.PixelAspectY),
		"filepath":              s.Filepath,
		"file_extension":        s.FileExtension,
		"is_movie_format":       s.IsMovie,
		"use_file_extension":    s.UseFileExtension,
		"use_overwrite":         s.UseOverwrite,
		"use_placeholder":       s.UsePlaceholder,
		"use_compositing":       s.UseCompositing,
		"use_sequencer":         s.UseSequencer,
		"use_multiview":         s.UseMultiview,
		"use_render_cache":      s.UseRenderCache,
		"use_single_layer":      s.UseSingleLayer,
		"use_persistent_data":   s.UsePersistentData,
		"use_motion_blur":       s.UseMotionBlur,
		"use_simplify":          s.UseSimplify,
		"use_freestyle":         s.UseFreestyle,
		"use_stamp":             s.UseStamp,
		"film_transparent":      s.FilmTransparent,
		"use_border":            s.UseBorder,
		"use_crop_to_border":    s.UseCropToBorder,
		"border_min_x":          float64(s.BorderMinX),
		"border_max_x":          float64(s.BorderMaxX),
		"border_min_y":          float64(s.BorderMinY),
		"border_max_y":          float64(s.BorderMaxY),
		"image_settings": map[string]any{
			"file_format": s.FileFormat,
			"color_mode":  s.ColorMode,
			"color_depth": s.ColorDepth,
			"quality":     int64(s.Quality),
			"compression": int64(s.Compression),
			"use_preview": s.UsePreview,
		},
	}
	film := map[string]any{}
	if s.Container != "" {
		film["format"] = s.Container
	}
	if s.Codec != "" {
		film["codec"] = s.Codec
	}
	rna["ffmpeg"] = film
	if s.FileFormat == "" { // whoever asks for it gets an error instead of a guess
		delete(rna, "file_extension")
		delete(rna, "is_movie_format")
		delete(rna["image_settings"].(map[string]any), "file_format")
	}
	return rna
}
