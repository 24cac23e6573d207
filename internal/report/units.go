package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Printable makes text of foreign origin, such as the name of a job, fit for a terminal: control characters, which may
// steer it, and characters that turn the direction of writing become spaces. Line feeds and tabs stay. What is no
// UTF-8 becomes U+FFFD.
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
