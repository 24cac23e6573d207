package conform

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// readCSV reads a shot list. The header row names the columns, in any order:
//
//	name                       required
//	in, out                    first and last frame, both used; or timecodes, out not used
//	start, duration            instead of them
//	reel, file, rate, speed    optional
//	any other                  becomes metadata of that name
func readCSV(text io.Reader, name string, opt Options) ([]Clip, error) {
	rows := csv.NewReader(text)
	rows.TrimLeadingSpace = true
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: no header row: %w", name, err)
	}
	column := make(map[string]int)
	for i, h := range header {
		h = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
		if _, twice := column[h]; twice {
			return nil, fmt.Errorf("%s:1: column %q is there twice", name, h)
		}
		column[h] = i
	}
	if _, ok := column["name"]; !ok {
		return nil, fmt.Errorf("%s:1: no column \"name\"", name)
	}
	var clips []Clip
	var problems []error
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := rows.FieldPos(0)
		get := func(key string) string {
			if i, ok := column[key]; ok {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		c, err := csvClip(get, opt)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s:%d: %w", name, line, err))
			continue
		}
		c.Where = fmt.Sprintf("%s:%d", name, line)
		c.Metadata = make(map[string]string)
		for key, i := range column {
			c.Metadata[key] = strings.TrimSpace(row[i])
		}
		clips = append(clips, c)
	}
	return clips, errors.Join(problems...)
}

func csvClip(get func(string) string, opt Options) (Clip, error) {
	c := Clip{Name: get("name"), Reel: get("reel"), File: get("file")}
	speed := 1.0
	c.Source.Rate = ntsc(opt.Rate)
	if err := errors.Join(number(get("rate"), &c.Source.Rate), number(get("speed"), &speed)); err != nil {
		return c, err
	}
	if c.Source.Rate <= 0 {
		return c, fmt.Errorf("a rate of %g makes no sense", c.Source.Rate)
	}
	c.Source.Rate = ntsc(c.Source.Rate)
	first, last := get("in"), get("out")
	if first == "" {
		first = get("start")
	}
	start, isTimecode, err := frame(first, c.Source.Rate, false)
	if err != nil {
		return c, fmt.Errorf("in: %w", err)
	}
	c.Source.Start = start
	if d := get("duration"); last == "" && d != "" {
		c.Source.Duration, _, err = frame(d, c.Source.Rate, false)
	} else {
		var end float64
		if end, _, err = frame(last, c.Source.Rate, false); err == nil {
			c.Source.Duration = end - start
			if !isTimecode {
				c.Source.Duration++
			}
		}
	}
	switch {
	case err != nil:
		return c, fmt.Errorf("out: %w", err)
	case c.Source.Duration <= 0:
		return c, errors.New("the clip ends before it begins")
	case speed == 0:
		c.Source.Duration = 1
	default:
		c.Source.Duration *= math.Abs(speed)
	}
	return c, nil
}

// frame reads a frame number or a timecode.
func frame(text string, rate float64, drop bool) (n float64, isTimecode bool, err error) {
	if strings.ContainsAny(text, ":;") {
		f, err := ParseTimecode(text, rate, drop)
		return float64(f), true, err
	}
	n, err = strconv.ParseFloat(text, 64)
	if err != nil || n != n || n > 1e9 || n < -1e9 {
		return 0, false, fmt.Errorf("%q is neither a frame number nor a timecode", text)
	}
	return n, false, nil
}

func number(text string, into *float64) (err error) {
	if text != "" {
		*into, err = strconv.ParseFloat(text, 64)
	}
	return err
}
