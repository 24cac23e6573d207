package conform

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

// A Clip is one use of some media in an edit.
type Clip struct {
	Name     string
	Reel     string            // of an EDL; empty elsewhere unless the metadata has it
	File     string            // the media's path or URL, as the edit has it; may be empty
	Metadata map[string]string // nested names joined by dots

	Source    Range  // what of the media is seen, changes of speed applied; Rate 0 if the edit does not say
	Available Range  // what the media has; Duration 0 if the edit does not say
	Where     string // for messages: file:line, or the place in the timeline
}

// Range is a stretch of media: its first frame and length, both in frames at Rate a second.
type Range struct {
	Start, Duration, Rate float64
}

// A Reader makes clips of one format. Errors name the place in the text.
type Reader func(text io.Reader, name string, opt Options) ([]Clip, error)

// Options are about formats that do not say everything themselves.
type Options struct {
	// Rate is the frame rate of an EDL's or a CSV's timecodes. Default 24, as OpenTimelineIO has it; an
	// EDL that says DROP FRAME is read at 30000/1001.
	Rate float64

	// Cuts leaves out what transitions show of a clip beyond its cut. By default these frames are part of
	// the clip, since they are seen.
	Cuts bool
}

// formats by the ending of the file's name.
var formats = map[string]Reader{".otio": readOTIO, ".edl": readEDL, ".csv": readCSV}

// ErrFormat says that a timeline's format is not known.
var ErrFormat = errors.New("not a timeline that flsync reads")

// maxTimeline bounds what is read of a timeline. A feature film's, with all metadata, has some 50 MB.
const maxTimeline = 512 << 20

// Read reads the timeline name from r; its ending says which format it has.
func Read(name string, r io.Reader, opt Options) ([]Clip, error) {
	ext := strings.ToLower(filepath.Ext(name))
	reader, ok := formats[ext]
	if !ok {
		known := make([]string, 0, len(formats))
		for e := range formats {
			known = append(known, e)
		}
		slices.Sort(known)
		return nil, fmt.Errorf("%s: %w: its name should end in one of %s", name, ErrFormat, strings.Join(known, " "))
	}
	if opt.Rate == 0 {
		opt.Rate = 24
	}
	if opt.Rate < 0 || opt.Rate > 1000 || math.IsNaN(opt.Rate) {
		return nil, fmt.Errorf("%s: a rate of %g frames a second makes no sense", name, opt.Rate)
	}
	return reader(io.LimitReader(r, maxTimeline), name, opt)
}
