package sniff

import (
	"bytes"
	"encoding/binary"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/flsync/flsync/internal/pattern"
)

// A class is a set of sorts of files that a blend file may need.
type class uint16

const (
	image class = 1 << iota
	movie
	sound
	font
	cache
	volume
	blendFile
	shader // light profiles and OSL, which are text that can be told from other text
)

// How much of a file is looked at, in bytes.
const (
	headLen = 4096
	tailLen = 26 // the footer of a Targa image
)

// A Sample is the first and the last bytes of a file.
type Sample struct {
	Head, Tail []byte
	Size       int64 // of the whole file, in bytes
}

// Read takes a sample of a file of size bytes. It reuses the memory of the sample before.
func (s *Sample) Read(f io.ReaderAt, size int64) error {
	s.Size = size
	s.Head, s.Tail = slices.Grow(s.Head[:0], headLen)[:min(size, headLen)], slices.Grow(s.Tail[:0], tailLen)[:min(size, tailLen)]
	n, err := f.ReadAt(s.Head, 0)
	if err != nil && err != io.EOF {
		return err
	}
	m, err := f.ReadAt(s.Tail, size-int64(len(s.Tail)))
	if err != nil && err != io.EOF {
		return err
	}
	s.Head, s.Tail = s.Head[:n], s.Tail[:m]
	return nil
}

// Known reports whether a name, with slashes, is that of an image, movie, sound, font, cache, volume, shader
// or blend file.
func Known(name string) bool { return claimedBy(Extension(name)) != 0 || IsBake(name) }

// bakeName is the end of the path of a file that geometry nodes bake: blobs/00012_00000.blob.
var bakeName = pattern.Lazy(`(^|/)(meta/[0-9]{5,}_[0-9]{5}\.json|blobs/[0-9]{5,}_[0-9]{5}\.blob|bdata/[0-9]{5,}_[0-9]{5}\.bdata)$`)

// IsBake reports whether a name, with slashes, is that of a file that geometry nodes bake. Of these some are
// empty.
func IsBake(name string) bool {
	switch path.Ext(name) {
	case ".json", ".blob", ".bdata":
		return bakeName().MatchString(name)
	}
	return false
}

// bake reports whether a file is what geometry nodes bake: JSON, or numbers, which are no text.
func (s *Sample) bake(name string) bool {
	if strings.HasSuffix(name, ".json") {
		return bytes.HasPrefix(s.Head, []byte(`{"version":`))
	}
	return !utf8.Valid(s.Head) || hasControls(s.Head) || s.Size == 0
}

// Is reports whether a file is of the class that its name, with slashes, claims. An empty file is nothing,
// but for a bake's.
func (s *Sample) Is(name string) bool {
	if IsBake(name) {
		return s.bake(name)
	}
	head, tail, size := s.Head, s.Tail, s.Size
	ext := Extension(name)
	claimed := claimedBy(ext)
	if claimed == 0 || len(head) == 0 {
		return false
	}
	if signed(head)&claimed != 0 {
		return true
	}
	// Formats without a signature are told by what is in them.
	switch ext {
	case "tga", "targa":
		return isTarga(head, tail)
	case "mp3", "mp2":
		return isMPEGAudio(head)
	case "aac":
		return len(head) > 1 && head[0] == 0xFF && head[1]&0xF6 == 0xF0
	case "mdd":
		return isMDD(head, size)
	case "stl":
		return len(head) >= 84 && size == 84+50*int64(binary.LittleEndian.Uint32(head[80:])) || isPlainText(ext, head, size)
	case "uni", "bobj.gz":
		return isMantaflow(path.Base(name), head)
	case "blend":
		return isPackedBlend(head)
	case "pfa":
		return bytes.HasPrefix(head, []byte("%!PS-AdobeFont")) || bytes.HasPrefix(head, []byte("%!FontType"))
	case "usda", "obj", "ies", "osl", "oso":
		return isPlainText(ext, head, size)
	}
	return false
}

// Contradicts reports whether a file can be no file of the class that its name, with slashes, claims. Readers
// of Blender and FFmpeg look at contents, not at names, so for formats that may begin in other ways than
// [Sample.Is] knows only the signature of another class, text in place of a picture or a film, or nothing but
// zeros count.
func (s *Sample) Contradicts(name string) bool {
	ext := Extension(name)
	claimed := claimedBy(ext)
	switch {
	case claimed == 0, len(s.Head) == 0, s.Is(name):
		return false
	case allZero(s.Head), signed(s.Head) != 0:
		return true
	}
	switch ext {
	case "usda", "obj", "ies", "osl", "oso", "stl", "pfa", "ply", "mdd", "uni", "bobj.gz", "usd":
		return false // text, or without a signature
	}
	if claimed&(movie|sound) == 0 && ext != "tga" && ext != "targa" {
		return true
	}
	return utf8.Valid(s.Head) && !hasControls(s.Head)
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// Extension returns what stands behind the last dot of a name, in lower case.
func Extension(name string) string {
	name = strings.ToLower(path.Base(name))
	if strings.HasSuffix(name, ".bobj.gz") {
		return "bobj.gz"
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[i+1:]
	}
	return ""
}

// claimedBy says what a file with the extension pretends to be; 0 for what no
// blend file needs.
func claimedBy(ext string) class {
	switch ext {
	case "png", "jpg", "jpeg", "jpe", "bmp", "sgi", "rgb", "rgba", "bw", "tga", "targa", "tif", "tiff", "tx", "exr", "sxr",
		"hdr", "pic", "dds", "dpx", "cin", "psd", "psb", "pdd", "jp2", "j2c", "j2k", "jpf", "webp", "gif", "avif", "heic":
		return image
	case "avi", "mov", "mp4", "m4v", "mkv", "webm", "mpg", "mpeg", "mpe", "m2v", "vob", "ts", "mts", "m2ts", "ogv", "flv", "wmv",
		"divx", "xvid", "dv", "mxf", "3gp":
		return movie
	case "wav", "flac", "mp3", "mp2", "oga", "opus", "aif", "aiff", "aifc", "m4a", "aac", "ac3", "au", "snd", "wma", "mka", "w64":
		return sound
	case "ogg":
		return movie | sound
	case "ttf", "otf", "ttc", "woff", "woff2", "pfb", "pfa":
		return font
	case "abc", "usd", "usda", "usdc", "usdz", "bphys", "mdd", "pc2", "uni", "bobj.gz", "btx", "ply", "stl", "obj", "blen_tc":
		return cache
	case "vdb", "nvdb":
		return volume
	case "blend":
		return blendFile
	case "ies", "osl", "oso":
		return shader
	}
	return 0
}

// signatures are the first bytes of formats that have some.
var signatures = [...]struct {
	class class
	start string
}{
	{image, "\x89PNG\r\n\x1a\n"},
	{image, "\xff\xd8\xff"}, // JPEG
	{image, "GIF87a"}, {image, "GIF89a"},
	{image, "\x76\x2f\x31\x01"}, // OpenEXR
	{image, "#?RADIANCE"}, {image, "#?RGBE"},
	{image, "II*\x00"}, {image, "MM\x00*"}, {image, "II+\x00"}, {image, "MM\x00+"}, // TIFF, BigTIFF
	{image, "SDPX"}, {image, "XPDS"}, // DPX
	{image, "\x80\x2a\x5f\xd7"}, {image, "\xd7\x5f\x2a\x80"}, // Cineon
	{image, "8BPS"}, // Photoshop
	{image, "DDS "},
	{image, "\x01\xda"}, // IRIS
	{image, "\x00\x00\x00\x0cjP  \r\n\x87\n"}, {image, "\xff\x4f\xff\x51"}, // JPEG 2000
	{movie | sound, "\x1a\x45\xdf\xa3"}, // Matroska, WebM
	{movie | sound, "OggS"},
	{movie | sound, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"},      // ASF
	{movie, "\x00\x00\x01\xba"}, {movie, "\x00\x00\x01\xb3"}, // MPEG
	{movie, "FLV\x01"}, {movie, "\x06\x0e\x2b\x34\x02\x05\x01\x01"}, // MXF
	{movie, "\x1f\x07\x00"}, // DV
	{sound, "fLaC"}, {sound, "ID3"}, {sound, "\x0b\x77"}, {sound, ".snd"}, {sound, "riff\x2e\x91\xcf\x11"},
	{font, "\x00\x01\x00\x00"}, {font, "true\x00"}, {font, "typ1"}, {font, "OTTO"}, {font, "ttcf"}, {font, "wOFF"}, {font, "wOF2"},
	{font, "\x80\x01"},                             // Type 1; the text follows after four bytes of length
	{cache, "Ogawa"}, {cache, "\x89HDF\r\n\x1a\n"}, // Alembic
	{cache, "#usda "}, {cache, "PXR-USDC"}, {cache, "PK\x03\x04"}, // USD; USDZ is a Zip file
	{cache, "BPHYSICS"}, {cache, "POINTCACHE2\x00"}, {cache, "BCDF"}, {cache, "ply\n"}, {cache, "ply\r"},
	{cache, "BlenMIdx"}, // timecode of proxies
	{volume, " BDV\x00\x00\x00\x00"}, {volume, "NanoVDB"},
	{blendFile, "BLENDER_"}, {blendFile, "BLENDER-"}, {blendFile, "BLENDER17-"},
}

// signed says what a file is by its first bytes; 0 when they say nothing.
func signed(head []byte) class {
	if len(head) >= 12 {
		switch string(head[:4]) {
		case "RIFF", "RIFX", "RF64":
			switch string(head[8:12]) {
			case "WEBP":
				return image
			case "AVI ":
				return movie
			case "WAVE":
				return sound
			}
			return 0
		case "FORM":
			if s := string(head[8:12]); s == "AIFF" || s == "AIFC" {
				return sound
			}
			return 0
		}
		switch string(head[4:8]) {
		case "ftyp":
			switch string(head[8:12]) {
			case "avif", "avis", "heic", "heix", "mif1":
				return image
			}
			return movie | sound
		case "moov", "mdat", "wide":
			return movie | sound
		case "free", "skip", "pnot", "uuid", "junk": // other first atoms of QuickTime; text does not begin with a zero
			if head[0] == 0 {
				return movie | sound
			}
		}
	}
	if isBitmap(head) {
		return image
	}
	if isTransportStream(head) {
		return movie
	}
	for i := range signatures {
		if s := &signatures[i]; strings.HasPrefix(string(head[:min(len(head), 16)]), s.start) {
			if s.start == "\x80\x01" && !bytes.Contains(head[:min(len(head), 64)], []byte("%!")) {
				return 0
			}
			return s.class
		}
	}
	return 0
}

// isBitmap tells a Windows bitmap, whose signature of two letters is weak.
func isBitmap(head []byte) bool {
	if len(head) < 18 || head[0] != 'B' || head[1] != 'M' {
		return false
	}
	switch binary.LittleEndian.Uint32(head[14:]) { // size of the second header
	case 12, 16, 40, 52, 56, 64, 108, 124:
		return true
	}
	return false
}

// isTarga tells a Targa image by the footer of version 2, or by a header that
// makes sense.
func isTarga(head, tail []byte) bool {
	if bytes.HasSuffix(tail, []byte("TRUEVISION-XFILE.\x00")) {
		return true
	}
	if len(head) < 18 || head[1] > 1 {
		return false
	}
	kinds := "\x02\x03\x0a\x0b" // of picture
	if head[1] == 1 {
		kinds += "\x01\x09" // with a palette
	}
	if !strings.Contains(kinds, string(head[2:3])) || !slices.Contains([]byte{8, 15, 16, 24, 32}, head[16]) { // bits of a pixel
		return false
	}
	return binary.LittleEndian.Uint16(head[12:]) > 0 && binary.LittleEndian.Uint16(head[14:]) > 0 && head[17]&0xC0 == 0
}

// isMPEGAudio tells a frame header of MPEG audio without an ID3 tag before it.
func isMPEGAudio(head []byte) bool {
	return len(head) >= 4 && head[0] == 0xFF && head[1]&0xE0 == 0xE0 &&
		head[1]&0x18 != 0x08 && head[1]&0x06 != 0 && // version and layer
		head[2]&0xF0 != 0xF0 && head[2]&0x0C != 0x0C // bit rate and sample rate
}

// isTransportStream reports whether each packet that is wholly in head begins with its sync byte, at least
// two.
func isTransportStream(head []byte) bool {
	for _, lead := range []int{0, 4} { // m2ts has four bytes before each packet
		packets, at := 0, lead
		for at < len(head) && head[at] == 0x47 {
			packets++
			at += 188 + lead
		}
		if packets > 1 && at >= len(head) {
			return true
		}
	}
	return false
}

// isMDD tells a cache of vertices by its length, which follows from its header.
func isMDD(head []byte, size int64) bool {
	if len(head) < 8 {
		return false
	}
	frames, points := int64(binary.BigEndian.Uint32(head)), int64(binary.BigEndian.Uint32(head[4:]))
	return frames > 0 && points > 0 && frames < 1<<24 && points < 1<<31 && size == 8+4*frames+12*frames*points
}

// isMantaflow tells a file of a fluid cache, which is gzip: a grid or particles
// with a signature, the domain's settings that begin with flags and its three
// dimensions, or a mesh that begins with the number of its vertices.
func isMantaflow(name string, head []byte) bool {
	start := unpackedStart(head)
	if len(start) < 16 {
		return false
	}
	number := func(i int) uint32 { return binary.LittleEndian.Uint32(start[4*i:]) }
	switch name = strings.ToLower(name); {
	case strings.HasSuffix(name, ".bobj.gz"):
		return number(0) < 1<<28
	case strings.HasPrefix(name, "config_"):
		const most = 1 << 14 // cells on a side
		return number(0) < 1<<16 && number(1)-1 < most && number(2)-1 < most && number(3)-1 < most
	}
	return slices.Contains([]string{"MNT", "M4T", "PB0", "DDF"}, string(start[:3]))
}

// isPackedBlend tells a compressed blend file.
func isPackedBlend(head []byte) bool {
	return signed(unpackedStart(head))&blendFile != 0
}

// unpackedStart decompresses the first bytes of what begins as gzip or zstd.
func unpackedStart(head []byte) []byte {
	start := make([]byte, 16)
	var r io.Reader
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(bytes.NewReader(head))
		if err != nil {
			return nil
		}
		r = z
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(bytes.NewReader(head), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(32<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil
		}
		defer z.Close()
		r = z
	default:
		return nil
	}
	n, _ := io.ReadFull(r, start)
	return start[:n]
}

// isPlainText reports whether a file is one of the few kinds of text that a render reads. Text has no
// signature: it has to be without control characters, and to begin with or hold a word of its kind. It has to
// be UTF-8, except that light profiles and shaders may be in any 8-bit encoding, and end with Ctrl-Z as files
// of DOS programs do.
func isPlainText(ext string, head []byte, size int64) bool {
	eightBit := ext == "ies" || ext == "osl"
	if eightBit {
		head = bytes.TrimRight(head, "\x1a\r\n")
	}
	if size > 16<<20 || !eightBit && !isUTF8(head, size) || hasControls(head) {
		return false
	}
	text := strings.TrimPrefix(string(head), "\ufeff")
	switch ext {
	case "usda":
		return strings.HasPrefix(text, "#usda")
	case "stl":
		return strings.HasPrefix(text, "solid") && containsWord(text, "facet", "endsolid")
	case "ies":
		return strings.HasPrefix(strings.TrimSpace(text), "IESNA") || strings.Contains(text, "TILT=")
	case "oso":
		return strings.HasPrefix(text, "OpenShadingLanguage")
	case "osl":
		return containsWord(text, "shader", "surface", "displacement", "volume") && strings.Contains(text, "(")
	case "obj":
		return firstWordIn(text, "v", "vn", "vt", "vp", "f", "o", "g", "s", "mtllib", "usemtl")
	}
	return false
}

// isUTF8 reports whether what there is of a file is UTF-8. The last character may be cut off.
func isUTF8(head []byte, size int64) bool {
	if int64(len(head)) < size {
		for i := 0; i < utf8.UTFMax && len(head) > 0 && !utf8.Valid(head); i++ {
			head = head[:len(head)-1]
		}
	}
	return utf8.Valid(head)
}

// hasControls reports whether text has control characters beyond those that separate words and lines.
func hasControls(text []byte) bool {
	return slices.ContainsFunc(text, func(c byte) bool {
		return c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f'
	})
}

func containsWord(text string, words ...string) bool {
	fields := strings.FieldsFunc(text, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
	return slices.ContainsFunc(fields, func(field string) bool { return slices.Contains(words, field) })
}

// firstWordIn looks at the first line that is no comment.
func firstWordIn(text string, words ...string) bool {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
			return slices.Contains(words, fields[0])
		}
	}
	return false
}
