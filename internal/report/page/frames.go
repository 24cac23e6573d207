package page

import (
	_ "embed"
	"html/template"
	"io"
	"sync"
	"time"
)

//go:embed frames.html
var framesHTML string

var framesPage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("frames").Funcs(functions).Parse(framesHTML))
})

// FrameMap is the frames of one job.
type FrameMap struct {
	Name, ID, Status, Path string
	Cells                  []Cell // in order of the frames
	Pictures               []Picture
}

// Cell is one frame.
type Cell struct {
	Frame               int
	State, Path, Detail string
	Bad                 bool
}

// Picture is a small picture of a frame, as a data URL.
type Picture struct {
	Frame int
	Src   template.URL
}

// Bad returns the frames that are to be rendered again.
func (m FrameMap) Bad() (bad []Cell) {
	for _, c := range m.Cells {
		if c.Bad {
			bad = append(bad, c)
		}
	}
	return bad
}

// Frames writes one page with a map of the frames of each job.
func Frames(w io.Writer, jobs []FrameMap) error {
	return framesPage().Execute(w, struct {
		Made time.Time
		Jobs []FrameMap
	}{time.Now(), jobs})
}
