package conform

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
)

// timecode is hours:minutes:seconds:frames; a ; or . or , before the frames says drop frame.
var timecode = pattern.Lazy(`^(\d{1,2})[:;.,](\d{2})[:;.,](\d{2})([:;.,])(\d{2,3})$`)

// parseTimecode returns the frame that a SMPTE timecode names, counted from 00:00:00:00 at rate frames
// a second. Rates just below a whole number (23.976, 29.97, 59.94) count as the whole one, since a
// timecode has whole frames. Drop-frame timecodes, written with a semicolon before the frames or
// because drop says so, skip the first two frame numbers of each minute but every tenth (four at
// 59.94); they exist only at 29.97 and 59.94 (SMPTE ST 12-1).
func parseTimecode(text string, rate Rational, drop bool) (int64, error) {
	m := timecode().FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no timecode of the form 01:02:03:04", text)
	}
	var field [4]int64
	for i, s := range []string{m[1], m[2], m[3], m[5]} {
		field[i], _ = strconv.ParseInt(s, 10, 64) // two or three digits
	}
	hours, minutes, seconds, frames := field[0], field[1], field[2], field[3]
	base := nominal(rate)
	if minutes > 59 || seconds > 59 || frames >= base {
		return 0, fmt.Errorf("%q: minutes and seconds go up to 59, frames at %s a second up to %d; another rate is given with --rate", text, rate, base-1)
	}
	count := ((hours*60+minutes)*60+seconds)*base + frames
	if !drop && m[4] == ":" {
		return count, nil
	}
	if base != 30 && base != 60 {
		return 0, fmt.Errorf("%q: drop-frame timecodes exist only at 29.97 and 59.94 frames a second, not at %s; see --rate", text, rate)
	}
	dropped := base / 15 // 2 or 4
	if seconds == 0 && frames < dropped && minutes%10 != 0 {
		return 0, fmt.Errorf("%q does not exist in drop-frame timecode", text)
	}
	allMinutes := hours*60 + minutes
	return count - dropped*(allMinutes-allMinutes/10), nil
}

// nominal returns how many frames a second of timecode has.
func nominal(rate Rational) int64 { return max(1, rate.sub(Frac(1, 2)).ceil()) }

// formatTimecode writes frame n, counted from 00:00:00:00, as a timecode.
func formatTimecode(n int64, rate Rational, drop bool) string {
	base, separator := nominal(rate), ":"
	if n < 0 {
		return strconv.FormatInt(n, 10)
	}
	if drop && (base == 30 || base == 60) {
		separator = ";"
		dropped := base / 15
		minute, ten := base*60-dropped, base*600-9*dropped
		whole, rest := n/ten, n%ten
		n += 9*dropped*whole + dropped*max(0, (rest-dropped)/minute)
	}
	return fmt.Sprintf("%02d:%02d:%02d%s%02d", n/base/3600, n/base/60%60, n/base%60, separator, n%base)
}

// frame reads a frame number or a timecode.
func frame(text string, rate Rational, drop bool) (n Rational, isTimecode bool, err error) {
	if strings.ContainsAny(text, ":;") {
		f, err := parseTimecode(text, rate, drop)
		return frames(f), true, err
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x != x || x > 1e9 || x < -1e9 {
		return Rational{}, false, fmt.Errorf("%q is neither a frame number nor a timecode", text)
	}
	return Float(x), false, nil
}
