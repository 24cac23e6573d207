package conform

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// CMX 3600: an event line has number, reel, track, transition, its length, and four timecodes.
//
//	002  SH010    V     D    012 01:00:00:00 01:00:02:00 00:00:02:00 00:00:04:00
var (
	edlEvent = regexp.MustCompile(`^\s*(\d{1,6})\s+(\S+)\s+(\S+)\s+(C|D|W\d{1,3}|K[BO]?)\s+(?:(\d{1,3})\s+)?(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s*$`)
	edlSpeed = regexp.MustCompile(`^\s*M2\s+(\S+)\s+([-+]?[\d.]+)\b`)
	edlNote  = regexp.MustCompile(`^\s*\*\s*([A-Z][A-Z ]*[A-Z])\s*:\s*(.*?)\s*$`)
)

func readEDL(text io.Reader, name string, opt Options) ([]Clip, error) {
	p := edlParser{name: name, opt: opt}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if err := p.line(strings.TrimPrefix(lines.Text(), "\ufeff"), n); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if p.events == 0 {
		return nil, fmt.Errorf("%s: %w: no event line in it", name, ErrFormat)
	}
	return p.finish(), nil
}

type edlParser struct {
	name   string
	opt    Options
	drop   bool
	events int
	clips  []edlClip
	event  string // number of the event that is being read
}

type edlClip struct {
	Clip
	record float64 // length in the edit
	video  bool
	speed  bool // an M2 line said so
	toName bool // the name of a dissolve's second clip
}

func (p *edlParser) line(line string, n int) error {
	switch {
	case strings.HasPrefix(line, "FCM:"):
		p.drop = strings.Contains(line, "DROP") && !strings.Contains(line, "NON")
		return nil
	case edlEvent.MatchString(line):
		return p.eventLine(edlEvent.FindStringSubmatch(line), n)
	case edlSpeed.MatchString(line):
		m := edlSpeed.FindStringSubmatch(line)
		return p.speedLine(m[1], m[2])
	case edlNote.MatchString(line):
		m := edlNote.FindStringSubmatch(line)
		p.note(m[1], m[2])
	}
	return nil // titles and remarks of other makers
}

func (p *edlParser) rate() float64 {
	if p.drop && p.opt.Rate == 24 {
		return ntsc(29.97)
	}
	return ntsc(p.opt.Rate)
}

func (p *edlParser) eventLine(m []string, n int) error {
	p.events++
	number, reel, track, how := m[1], m[2], m[3], m[4]
	rate := p.rate()
	var at [4]int64
	for i := range at {
		var err error
		if at[i], err = ParseTimecode(m[6+i], rate, p.drop); err != nil {
			return err
		}
	}
	if at[1] < at[0] || at[3] < at[2] {
		return fmt.Errorf("event %s ends before it begins", number)
	}
	c := edlClip{
		Clip: Clip{
			Reel: reel, Speed: 1, Where: fmt.Sprintf("%s:%d", p.name, n), Metadata: make(map[string]string),
			Source: Range{Start: float64(at[0]), Duration: float64(at[1] - at[0]), Rate: rate},
		},
		record: float64(at[3] - at[2]),
		video:  !strings.HasPrefix(track, "A") || strings.Contains(track, "V"),
	}
	if how != "C" && number == p.event { // the second line of a dissolve or wipe: the clip that comes
		length, _ := strconv.Atoi(m[5])
		c.toName = true
		if from := p.last(); from != nil && !p.opt.Cuts { // the clip that goes is seen for as long
			from.Source.Duration += float64(length)
			from.record += float64(length)
		}
	}
	if c.Source.Duration > 0 || c.record > 0 || how == "C" {
		p.clips = append(p.clips, c)
	}
	p.event = number
	return nil
}

func (p *edlParser) last() *edlClip {
	if len(p.clips) == 0 {
		return nil
	}
	return &p.clips[len(p.clips)-1]
}

func (p *edlParser) speedLine(reel, text string) error {
	fps, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("M2 line: %q is no speed", text)
	}
	for i := len(p.clips) - 1; i >= 0; i-- {
		if c := &p.clips[i]; c.Reel == reel {
			c.Speed, c.speed = fps/c.Source.Rate, true
			return nil
		}
	}
	return fmt.Errorf("M2 line for reel %s, which no event before it uses", reel)
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
		if c.toName && len(p.clips) > 1 {
			c = &p.clips[len(p.clips)-2]
		}
		c.Name = value
	case "SOURCE FILE", "FROM FILE", "FROM CLIP IS", "MEDIA FILE":
		c.File = value
	default:
		c.Metadata[strings.ToLower(strings.ReplaceAll(key, " ", "_"))] = value
	}
}

// finish drops what is not picture and applies the rule for speed changes: where the source's length
// differs from the record's, the source says which frames are used and the speed is in it already.
func (p *edlParser) finish() []Clip {
	var clips []Clip
	for _, c := range p.clips {
		if !c.video || c.Reel == "BL" || c.Source.Duration == 0 && c.record == 0 {
			continue
		}
		if c.speed && c.Source.Duration != c.record && c.Source.Duration > 0 {
			c.Metadata["speed"] = strconv.FormatFloat(c.Speed, 'g', 6, 64)
			c.Speed = 1
		}
		if c.Name == "" {
			c.Name = c.Reel
		}
		clips = append(clips, c.Clip)
	}
	return clips
}
