package pack

import (
	"fmt"
	"strings"

	"github.com/flsync/flsync/internal/place"
)

// Shared are the folders of the farm's shared storage, as this machine or as workers of any platform name
// them: /mnt/farm, S:\, \\server\farm. What an absolute path names there is there already.
type Shared []string

// Validate reports a folder that would take in everything, or nothing.
func (s Shared) Validate() error {
	for _, prefix := range s {
		form := sharedForm(prefix)
		switch {
		case form == "/" || form == ".":
			return fmt.Errorf("shared storage %q: name a folder, not the root of the file system", prefix)
		case !strings.HasPrefix(form, "/") && !place.IsDrive(form+"/"):
			return fmt.Errorf("shared storage %q is no absolute path", prefix)
		}
	}
	return nil
}

// Holds reports whether a path as it stands in a blend file is an absolute one in the shared storage. abs is
// what it is on this machine, "" where it is nothing.
func (s Shared) Holds(value, abs string) bool {
	if isRelative(value) {
		return false
	}
	written := sharedForm(value)
	for _, prefix := range s {
		p := sharedForm(prefix)
		if isWindows(p) {
			p, written := strings.ToLower(p), strings.ToLower(written)
			if within(p, written) {
				return true
			}
			continue
		}
		if within(p, written) || abs != "" && within(p, place.Clean(abs)) {
			return true
		}
	}
	return false
}

// sharedForm is a path of any system with slashes and clean; a drive alone is "S:".
func sharedForm(p string) string {
	return place.Clean(unslashed(p))
}

func isWindows(p string) bool { return strings.HasPrefix(p, "//") || place.IsDrive(p+"/") }
