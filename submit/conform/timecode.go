package conform

import (
	"fmt"
	"math"
	"strconv"
)

// timecode is hours:minutes:seconds:frames; a ; or . or , before the frames says drop frame.
var timecode = pattern(`^(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})$`)

// ParseTimecode returns the frame that a SMPTE timecode names, counted from 00:00:00:00 at rate frames
// a second. Rates just below a whole number (23.976, 29.97, 59.94) count as the whole one, since a
// timecode has whole frames. Drop-frame timecodes, written with a semicolon before the frames or
// because drop says so, skip the first two frame numbers of each minute but every tenth (four at
// 59.94); they exist only at 29.97 and 59.94 (SMPTE ST 12-1).
func ParseTimecode(text string, rate float64, drop bool) (int64, error) {
	m := timecode().FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no timecode of the form 01:02:03:04", text)
	}
	var field [4]int64
	for i, s := range []string{m[1], m[2], m[3], m[5]} {
		field[i], _ = strconv.ParseInt(s, 10, 64) // two or three digits
	}
	hours, minutes, seconds, frames := field[0], field[1], field[2], field[3]
	base := int64(math.Round(rate))
	if minutes > 59 || seconds > 59 || frames >= base {
		return 0, fmt.Errorf("%q: minutes and seconds go up to 59, frames at %g a second up to %d; another rate is given with --rate", text, rate, base-1)
	}
	count := ((hours*60+minutes)*60+seconds)*base + frames
	if !drop && m[4] == ":" {
		return count, nil
	}
	if base != 30 && base != 60 {
		return 0, fmt.Errorf("%q: drop-frame timecodes exist only at 29.97 and 59.94 frames a second, not at %g", text, rate)
	}
	dropped := base / 15 // 2 or 4
	if seconds == 0 && frames < dropped && minutes%10 != 0 {
		return 0, fmt.Errorf("%q does not exist in drop-frame timecode", text)
	}
	allMinutes := hours*60 + minutes
	return count - dropped*(allMinutes-allMinutes/10), nil
}

// ntsc gives a nominal rate its exact value: 23.976, 29.97 and 59.94 are 24, 30 and 60 by 1.001.
func ntsc(rate float64) float64 {
	exact := math.Ceil(rate) * 1000 / 1001
	if rate != math.Trunc(rate) && math.Abs(rate-exact) < 0.005 {
		return exact
	}
	return rate
}
