// Package frames finds out which frames of a render are there, and whether they are whole.
//
// [FromSettings] says which files a job was to write, [Output.Check] looks at them. A file is opened, and of
// it only header and end are read, unless [Options.Decode] is set. Nothing is ever written.
package frames

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/flsync/flsync/internal/ranges"
)

// ErrNoOutput marks a job whose settings do not say where its frames are.
var ErrNoOutput = errors.New("the job's settings do not say where its frames are")

// Output is what a job was to write.
type Output struct {
	Path   string    // of one frame, with # for its digits, as in the job; slashes or backslashes
	Ext    string    // such as ".png"
	Format string    // Blender's name for it, such as PNG
	Frames []int     // in order, each once
	Since  time.Time // files that were written earlier are not the job's
}

// FromSettings reads the settings of a job, as the Manager has it. created is when the job was submitted.
// Errors wrap [ErrNoOutput], or are about a frame range that cannot be read.
func FromSettings(settings map[string]any, created time.Time) (Output, error) {
	text := func(key string) string {
		s, _ := settings[key].(string)
		return s
	}
	o := Output{Path: text("render_output_path"), Ext: text("image_file_extension"), Format: text("format"), Since: created}
	switch frames := settings["frames"].(type) {
	case string:
		var err error
		if o.Frames, err = ranges.Parse(frames); err != nil {
			return o, err
		}
	case float64:
		o.Frames = []int{int(frames)}
	}
	switch {
	case o.Path == "":
		return o, fmt.Errorf("%w: it has no render_output_path", ErrNoOutput)
	case len(o.Frames) == 0:
		return o, fmt.Errorf("%w: it has no frames", ErrNoOutput)
	}
	o.Ext = cmp.Or(o.Ext, extensions[o.Format])
	return o, nil
}

// extensions of Blender's formats (its RNA_enum_image_file_extension), for jobs without image_file_extension.
var extensions = map[string]string{
	"PNG": ".png", "JPEG": ".jpg", "OPEN_EXR": ".exr", "OPEN_EXR_MULTILAYER": ".exr", "TIFF": ".tif", "WEBP": ".webp",
	"BMP": ".bmp", "TARGA": ".tga", "TARGA_RAW": ".tga", "HDR": ".hdr", "DPX": ".dpx", "CINEON": ".cin", "JPEG2000": ".jp2", "IRIS": ".rgb",
}

// Movie reports whether the job writes one movie instead of a file for each frame.
func (o Output) Movie() bool {
	switch o.Format {
	case "FFMPEG", "AVI_RAW", "AVI_JPEG":
		return true
	}
	return false
}

// names returns the name of the file of each frame, without its folder, as Blender makes it: the last run of
// # in the name becomes the number, without one it is added with four digits. A movie's name has its first
// and last frame.
func (o Output) names() []string {
	stem := path.Base(strings.ReplaceAll(o.Path, `\`, "/"))
	last := strings.LastIndexByte(stem, '#')
	first := last
	for first > 0 && stem[first-1] == '#' {
		first--
	}
	digits := last - first + 1
	if last < 0 {
		first, last, digits = len(stem), len(stem)-1, 4
	}
	before, after := stem[:first], stem[last+1:]
	if !strings.HasSuffix(strings.ToLower(after), strings.ToLower(o.Ext)) {
		after += o.Ext
	}
	if o.Movie() {
		return []string{before + pad(o.Frames[0], digits) + "-" + pad(o.Frames[len(o.Frames)-1], digits) + after}
	}
	names := make([]string, len(o.Frames))
	for i, n := range o.Frames {
		names[i] = before + pad(n, digits) + after
	}
	return names
}

// pad writes a frame's number with at least so many digits; a minus sign is not counted, as in Blender.
func pad(n, digits int) string {
	if n < 0 {
		return "-" + pad(-n, digits)
	}
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(0, digits-len(s))) + s
}
