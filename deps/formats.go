package deps

// An imageFormat is what a scene renders to.
type imageFormat struct {
	name      string // as the Python API has it
	extension string
	movie     bool
}

// jpeg is the extension of all formats that have none of their own in
// Blender's table: films have theirs elsewhere, and file_extension shows this.
const jpeg = ".jpg"

// imageFormats are the formats by their number in files (ImageFormatData.imtype).
var imageFormats = map[int64]imageFormat{
	0:  {"TARGA", ".tga", false},
	1:  {"IRIS", ".rgb", false},
	4:  {"JPEG", jpeg, false},
	7:  {"IRIZ", ".rgb", false},
	14: {"TARGA_RAW", ".tga", false},
	15: {"AVI_RAW", jpeg, true},
	16: {"AVI_JPEG", jpeg, true},
	17: {"PNG", ".png", false},
	20: {"BMP", ".bmp", false},
	21: {"HDR", ".hdr", false},
	22: {"TIFF", ".tif", false},
	23: {"OPEN_EXR", ".exr", false},
	24: {"FFMPEG", ".png", true},
	26: {"CINEON", ".cin", false},
	27: {"DPX", ".dpx", false},
	28: {"OPEN_EXR_MULTILAYER", ".exr", false},
	29: {"DDS", ".dds", false},
	30: {"JPEG2000", ".jp2", false},
	31: {"FFMPEG", ".png", true}, // H.264, XviD and Theora were formats once
	32: {"FFMPEG", ".png", true},
	33: {"FFMPEG", ".png", true},
	34: {"PSD", ".psd", false},
	35: {"WEBP", ".webp", false},
	36: {"FFMPEG", ".png", true}, // AV1
}

const (
	formatJPEG2000 = 30
	codecJ2K       = 1 // ImageFormatData.jp2_codec: a bare code stream
)

// formatOf gives the format of a number in a file, with the codec of JPEG 2000.
func formatOf(number, codec int64) imageFormat {
	f := imageFormats[number]
	if f.extension == "" {
		f.extension = jpeg
	}
	if number == formatJPEG2000 && codec == codecJ2K {
		f.extension = ".j2c"
	}
	return f
}

// colorModes are by the bits of a pixel (ImageFormatData.planes).
var colorModes = map[int64]string{8: "BW", 24: "RGB", 32: "RGBA"}

// colorDepths are by their bit (ImageFormatData.depth).
var colorDepths = map[int64]string{1: "1", 2: "8", 4: "10", 8: "12", 16: "16", 32: "24", 64: "32"}
