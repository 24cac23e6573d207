package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Printable makes text of foreign origin, such as the name of a job, fit for a terminal: control characters,
// which may steer it, and characters that turn the direction of writing become spaces. Line feeds and tabs
// stay. What is no UTF-8 becomes U+FFFD.
func Printable(text string) string {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return strings.Map(printable, text)
		}
	}
	return text // as most are, of which there may be 100,000s
}

func printable(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return ' '
	}
	return r
}

// Bytes renders a size for people, in powers of 1024: "812 B", "5.5 KiB", "1.6 GiB".
func Bytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	for value >= 1023.95 && unit < len("KMGTPE") {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[unit-1])
}

// Age renders how long ago something was, for people: "12s", "5m", "3h", "12d".
func Age(d time.Duration) string {
	switch {
	case d < 0:
		return "in future"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Split gives each error of an errors.Join, also of nested ones, so that each can be told with a message of
// its own. An error that wraps several in one sentence stays one.
func Split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	var lines []string
	for _, e := range joined.Unwrap() {
		all = append(all, Split(e)...)
		lines = append(lines, e.Error())
	}
	if err.Error() != strings.Join(lines, "\n") { // several %w in one sentence
		return []error{err}
	}
	return all
}

// Origin is where in an edit a job comes from, as flsync conform writes it into the job's metadata.
type Origin struct {
	Edit     string `json:"edit"`                // the edit's file name
	Event    string `json:"event,omitempty"`     // numbers of the events that show the shot
	RecordIn string `json:"record_in,omitempty"` // where in the edit they begin
}

// OriginOf reads the metadata of a job; nil for one that is from no edit.
func OriginOf(metadata map[string]string) *Origin {
	if metadata["edit"] == "" {
		return nil
	}
	return &Origin{metadata["edit"], metadata["event"], metadata["record_in"]}
}

// String returns text such as "cut.edl, event 3, at 01:00:12:05".
func (o Origin) String() string {
	text := o.Edit
	if o.Event != "" {
		text += ", event " + o.Event
	}
	if o.RecordIn != "" {
		text += ", at " + o.RecordIn
	}
	return text
}
