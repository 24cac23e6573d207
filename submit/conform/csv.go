package conform

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
)

// csvColumns are the columns that mean something, each with the names that it has in exports of Kitsu and
// ShotGrid too. Case, spaces and underscores do not count.
var csvColumns = map[string][]string{
	"name":     {"name", "shot code", "shot name", "shot", "code", "clip name"},
	"in":       {"in", "frame in", "cut in", "first", "first frame", "start", "start frame"},
	"out":      {"out", "frame out", "cut out", "last", "last frame", "end", "end frame"},
	"duration": {"frame range", "range", "duration", "frames", "cut duration", "nb frames", "length"},
	"rate":     {"rate", "fps"},
	"speed":    {"speed"},
	"reel":     {"reel"},
	"file":     {"file"},
}

const kitsuHint = "frames in and out of Kitsu are often places in the edit; --first-frame 1001 says that each shot begins at 1001"

// readCSV reads a shot list. The header row names the columns, in any order:
//
//	name                       required
//	in, out                    first and last frame, both used; or timecodes, out not used
//	in, duration               instead of them
//	reel, file, rate, speed    optional
//	any other                  becomes metadata of that name
//
// The separator is the one that the header has most of.
func readCSV(all []byte, name string, opt Options) (*Edit, error) {
	text := toUTF8(all)
	skipped := 0
	first, rest, _ := strings.Cut(text, "\n")
	if s, ok := strings.CutPrefix(strings.TrimSpace(first), "sep="); ok && len(s) == 1 { // what Excel is told
		text, skipped = rest, 1
		first, _, _ = strings.Cut(rest, "\n")
	}
	comma := ','
	for _, c := range ";\t|" {
		if strings.Count(first, string(c)) > strings.Count(first, string(comma)) {
			comma = c
		}
	}
	read := csv.NewReader(strings.NewReader(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)))
	read.Comma, read.FieldsPerRecord, read.LazyQuotes, read.TrimLeadingSpace = comma, -1, true, comma != '\t'
	header, err := read.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: %w: it is empty", name, ErrNoPicture)
	case err != nil:
		return nil, fmt.Errorf("%s: no header row: %w", name, err)
	}
	column := make(map[string]int) // the first of each name
	for i, h := range header {
		header[i] = strings.ToLower(strings.TrimSpace(h))
		h = strings.Join(strings.Fields(strings.ReplaceAll(header[i], "_", " ")), " ")
		if _, twice := column[h]; !twice {
			column[h] = i
		}
	}
	known := make(map[string]int)
	for key, names := range csvColumns {
		if i := slices.IndexFunc(names, func(n string) bool { _, ok := column[n]; return ok }); i >= 0 {
			known[key] = column[names[i]]
		}
	}
	if _, ok := known["name"]; !ok {
		return nil, fmt.Errorf("%s:%d: no column \"name\"", name, 1+skipped)
	}
	_, kitsu := column["frame in"]
	edit := &Edit{}
	for {
		row, err := read.Read()
		if errors.Is(err, io.EOF) {
			return edit, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := read.FieldPos(0)
		cell := func(i int) string {
			if i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		get := func(key string) string {
			if i, ok := known[key]; ok {
				return cell(i)
			}
			return ""
		}
		if strings.Join(row, "") == "" {
			continue
		}
		where := fmt.Sprintf("%s:%d", name, line+skipped)
		c, err := csvClip(get, opt)
		if err != nil {
			edit.Problems = append(edit.Problems, Problem{Clip: get("name"), Where: where, Reason: err.Error()})
			continue
		}
		c.Where, c.Event, c.Metadata = where, strconv.Itoa(line+skipped), make(map[string]string)
		for i, h := range slices.Backward(header) { // the first of each name
			c.Metadata[h] = cell(i)
		}
		if kitsu && !strings.ContainsAny(get("in"), ":;") {
			c.Available, c.Hint = c.Source, kitsuHint
		}
		edit.Clips = append(edit.Clips, c)
	}
}

// csvRange is the first and last frame in one cell; csvThousands a number as spreadsheets show it.
var (
	csvRange     = pattern.Lazy(`^(\d+)\s*(?:-|–|\.\.+)\s*(\d+)$`)
	csvThousands = pattern.Lazy(`^\d{1,3}(,\d{3})+$`)
)

// csvFrame makes a frame number of a spreadsheet's with commas plain.
func csvFrame(cell string) string {
	if csvThousands().MatchString(cell) {
		return strings.ReplaceAll(cell, ",", "")
	}
	return strings.Replace(cell, ",", ".", 1)
}

func csvClip(get func(string) string, opt Options) (Clip, error) {
	c := Clip{Name: get("name"), Reel: get("reel"), File: get("file")}
	rate, speed := opt.Rate, 1.0
	if err := errors.Join(number(get("rate"), &rate), number(get("speed"), &speed)); err != nil {
		return c, err
	}
	if rate < 0 || rate > 1000 {
		return c, fmt.Errorf("a rate of %g makes no sense", rate)
	}
	c.ByFrame = rate == 0
	rate = cmp.Or(rate, 24)
	c.Source.Rate = Rate(rate)
	first, last, length := csvFrame(get("in")), csvFrame(get("out")), csvFrame(get("duration"))
	if m := csvRange().FindStringSubmatch(length); m != nil && first == "" {
		first, last = m[1], m[2]
	}
	if first == "" || last == "" && length == "" {
		return c, errors.New("the row does not say which frames are used; it needs in and out, or in and duration")
	}
	start, isTimecode, err := frame(first, c.Source.Rate, false)
	if err != nil {
		return c, fmt.Errorf("in: %w", err)
	}
	c.ByFrame, c.Drop = c.ByFrame && !isTimecode, strings.Contains(first, ";")
	c.Source.Start = start
	if last == "" {
		c.Source.Duration, _, err = frame(length, c.Source.Rate, false)
	} else {
		var end Rational
		if end, _, err = frame(last, c.Source.Rate, false); err == nil {
			c.Source.Duration = end.sub(start)
			if !isTimecode {
				c.Source.Duration = c.Source.Duration.add(frames(1))
			}
		}
	}
	switch {
	case err != nil:
		return c, fmt.Errorf("out: %w", err)
	case c.Source.Duration.sign() <= 0:
		return c, errors.New("the clip ends before it begins")
	case speed == 0:
		c.Source.Duration = frames(1)
	default:
		c.Source.Duration = c.Source.Duration.mul(Float(speed).abs())
	}
	return c, nil
}

// number reads a decimal, with a comma where a spreadsheet writes one.
func number(text string, into *float64) (err error) {
	if text == "" {
		return nil
	}
	if num, den, isFraction := strings.Cut(text, "/"); isFraction {
		var a, b float64
		if err := errors.Join(number(num, &a), number(den, &b)); err != nil || b == 0 {
			return fmt.Errorf("%q is no number", text)
		}
		*into = a / b
		return nil
	}
	text = strings.TrimSpace(strings.TrimSuffix(strings.ToLower(text), "fps"))
	if *into, err = strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64); err != nil {
		return fmt.Errorf("%q is no number", text)
	}
	return nil
}
