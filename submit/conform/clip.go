package conform

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// An Edit is what a reader finds in a timeline.
type Edit struct {
	Clips    []Clip
	Problems []Problem // events that cannot be read, or only by a guess
	Notes    []Note
}

// A Clip is one use of some media in an edit.
type Clip struct {
	Name     string
	Reel     string            // of an EDL; empty elsewhere unless the metadata has it
	File     string            // the media's path or URL, as the edit has it; may be empty
	Blend    string            // the blend file, where the edit names it itself: a path, absolute or below the project
	Metadata map[string]string // nested names joined by dots

	Source    Range // what of the media is seen, changes of speed applied; Rate 0 if the edit does not say
	Available Range // what the media has; Duration 0 if the edit does not say

	// FirstNumber is the scene's frame in the media's first image, if the names of its files say so: that
	// at Available.Start.
	FirstNumber *int64
	// ByFrame is set where the edit counts frames of the scene, whatever the rates are.
	ByFrame bool
	// Drop is set where timecodes of the media are counted with dropped frames.
	Drop bool

	Event    string   // its number in the edit
	RecordIn string   // timecode in the edit
	EditRate Rational // of the edit, in frames a second; 0 if it is the media's
	Where    string   // for messages: file:line, or the place in the timeline
	Hint     string   // what to try where the clip does not meet its scene
}

// Range is a stretch of media: its first frame and length, both in frames at Rate a second.
type Range struct {
	Start, Duration, Rate Rational
}

// Note is something to tell the user that leaves every frame right.
type Note struct{ Code, Path, Text string }

// A Reader makes clips of one format. Errors name the place in the text; what is wrong with one event is a
// problem of the edit.
type Reader func(text []byte, name string, opt Options) (*Edit, error)

// Options are about formats that do not say everything themselves.
type Options struct {
	// Rate is the frame rate of an EDL's or a CSV's timecodes. Default 24, as OpenTimelineIO has it; 29.97
	// for an EDL with dropped frames.
	Rate float64

	// Cuts leaves out what transitions show of a clip beyond its cut. By default these frames are part of
	// the clip, since they are seen.
	Cuts bool
}

// NewRange returns the range of n frames from start on, at rate frames a second.
func NewRange(start, n int64, rate Rational) Range {
	return Range{Start: frames(start), Duration: frames(n), Rate: rate}
}

// readers by the ending of the file's name.
func readers() map[string]Reader {
	return map[string]Reader{".otio": readOTIO, ".edl": readEDL, ".csv": readCSV, ".txt": readCSV, ".xml": readXML, ".fcpxml": readXML}
}

// unread are formats that flsync does not read, with what to do instead.
var unread = map[string]string{
	".aaf": exportOTIO, ".ale": exportOTIO, ".prproj": exportOTIO, ".drp": exportOTIO, ".drt": exportOTIO, ".fcpbundle": exportOTIO, ".fcpxmld": "give Info.fcpxml in it",
	".otioz": "take content.otio out of it", ".otiod": "give content.otio in it",
}

const exportOTIO = "export the edit as OpenTimelineIO (.otio) instead"

var (
	// ErrFormat says that a timeline's format is not known.
	ErrFormat = errors.New("not a timeline that flsync reads")
	// ErrNoPicture says that an edit shows nothing that could be rendered.
	ErrNoPicture = errors.New("no picture clip in it")
)

// maxTimeline bounds what is read of a timeline. A feature film's, with all metadata, has some 50 MB.
const maxTimeline = 512 << 20

// Read reads the timeline name from r; its ending says which format it has. The error is ErrFormat or
// ErrNoPicture, or says where the text is damaged.
func Read(name string, r io.Reader, opt Options) (*Edit, error) {
	ext := strings.ToLower(filepath.Ext(name))
	reader, ok := readers()[ext]
	switch {
	case unread[ext] != "":
		return nil, fmt.Errorf("%s: %w: %s", name, ErrFormat, unread[ext])
	case !ok:
		known := slices.Sorted(maps.Keys(readers()))
		return nil, fmt.Errorf("%s: %w: its name should end in one of %s", name, ErrFormat, strings.Join(known, " "))
	case opt.Rate < 0 || opt.Rate > 1000 || math.IsNaN(opt.Rate):
		return nil, fmt.Errorf("%s: a rate of %g frames a second makes no sense", name, opt.Rate)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxTimeline))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	edit, err := reader(text, name, opt)
	if err != nil {
		return nil, err
	}
	if len(edit.Clips)+len(edit.Problems) == 0 {
		return nil, fmt.Errorf("%s: %w", name, ErrNoPicture)
	}
	for i := range edit.Clips {
		if c := &edit.Clips[i]; c.Name == "" {
			c.Name = mediaStem(c.File)
		}
	}
	return edit, nil
}

// toUTF8 decodes UTF-16 with a byte-order mark, and takes what is not UTF-8 for Latin-1, which old editing
// systems write.
func toUTF8(text []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		order = binary.BigEndian
	case utf8.Valid(text):
		return strings.TrimPrefix(string(text), "\ufeff")
	default:
		runes := make([]rune, len(text))
		for i, b := range text {
			runes[i] = rune(b)
		}
		return string(runes)
	}
	units := make([]uint16, len(text)/2-1)
	for i := range units {
		units[i] = order.Uint16(text[2+2*i:])
	}
	return string(utf16.Decode(units))
}

// numbered is the stem of an image sequence's name with the numbers of its images: all of them in brackets,
// a placeholder, or those of one image.
var numbered = pattern(`^(.*?)[._\- ]*(?:\[(\d+)-\d+\]|#+|%0?\d*d|\d+)?$`)

// mediaStem is the name of a media file without its folder, ending and frame numbers. "sh010_0001.mov" is no
// image: its number is part of the name.
func mediaStem(file string) string {
	base := path.Base(strings.ReplaceAll(file, `\`, "/"))
	if file == "" || base == "/" || base == "." {
		return ""
	}
	stem := strings.TrimSuffix(base, path.Ext(base))
	if m := numbered().FindStringSubmatch(stem); m[1] != "" && (isImage(base) || strings.ContainsAny(stem, "[#%")) {
		return m[1]
	}
	return stem
}

// isImage reports whether a file's name is that of a still image.
func isImage(name string) bool { return imageEnding().MatchString(name) }

var (
	imageEnding = pattern(`(?i)\.(exr|png|jpe?g|tiff?|dpx|cin|tga|bmp|hdr|webp|jp2|sgi|rgb)$`)
	lastNumber  = pattern(`(\d{1,9})\.\w+$`)
	bracketed   = pattern(`\[(\d{1,9})-\d+\]\.\w+$`)
)

// bracketNumber returns the first frame that a name such as x.[1005-1056].exr says; nil if it says none.
func bracketNumber(file string) *int64 { return firstNumber(bracketed(), file) }

// ImageNumber returns the frame number in the name of an image of a sequence, such as x.1005.exr; nil if it has none.
func ImageNumber(file string) *int64 { return firstNumber(lastNumber(), file) }

func firstNumber(re *regexp.Regexp, text string) *int64 {
	m := re.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	n := parseInt(m[1])
	return &n
}
