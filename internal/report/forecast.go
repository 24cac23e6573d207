package report

import (
	"fmt"
	"time"
)

// Forecast says when a job, or all jobs of a run together, will be done, from the time that finished tasks took.
type Forecast struct {
	Job   string    `json:"job,omitempty"` // "": all jobs together
	At    time.Time `json:"at"`            // when it was made
	Done  time.Time `json:"done"`          // if tasks take as long as the median
	Early time.Time `json:"early"`         // if they take as long as the lower quartile
	Late  time.Time `json:"late"`          // if they take as long as the upper one
}

// Type implements [Event].
func (Forecast) Type() string { return "forecast" }

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
