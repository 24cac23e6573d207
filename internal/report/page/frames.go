package page

import (
	"html/template"
	"io"
	"time"

	"github.com/flsync/flsync/internal/report"
)

// FrameMap is the frames of one job.
type FrameMap struct {
	report.Frames
	Wrong    []report.Frame `json:"wrong"` // what is to be made again
	Cells    []Cell         `json:"-"`     // in order of the frames
	Pictures []Picture      `json:"-"`
}

// Cell is one frame, or the video of a job.
type Cell struct {
	Frame int
	State string
}

// Picture is a small picture of a frame, as a data URL.
type Picture struct {
	Frame int
	Src   template.URL
}

// wrong returns how many files are to be made again.
func (r *Run) wrong() (n int) {
	for _, m := range r.Frames {
		n += len(m.Wrong)
	}
	return n
}

// Frames writes one page with a map of the frames of each job.
func Frames(w io.Writer, jobs []FrameMap) error {
	return pages().ExecuteTemplate(w, "frames.html", struct {
		Made time.Time
		Jobs []FrameMap
	}{time.Now(), jobs})
}
