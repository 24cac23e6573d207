package conform

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
)

// CMX 3600: an event line has number, reel, track, transition, its length, and four timecodes or frame
// numbers. Key edits say "K", "K B" or "K O". The reel may have spaces in it, or lack.
//
//	002  SH010    V     D    012 01:00:00:00 01:00:02:00 00:00:02:00 00:00:04:00
var (
	edlEvent = pattern.Lazy(`^(\d+)\s+(?:(.*?)\s+)??([VAB][VAB\d/]*|NONE)\s+(?:(C|D|W\d{1,3}|K(?:\s?[BO])?)\s+)?(?:(\d{1,4})\s+)?(?:\(F\)\s+)?` +
		`(\d\S*)\s+(\d\S*)\s+(\d\S*)\s+(\d\S*)$`)
	edlTimes  = pattern.Lazy(`^\d+\s.*(?:\s\d+[:;.,]\d+[:;.,]\d+\D\d+){2}`)
	edlSpeed  = pattern.Lazy(`(?i)^M2\b\s*(.*)$`)
	edlNote   = pattern.Lazy(`(?i)^\*?\s*([A-Z][A-Z ]*[A-Z])\s*:\s*(.*)$`)
	edlHold   = pattern.Lazy(`(?i)^\*[\s*]*FREEZE FRAME`)
	edlLoc    = pattern.Lazy(`^[\d:;]+\s+[A-Z]+\s+(.*)$`)
	edlDrop   = pattern.Lazy(`(?im)^\s*FCM:\s*DROP|\b\d\d:\d\d:\d\d;\d\d\b`)
	edlMarker = pattern.Lazy(`\|C:ResolveColor`)
)

// noMedia reports whether a reel stands for no tape: black, or colour bars.
func noMedia(reel string) bool {
	return slices.Contains([]string{"BL", "BLACK", "BARS"}, strings.ToUpper(reel))
}

func readEDL(text []byte, name string, opt Options) (*Edit, error) {
	all := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(toUTF8(text))
	if edlMarker().MatchString(all) {
		return nil, fmt.Errorf("%s: %w: it lists Resolve's markers, not clips; export the timeline itself, as .otio or with File > Export > Timeline", name, ErrFormat)
	}
	p := edlParser{name: name, opt: opt, rate: Rate(opt.Rate)}
	if opt.Rate == 0 {
		p.hint = "timecodes were read at 24 frames a second; --rate says otherwise"
		p.rate = Rate(24)
		if edlDrop().MatchString(all) { // a file has one rate
			p.rate, p.hint = Rate(29.97), ""
		}
	}
	for n, line := range strings.Split(all, "\n") {
		p.line(strings.TrimSpace(line), n+1)
	}
	if len(p.clips)+len(p.edit.Problems) == 0 {
		return nil, fmt.Errorf("%s: %w: no event line in it", name, ErrFormat)
	}
	p.finish()
	return &p.edit, nil
}

type edlParser struct {
	name  string
	opt   Options
	rate  Rational
	hint  string
	drop  bool
	edit  Edit
	clips []*edlClip
	event []*edlClip // those of the event that is being read
	notes int        // how many FROM CLIP NAME the event had
	named *edlClip   // that of the last note with a name
	files int        // how many notes without a name had a file
}

type edlClip struct {
	Clip
	in, out   Rational // of the source, as written
	start     Rational // in the edit
	record    Rational // length in the edit
	fades     Rational // how long a transition shows it beyond its cut
	leaves    *edlClip // the clip that the transition leaves, if the event has but one line
	from      string   // its name, as the event says
	video     bool
	dissolves bool
	speed     Rational // 1 unless an M2 line said something else
	problem   string   // why it is left out
}

func (p *edlParser) problem(n int, clip, format string, args ...any) {
	p.edit.Problems = append(p.edit.Problems, Problem{Clip: clip, Where: fmt.Sprintf("%s:%d", p.name, n), Reason: fmt.Sprintf(format, args...)})
}

// line reads a line without spaces around it. Titles and remarks of other makers are skipped.
func (p *edlParser) line(line string, n int) {
	switch {
	case strings.HasPrefix(strings.ToUpper(line), "FCM:"):
		p.drop = edlDrop().MatchString(line)
	case edlEvent().MatchString(line):
		p.eventLine(edlEvent().FindStringSubmatch(line), n)
	case edlTimes().MatchString(line):
		p.event, p.named = nil, nil
		p.problem(n, "", "an event in a form that is not known: %q; flsync knows cuts C, dissolves D, wipes W001 and keys K, K B, K O", line)
	case len(p.event) == 0:
	case edlSpeed().MatchString(line):
		p.speedLine(edlSpeed().FindStringSubmatch(line)[1])
	case edlHold().MatchString(line):
		p.last().speed = Rational{}
	case edlNote().MatchString(line):
		m := edlNote().FindStringSubmatch(line)
		p.note(strings.ToUpper(m[1]), m[2])
	}
}

func (p *edlParser) eventLine(m []string, n int) {
	number, reel, track, how, length := m[1], m[2], m[3], m[4], m[5]
	if len(p.event) == 0 || p.event[0].Event != number {
		p.event, p.notes, p.named, p.files = nil, 0, nil, 0
	}
	c := &edlClip{
		Clip:  Clip{Reel: reel, Where: fmt.Sprintf("%s:%d", p.name, n), Metadata: make(map[string]string), Event: number, Source: Range{Rate: p.rate}, Hint: p.hint},
		speed: frames(1), video: strings.ContainsAny(track[:1], "VB") || strings.Contains(track, "V"), dissolves: how != "C" && how != "" || length != "",
	}
	switch { // notes and speeds of sound and picture of one number are the picture's
	case len(p.event) == 0 || c.video && !p.last().video:
		p.event = []*edlClip{c}
	case c.video || !p.last().video:
		p.event = append(p.event, c)
	}
	var at [4]Rational
	for i := range at {
		var err error
		if at[i], _, err = frame(m[6+i], p.rate, p.drop); err != nil {
			c.problem = err.Error()
		}
		c.Drop = c.Drop || p.drop || i < 2 && strings.Contains(m[6+i], ";")
	}
	c.in, c.out, c.start, c.record, c.RecordIn = at[0], at[1], at[2], p.length(at[2], at[3]), m[8]
	if how == "" && length != "" {
		p.problem(n, "", "event %s has the length of a transition, %s, but no letter that says which; it was read as a dissolve", number, length)
	}
	if fades, _ := strconv.Atoi(length); c.dissolves && c.video && !strings.HasPrefix(how, "K") {
		from := p.leaving(c)
		if len(p.event) == 1 {
			c.leaves = from
		}
		if from != nil && !p.opt.Cuts { // the clip that goes is seen for as long
			from.fades = frames(int64(fades))
		}
	}
	p.clips = append(p.clips, c)
}

// length is from one time of the edit to another, which may be past midnight.
func (p *edlParser) length(from, to Rational) Rational {
	if to.less(from) {
		day, _ := parseTimecode("24:00:00:00", p.rate, p.drop)
		return to.sub(from).add(frames(day))
	}
	return to.sub(from)
}

// leaving returns the clip that the transition to c leaves: that of the event's line before it, else the
// picture that ends where c begins.
func (p *edlParser) leaving(c *edlClip) *edlClip {
	if len(p.event) > 1 {
		return p.event[len(p.event)-2]
	}
	for _, before := range slices.Backward(p.clips) {
		if before.video {
			if before.start.add(before.record).Equal(c.start) {
				return before
			}
			break
		}
	}
	return nil
}

func (p *edlParser) last() *edlClip { return p.event[len(p.event)-1] }

// speedLine reads what M2 says: a reel, how many frames of the source pass in a second of the edit, and
// where. Reel and place may lack.
func (p *edlParser) speedLine(text string) {
	fields := strings.Fields(strings.ReplaceAll(text, ",", "."))
	at := ""
	if n := len(fields); n > 0 && strings.ContainsAny(fields[n-1], ":;") || n > 2 && isNumber(fields[n-2]) && !strings.ContainsAny(fields[n-1], ".+-%") {
		at, fields = fields[n-1], fields[:n-1]
	}
	c := p.last()
	if len(fields) == 0 {
		c.problem = fmt.Sprintf("the line %q has no speed that can be read", "M2 "+text)
		return
	}
	speed, reel := fields[len(fields)-1], strings.Join(fields[:len(fields)-1], " ")
	if len(fields) > 1 && (fields[len(fields)-2] == "-" || fields[len(fields)-2] == "+") {
		speed, reel = fields[len(fields)-2]+speed, strings.Join(fields[:len(fields)-2], " ")
	}
	place, _, err := frame(at, p.rate, p.drop)
	fits := func(c *edlClip) bool { return err == nil && c.in.Equal(place) && (reel == "" || c.Reel == reel) }
	for _, other := range p.event {
		if other.Reel == reel && c.Reel != reel || fits(other) && !fits(c) {
			c = other
		}
	}
	percent, isPercent := strings.CutSuffix(speed, "%")
	x, err := strconv.ParseFloat(percent, 64)
	switch {
	case err != nil || math.Abs(x) > 1e6 || math.IsNaN(x):
		c.problem = fmt.Sprintf("the line %q has no speed that can be read", "M2 "+text)
	case isPercent:
		c.speed = Float(x).div(frames(100))
	default:
		fps := Rate(math.Abs(x))
		if fps.rat().Denom().Int64() != 1001 {
			fps = fps.mul(p.rate.div(frames(nominal(p.rate)))) // 24 frames a second of 23.976 are all
		}
		if c.speed = fps.div(p.rate); x < 0 {
			c.speed = Rational{}.sub(c.speed)
		}
	}
}

func isNumber(text string) bool { _, err := strconv.ParseFloat(text, 64); return err == nil }

func (p *edlParser) note(key, value string) {
	c := p.last()
	if value == "" || strings.Trim(value, "()") == "NULL" {
		return
	}
	switch key {
	case "TO CLIP NAME", "KEY CLIP NAME":
		c.Name, p.named = value, c
	case "FROM CLIP NAME":
		p.named = p.fromName(value)
	case "TO FILE", "TO CLIP":
		c.File = value
	case "SOURCE FILE", "FROM FILE", "FROM CLIP", "FROM CLIP IS", "MEDIA FILE":
		switch {
		case p.named != nil:
			c = p.named
		case len(p.event) > 1: // one for each line
			c = p.event[min(p.files, len(p.event)-1)]
			p.files++
		}
		if c.File = value; p.named == nil && !c.dissolves {
			for _, other := range p.event[slices.Index(p.event, c):] {
				other.File = value
			}
		}
	case "LOC":
		if m := edlLoc().FindStringSubmatch(value); m != nil {
			value = m[1]
		}
		fallthrough
	default:
		key = strings.ToLower(strings.ReplaceAll(key, " ", "_"))
		if c.Metadata[key] != "" {
			for n := 2; ; n++ {
				if next := key + strconv.Itoa(n); c.Metadata[next] == "" || n > 100 {
					key = next
					break
				}
			}
		}
		c.Metadata[key] = value
	}
}

// fromName gives a clip the name of FROM CLIP NAME, and returns that clip.
func (p *edlParser) fromName(name string) *edlClip {
	c := p.last()
	defer func() { p.notes++ }()
	switch {
	case c.leaves != nil: // a transition in one line; finish decides between the clip before and this one
		c.from = name
		return c.leaves
	case c.dissolves && len(p.event) > 1:
		from := p.event[len(p.event)-2]
		if noMedia(from.Reel) && !noMedia(name) {
			from = c // a fade from black
		}
		from.Name = name
		return from
	}
	rest := p.event[min(p.notes, len(p.event)-1):] // sound and picture of one number, or a name a line
	for _, line := range rest {
		line.Name = name
	}
	return rest[0]
}

// finish makes clips of what is picture.
func (p *edlParser) finish() {
	named := make(map[string]string) // the last name of each reel
	files := make(map[string]string) // the last file of each name
	for _, c := range p.clips {
		if c.from == "" {
			continue
		}
		switch {
		case c.leaves.Name == c.from || c.leaves.Name == "" && c.Name != "":
			c.leaves.Name = c.from
		case c.Name == "":
			c.Name = c.from
		}
	}
	for _, c := range p.clips {
		if !c.video || noMedia(c.Reel) || c.problem == "" && c.in.Equal(c.out) && c.record.add(c.fades).sign() == 0 {
			continue
		}
		if c.problem == "" {
			p.place(c)
		}
		switch {
		case c.Name != "":
		case c.File != "":
			c.Name = mediaStem(c.File)
		case c.in.Equal(c.out) && named[c.Reel] != "": // goes on from the event before
			c.Name = named[c.Reel]
		default:
			c.Name = c.Reel
		}
		if c.File == "" && c.in.Equal(c.out) {
			c.File = files[c.Name]
		}
		if files[c.Name] = c.File; c.speed.sign() == 0 {
			c.Name = strings.TrimSuffix(c.Name, " FF") // an Avid's mark
		}
		named[c.Reel] = c.Name
		if c.problem != "" {
			p.edit.Problems = append(p.edit.Problems, Problem{Clip: c.Name, Where: c.Where, Reason: "event " + c.Event + ": " + c.problem})
			continue
		}
		c.numberImages()
		p.edit.Clips = append(p.edit.Clips, c.Clip)
	}
}

// place works out which frames of the source are seen. Where its length differs from the edit's, it has the
// speed in it already, unless it is a single frame, as Avids write reversed clips. Editing systems disagree
// on whether a clip that runs backwards has its timecodes in the order of the source or of the edit.
func (p *edlParser) place(c *edlClip) {
	if c.out.less(c.in) {
		switch past := p.length(c.in, c.out); {
		case c.speed.sign() < 0:
			c.in, c.out = c.out, c.in
		case past.Equal(c.record):
			c.out = c.in.add(past)
		default:
			c.problem = "it ends before it begins in the source, and no M2 line says that it runs backwards"
			return
		}
	}
	one := frames(1)
	length, speed := c.out.sub(c.in), c.speed.abs()
	fades, shown := c.fades.mul(speed), c.record.mul(speed)
	c.Source.Start = c.in
	switch {
	case c.speed.sign() == 0:
		length, fades = one, Rational{}
	case speed.Equal(one) && c.speed.sign() > 0:
	case length.Equal(c.record):
		length = shown
	case length.cmp(one) <= 0 && one.less(shown):
		if length = shown; c.speed.sign() < 0 { // the frame is the first or the last of those that it shows
			c.Source.Start, length = c.in.add(one).sub(shown), shown.add(shown).sub(one)
			p.edit.Notes = append(p.edit.Notes, Note{"reversed", "", fmt.Sprintf(
				"%s: event %s runs backwards from frame %s, and does not say on which side of it; both are rendered", c.Where, c.Event, c.in)})
		}
	}
	c.Source.Duration = length.add(fades)
	if c.speed.sign() < 0 {
		c.Source.Start = c.Source.Start.sub(fades)
	}
}

func parseInt(text string) int64 { n, _ := strconv.ParseInt(text, 10, 64); return n }
