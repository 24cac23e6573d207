package main

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/submit/conform"
)

// stripsToEdit hands what deps reads in a video sequencer to conform. Image strips have the scene's frames in
// the names of their files; scene strips name scenes of libraries, which are the shots.
func stripsToEdit(shown *deps.Edit) *conform.Edit {
	edit := &conform.Edit{}
	file, rate := filepath.Base(shown.Path), conform.Rate(shown.FPS)
	for _, s := range shown.Strips {
		c := conform.Clip{
			Name: s.Name, File: s.File, Event: s.Name, RecordIn: strconv.Itoa(s.Start), Where: fmt.Sprintf("%s: channel %d, frame %d", file, s.Channel, s.Start),
			Metadata: map[string]string{"channel": strconv.Itoa(s.Channel)},
		}
		if s.Note != "" {
			edit.Notes = append(edit.Notes, conform.Note{Code: "retimed", Path: shown.Path, Text: c.Where + ": " + s.Name + ": " + s.Note})
		}
		if s.Problem != "" {
			edit.Problems = append(edit.Problems, conform.Problem{Clip: s.Name, Where: c.Where, Reason: s.Problem})
			continue
		}
		first, count := int64(s.First), int64(s.Last-s.First+1)
		c.Source, c.Available = conform.NewRange(first, count, rate), conform.NewRange(0, int64(s.Length), rate)
		switch {
		case s.Scene != "":
			c.Blend, c.Source = s.SceneFile, conform.NewRange(int64(s.SceneStart)+first, count, rate)
		case s.Kind == deps.KindImage:
			c.ByFrame = true
			if low, high, ok := imageNumbers(s.Images); ok {
				zero := low - first // the number of the strip's first image
				c.Source, c.Available.Start, c.FirstNumber = conform.NewRange(low, high-low+1, rate), conform.NewRange(zero, 0, rate).Start, &zero
			}
			if s.Name == filepath.Base(s.File) {
				c.Name = "" // conform takes the name of the sequence
			}
		case s.FPS > 0:
			own := conform.Rate(s.FPS)
			c.Source, c.Available, c.EditRate = conform.NewRange(first, count, own), conform.NewRange(0, int64(s.Length), own), rate
		}
		edit.Clips = append(edit.Clips, c)
	}
	return edit
}

// imageNumbers returns the lowest and highest frame number in the names of images, if all have one.
func imageNumbers(names []string) (low, high int64, ok bool) {
	for i, name := range names {
		n := conform.ImageNumber(name)
		if n == nil {
			return 0, 0, false
		}
		if i == 0 {
			low, high = *n, *n
		}
		low, high = min(low, *n), max(high, *n)
	}
	return low, high, len(names) > 0
}
