package conform

import (
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// CMX 3600: an event line has number, reel, track, transition, its length, and four timecodes or frame
// numbers. Key edits say "K", "K B" or "K O".
//
//	002  SH010    V     D    012 01:00:00:00 01:00:02:00 00:00:02:00 00:00:04:00
var (
	edlEvent = pattern(`^(\d+)\s+(\S+)\s+(\S+)\s+(C|D|W\d{1,3}|K(?:\s?[BO])?)\s+(?:(\d{1,4})\s+)?(?:\(F\)\s+)?(\d\S*)\s+(\d\S*)\s+(\d\S*)\s+(\d\S*)$`)
	edlTimes = pattern(`^\d+\s.*(?:\s\d+:\d+:\d+\D\d+){4}$`)
	edlSpeed = pattern(`^M2\s+(.*?)\s+([-+]?[\d.]+)\s+[\d:;.,]+$`)
	edlNote  = pattern(`^\*?\s*([A-Z][A-Z ]*[A-Z])\s*:\s*(.*)$`)
	edlHold  = pattern(`^\*[\s*]*FREEZE FRAME`)
)

// noMedia are the reels that stand for no tape: black, and colour bars.
var noMedia = []string{"BL", "BLACK", "BARS"}

func readEDL(text io.Reader, name string, opt Options) ([]Clip, error) {
	all, err := io.ReadAll(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := edlParser{name: name, opt: opt}
	for n, line := range strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(toUTF8(all)), "\n") {
		if err := p.line(strings.TrimSpace(line), n+1); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n+1, err)
		}
	}
	if p.event == "" {
		return nil, fmt.Errorf("%s: %w: no event line in it", name, ErrFormat)
	}
	return p.finish()
}

// toUTF8 takes what is not UTF-8 for Latin-1, which old editing systems write.
func toUTF8(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	runes := make([]rune, len(text))
	for i, b := range text {
		runes[i] = rune(b)
	}
	return string(runes)
}

type edlParser struct {
	name  string
	opt   Options
	drop  bool
	clips []edlClip
	event string // number of the event that is being read
	size  int    // how many clips it has
}

type edlClip struct {
	Clip
	number  string
	in, out float64 // of the source, as written
	record  float64 // length in the edit
	fades   float64 // how long a transition shows it beyond its cut
	video   bool
	speed   float64 // 1 unless an M2 line said something else
}

// line reads a line without spaces around it. Titles and remarks of other makers are skipped.
func (p *edlParser) line(line string, n int) error {
	switch {
	case strings.HasPrefix(line, "FCM:"):
		p.drop = strings.Contains(line, "DROP") && !strings.Contains(line, "NON")
	case edlEvent().MatchString(line):
		return p.eventLine(edlEvent().FindStringSubmatch(line), n)
	case edlTimes().MatchString(line):
		return fmt.Errorf("an event in a form that is not known: %q; flsync knows cuts C, dissolves D, wipes W001 and keys K, K B, K O", line)
	case edlSpeed().MatchString(line):
		m := edlSpeed().FindStringSubmatch(line)
		return p.speedLine(m[1], m[2])
	case edlHold().MatchString(line):
		if c := p.last(); c != nil {
			c.speed = 0
		}
	case edlNote().MatchString(line):
		m := edlNote().FindStringSubmatch(line)
		p.note(m[1], m[2])
	}
	return nil
}

func (p *edlParser) rate() float64 {
	if p.drop && p.opt.Rate == 24 {
		return ntsc(29.97)
	}
	return ntsc(p.opt.Rate)
}

func (p *edlParser) eventLine(m []string, n int) error {
	number, reel, track, how := m[1], m[2], m[3], m[4]
	rate := p.rate()
	var at [4]float64
	for i := range at {
		var err error
		if at[i], _, err = frame(m[6+i], rate, p.drop); err != nil {
			return err
		}
	}
	c := edlClip{
		Clip:   Clip{Reel: reel, Where: fmt.Sprintf("%s:%d", p.name, n), Metadata: make(map[string]string), Source: Range{Rate: rate}},
		number: number, in: at[0], out: at[1], record: at[3] - at[2], speed: 1,
		video: !strings.HasPrefix(track, "A") || strings.Contains(track, "V"),
	}
	if c.record < 0 {
		return fmt.Errorf("event %s ends before it begins in the edit", number)
	}
	if number != p.event {
		p.event, p.size = number, 0
	}
	if from := p.last(); strings.ContainsAny(how[:1], "DW") && p.size > 0 && !p.opt.Cuts { // the clip that goes is seen for as long
		from.fades, _ = strconv.ParseFloat(m[5], 64)
	}
	p.clips = append(p.clips, c)
	p.size++
	return nil
}

func (p *edlParser) last() *edlClip {
	if len(p.clips) == 0 {
		return nil
	}
	return &p.clips[len(p.clips)-1]
}

// speedLine reads what M2 says: how many frames of the source pass in a second of the edit.
func (p *edlParser) speedLine(reel, text string) error {
	fps, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("M2 line: %q is no speed", text)
	}
	c := p.last()
	if c == nil {
		return fmt.Errorf("M2 line for reel %s before any event", reel)
	}
	if p.size > 1 && c.Reel != reel && p.clips[len(p.clips)-2].Reel == reel {
		c = &p.clips[len(p.clips)-2]
	}
	c.speed = fps / math.Round(c.Source.Rate)
	return nil
}

func (p *edlParser) note(key, value string) {
	c := p.last()
	if c == nil {
		return
	}
	switch key {
	case "TO CLIP NAME":
		c.Name = value
	case "FROM CLIP NAME":
		if p.size > 1 { // a transition, from the clip of the event's first line
			c = &p.clips[len(p.clips)-2]
		}
		c.Name = value
	case "SOURCE FILE", "FROM FILE", "FROM CLIP", "FROM CLIP IS", "MEDIA FILE":
		c.File = value
	default:
		c.Metadata[strings.ToLower(strings.ReplaceAll(key, " ", "_"))] = value
	}
}

// finish makes clips of what is picture.
func (p *edlParser) finish() ([]Clip, error) {
	var clips []Clip
	named := make(map[string]string) // the last name of each reel
	for _, c := range p.clips {
		if !c.video || slices.Contains(noMedia, c.Reel) || c.in == c.out && c.record+c.fades == 0 {
			continue
		}
		if err := c.place(); err != nil {
			return nil, fmt.Errorf("%s: event %s: %w", c.Where, c.number, err)
		}
		switch {
		case c.Name != "":
		case c.File != "":
			base := path.Base(strings.ReplaceAll(c.File, `\`, "/"))
			c.Name = strings.TrimSuffix(base, path.Ext(base))
		case c.in == c.out && named[c.Reel] != "": // goes on from the event before
			c.Name = named[c.Reel]
		default:
			c.Name = c.Reel
		}
		if c.speed == 0 {
			c.Name = strings.TrimSuffix(c.Name, " FF") // an Avid's mark
		}
		named[c.Reel] = c.Name
		clips = append(clips, c.Clip)
	}
	return clips, nil
}

// place works out which frames of the source are seen. Where its length differs from the edit's, it has
// the speed in it already. Editing systems disagree on whether a clip that runs backwards has its timecodes
// in the order of the source or of the edit.
func (c *edlClip) place() error {
	if c.out < c.in {
		if c.speed >= 0 {
			return fmt.Errorf("it ends before it begins in the source, and no M2 line says that it runs backwards")
		}
		c.in, c.out = c.out, c.in
	}
	length, fades := c.out-c.in, c.fades*math.Abs(c.speed)
	switch {
	case c.speed == 0:
		length, fades = 1, 0
	case length == c.record:
		length *= math.Abs(c.speed)
	}
	c.Source.Start, c.Source.Duration = c.in, snap(length+fades)
	if c.speed < 0 {
		c.Source.Start -= fades
	}
	return nil
}
