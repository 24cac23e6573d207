package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Frames is what `flsync frames` found of one job. Missing, Damaged and Due are frame ranges such as
// 12-14,20, "" for none; Damaged has all that are there and to be rendered again.
type Frames struct {
	Job      string `json:"job"`
	Name     string `json:"name"`
	Status   string `json:"status"`
	Path     string `json:"path"` // of one frame on this machine, with # for its digits
	Expected int    `json:"expected"`
	OK       int    `json:"ok"`
	Missing  string `json:"missing,omitempty"`
	Damaged  string `json:"damaged,omitempty"`
	Due      string `json:"due,omitempty"` // not there yet, and their tasks are still to run
}

// Text implements [Event].
func (f Frames) Text() string {
	text := fmt.Sprintf("frames   %-24s %d of %d are good", f.Name, f.OK, f.Expected)
	for _, part := range []struct{ what, frames string }{{"missing", f.Missing}, {"damaged", f.Damaged}, {"still to come", f.Due}} {
		if part.frames != "" {
			text += fmt.Sprintf(", %s: %s", part.what, part.frames)
		}
	}
	return fmt.Sprintf("%s  (%s, %s)", text, f.Status, f.Path)
}

// Frame is one frame, or the video of a job, that is to be made again.
type Frame struct {
	Job    string `json:"job"`
	Frame  *int   `json:"frame,omitempty"` // nil for the job's video
	Path   string `json:"path"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// Text implements [Event]. A frame that is not there is in the line of its job already.
func (f Frame) Text() string {
	if f.State == "missing" && f.Frame != nil {
		return ""
	}
	return strings.TrimSuffix(fmt.Sprintf("         %s: %s: %s", cmp.Or(f.Path, "?"), f.State, f.Detail), ": ")
}

// Forecast says when a job, or all jobs of a run together, will be done, from the time that finished tasks
// took.
type Forecast struct {
	Job   string    `json:"job,omitempty"` // "": all jobs together
	At    time.Time `json:"at"`            // when it was made
	Done  time.Time `json:"done"`          // if tasks take as long as the median
	Early time.Time `json:"early"`         // if they take as long as the lower quartile
	Late  time.Time `json:"late"`          // if they take as long as the upper one
}

// Text implements [Event], such as "done about 02:40 (02:25–03:10)".
func (f Forecast) Text() string {
	clock := func(t time.Time) string {
		if t.Sub(f.At) > 20*time.Hour {
			return t.Local().Format("Mon 15:04")
		}
		return t.Local().Format("15:04")
	}
	text := fmt.Sprintf("done about %s (%s–%s)", clock(f.Done), clock(f.Early), clock(f.Late))
	if f.Job == "" {
		return "all " + text
	}
	return text
}
