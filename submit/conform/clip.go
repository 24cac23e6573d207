package conform

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/flsync/flsync/internal/pattern"
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
	// Generated is set where the edit makes the picture itself: a title, a colour, an adjustment layer.
	Generated bool
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
	".xlsx": exportCSV, ".xls": exportCSV, ".ods": exportCSV, ".numbers": exportCSV,
	".otioz": "take content.otio out of it", ".otiod": "give content.otio in it",
}

const (
	exportOTIO = "export the edit as OpenTimelineIO (.otio) instead"
	exportCSV  = "save the shot list as .csv instead"
)

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
		c := &edit.Clips[i]
		c.Name = cmp.Or(c.Name, mediaStem(c.File))
		c.Generated = c.Generated || c.File == "" && c.Blend == "" && generated().MatchString(c.Name)
	}
	return edit, nil
}

// toUTF8 decodes UTF-16, with a byte-order mark or known by its zeros, and takes what is not UTF-8 for
// Windows-1252, which holds Latin-1's letters.
func toUTF8(text []byte) string {
	var from encoding.Encoding = charmap.Windows1252
	switch utf16 := unicode.UTF16; {
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")):
		from = utf16(unicode.LittleEndian, unicode.ExpectBOM)
	case len(text) > 1 && text[0] == 0:
		from = utf16(unicode.BigEndian, unicode.IgnoreBOM)
	case len(text) > 1 && text[1] == 0:
		from = utf16(unicode.LittleEndian, unicode.IgnoreBOM)
	case utf8.Valid(text):
		return strings.TrimPrefix(string(text), "\ufeff")
	}
	decoded, err := from.NewDecoder().Bytes(text)
	if err != nil {
		return string(text)
	}
	return string(decoded)
}

// numbered is the stem of an image sequence's name with the numbers of its images: all of them in brackets,
// a placeholder, or those of one image.
var numbered = pattern.Lazy(`^(.*?)[._\- ]*(?:\[\d+-\d+\]|#+|@+|%0?\d*d|\$F\d*|\d+)?$`)

// mediaStem is the name of a media file without its folder, ending and frame numbers. "sh010_0001.mov" is no
// image: its number is part of the name.
func mediaStem(file string) string {
	base := path.Base(strings.ReplaceAll(file, `\`, "/"))
	if file == "" || base == "/" || base == "." {
		return ""
	}
	stem := strings.TrimSuffix(base, path.Ext(base))
	if m := numbered().FindStringSubmatch(stem); m[1] != "" && (imageEnding().MatchString(base) || strings.ContainsAny(stem, "[#%$@")) {
		return m[1]
	}
	return stem
}

var (
	imageEnding = pattern.Lazy(`(?i)\.(exr|png|jpe?g|tiff?|dpx|cin|tga|bmp|hdr|webp|jp2|sgi|rgb)$`)
	movieEnding = pattern.Lazy(`(?i)\.(mov|mp4|m4v|mxf|mkv|avi|webm|mpe?g|braw|r3d|ari)$`)
	lastNumber  = pattern.Lazy(`(\d{1,9})\.\w+$`)
	bracketed   = pattern.Lazy(`\[(\d{1,9})-(\d{1,9})\]\.\w+$`)
)

// numberImages sets FirstNumber where the name of the clip's file, or its own, says which images there are,
// such as x.[1005-1056].exr. Where the edit does not say at which time the first one is, the clip must lie
// within the images: its frames are their numbers, or count from 0, or from a full hour of timecode.
func (c *Clip) numberImages() {
	m := bracketed().FindStringSubmatch(c.File)
	if m == nil {
		if m = bracketed().FindStringSubmatch(c.Name); m == nil {
			return
		}
	}
	first, last := parseInt(m[1]), parseInt(m[2])
	c.FirstNumber = &first
	if c.Available.Duration.sign() > 0 || c.Available.Start.sign() > 0 {
		return
	}
	start := c.Source.Start.floor()
	hour, _ := parseTimecode("01:00:00:00", c.Source.Rate, c.Drop)
	zero := start - start%max(1, hour)
	switch {
	case first <= start && start <= last:
		c.Available.Start = frames(first)
	case start-zero <= last-first:
		c.Available.Start = frames(zero)
	default:
		c.FirstNumber = nil
	}
}

// ImageNumber returns the frame number in the name of an image of a sequence, such as x.1005.exr; nil if it
// has none.
func ImageNumber(file string) *int64 {
	m := lastNumber().FindStringSubmatch(file)
	if m == nil {
		return nil
	}
	n := parseInt(m[1])
	return &n
}

// generated is the name that editing systems give to what they make themselves.
var generated = pattern.Lazy(`(?i)^(bl|black|black video|transparent video|slug|bars|bars and tone|colou?r bars|colou?r matte|solid colou?r|` +
	`adjustment (layer|clip)|universal counting leader|text\+?|title)( ?\d+)?$`)
