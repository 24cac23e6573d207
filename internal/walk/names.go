package walk

import (
	"errors"
	"unicode/utf8"

	"github.com/flsync/flsync/internal/place"
)

// The rules for names here look at text only, so they hold and are tested on every system.

// CheckRel returns an error that says why a path must not be sent to a Manager as one inside a checkout: it
// must be relative, in UTF-8, with slashes, and stay inside on every system that a Manager may run on.
func CheckRel(rel string) error {
	switch {
	case rel == "":
		return errors.New("the path is empty")
	case !utf8.ValidString(rel):
		return errors.New("the name is not valid UTF-8")
	case rel[0] == '/':
		return errors.New("the path is absolute")
	case place.HasDrive(rel):
		return errors.New("the path begins with a drive letter")
	}
	start := 0
	for i := 0; i <= len(rel); i++ {
		if i < len(rel) {
			switch rel[i] {
			case '\\':
				return errors.New("the name has a backslash, which separates folders on Windows")
			case 0:
				return errors.New("the name has a NUL")
			case '/':
			default:
				continue
			}
		}
		switch rel[start:i] {
		case "":
			return errors.New("the path has an empty name")
		case ".", "..":
			return errors.New("the path has a relative part")
		}
		start = i + 1
	}
	return nil
}
