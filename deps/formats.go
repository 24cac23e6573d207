package deps

// An imageFormat is what a scene renders to.
type imageFormat struct {
	name      string // as the Python API has it
	extension string
	movie     bool
}

// jpeg is the extension of JPEG, and of films whose own extension file_extension does not show.
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
	37: {"AVIF", ".avif", false},
}

const (
	formatJPEG2000 = 30
	codecJ2K       = 1 // ImageFormatData.jp2_codec: a bare code stream
)

// formatOf gives the format of a number in a file, with the codec of JPEG 2000. A number that is not known,
// as of a later Blender, has neither name nor extension.
func formatOf(number, codec int64) imageFormat {
	f := imageFormats[number]
	if number == formatJPEG2000 && codec == codecJ2K {
		f.extension = ".j2c"
	}
	return f
}

// containers and codecs of films are by their numbers in files (FFMpegCodecData.type and codec), as the
// Python API of Blender 3.4 to 5.2 has them.
var (
	containers = map[int64]string{
		0: "MPEG1", 1: "MPEG2", 2: "MPEG4", 3: "AVI", 4: "QUICKTIME", 5: "DV", 8: "FLASH", 9: "MKV", 10: "OGG", 12: "WEBM",
	}
	codecs = map[int64]string{
		0: "NONE", 1: "MPEG1", 2: "MPEG2", 12: "MPEG4", 21: "FLASH", 24: "DV", 25: "HUFFYUV", 27: "H264", 30: "THEORA", 33: "FFV1",
		55: "QTRLE", 61: "PNG", 99: "DNXHD", 147: "PRORES", 167: "WEBM", 173: "H265", 225: "AV1", 226: "AV1",
	}
)

// colorModes are by the bits of a pixel (ImageFormatData.planes).
var colorModes = map[int64]string{8: "BW", 24: "RGB", 32: "RGBA"}

// colorDepths are by their bit (ImageFormatData.depth).
var colorDepths = map[int64]string{1: "1", 2: "8", 4: "10", 8: "12", 16: "16", 32: "24", 64: "32"}
