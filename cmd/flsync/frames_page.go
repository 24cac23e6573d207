package main

import (
	"bytes"
	"html/template"
	"image"
	"image/jpeg"

	"golang.org/x/image/draw"

	"github.com/flsync/flsync/internal/frames"
	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/internal/report/page"
)

// frameMap returns what a page shows of a job's frames.
func (j jobFrames) frameMap() (m page.FrameMap) {
	m.Frames, m.Wrong = j.found()
	for _, f := range j.frames {
		m.Cells = append(m.Cells, page.Cell{Frame: f.Number, State: string(f.State)})
	}
	if j.video != nil {
		m.Cells = append(m.Cells, page.Cell{Frame: j.video.Number, State: string(j.video.State)})
	}
	m.Pictures = thumbnails(j.frames)
	return m
}

// thumbnails returns small pictures of up to so many good frames, evenly chosen. Formats that are not decoded
// have none.
func thumbnails(all []frames.Frame) (strip []page.Picture) {
	const most = 8
	var good []frames.Frame
	for _, f := range all {
		if f.State == frames.OK {
			good = append(good, f)
		}
	}
	n := min(most, len(good))
	for i := range n {
		f := good[i*(len(good)-1)/max(1, n-1)]
		if src, err := thumbnail(f.Path); err == nil {
			strip = append(strip, page.Picture{Frame: f.Number, Src: src})
		}
	}
	return strip
}

func thumbnail(path string) (template.URL, error) {
	file, err := openfile.Open(path, nil)
	if err != nil {
		return "", err
	}
	defer file.Close()
	whole, err := frames.Picture(file)
	if err != nil {
		return "", err
	}
	const width = 160
	b := whole.Bounds()
	small := image.NewRGBA(image.Rect(0, 0, width, max(1, min(width, width*b.Dy()/b.Dx()))))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), whole, b, draw.Src, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small, nil); err != nil {
		return "", err
	}
	return dataURL("image/jpeg", out.Bytes()), nil
}
