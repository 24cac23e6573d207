package walk

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// The rules for names here look at text only, so they hold and are tested on every system.

// CheckRel returns an error that says why a path must not be sent to a Manager as one inside a checkout: it must
// be relative, in UTF-8, with slashes, and stay inside on every system that a Manager may run on.
func CheckRel(rel string) error {
	switch {
	case rel == "":
		return errors.New("the path is empty")
	case !utf8.ValidString(rel):
		return errors.New("the name is not valid UTF-8")
	case rel[0] == '/':
		return errors.New("the path is absolute")
	case len(rel) > 1 && rel[1] == ':' && isLetter(rel[0]):
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

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// FoldName returns a text that two names share if a file system that ignores case or Unicode normal forms takes them for
// the same: their canonical caseless form (The Unicode Standard, D145).
func FoldName(name string) string {
	if isASCII(name) {
		return strings.ToLower(name)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldHash is a hash (FNV-1a) of FoldName(name), without making it for the usual names.
func foldHash(name string) uint64 {
	if !isASCII(name) {
		name = FoldName(name)
	}
	h := uint64(14695981039346656037)
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// WindowsProblem says why a name cannot be that of a file on Windows, or returns "".
// Source: Microsoft, "Naming Files, Paths, and Namespaces".
func WindowsProblem(name string) string {
	for i := range len(name) {
		if c := name[i]; c < ' ' || strings.IndexByte(`<>:"/\|?*`, c) >= 0 {
			return "it has a character that Windows does not allow"
		}
	}
	if strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
		return "Windows drops a dot or space at the end"
	}
	units := 0
	for _, r := range name {
		units++
		if r > 0xFFFF {
			units++
		}
	}
	if units > 255 {
		return "it is longer than 255 UTF-16 units"
	}
	stem, _, _ := strings.Cut(name, ".")
	switch stem = strings.ToUpper(strings.TrimRight(stem, " ")); stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return "Windows keeps this name for a device"
	}
	if device, isPort := strings.CutPrefix(stem, "COM"); isPort || strings.HasPrefix(stem, "LPT") {
		if !isPort {
			device = stem[3:]
		}
		switch device {
		case "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
			return "Windows keeps this name for a device"
		}
	}
	return ""
}

// within reports whether the path lies inside the folder root or is root itself. Both are clean; sep separates names.
func within(root, path string, sep byte) bool {
	if root == path || len(root) == 1 && root[0] == sep {
		return true
	}
	return strings.HasPrefix(path, root) && (path[len(root)] == sep || root[len(root)-1] == sep)
}
